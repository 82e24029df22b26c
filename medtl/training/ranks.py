"""One fit on several processes: which cases of a batch each one computes, and how what they found becomes one number.

In: the rank of this process among those that `torchrun` started. Out: its share of every batch, and sums over all.
The batches are those of one process, so that a loss or gradient is the same sum, taken in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from medtl.errors import ResourceExhausted
from medtl.training.batches import Batch, Request
from medtl.training.meeting import FitName, Meeting
from medtl.training.whole_piece import OfWholePiece

Loader = Callable[[list[list[Request]]], Iterator[Batch]]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Piece:
    """The cases of a micro-batch that one process computes, with the rows that they have in it.

    A process for which there is none computes one case with weight 0, so that all take the same steps.
    """

    scans: Tensor
    labels: Tensor
    rows: tuple[int, ...]
    cases: int
    weight: float = 1.0


@dataclass(frozen=True)
class Ranks:
    """The place of this process among `world` that train together; alone without a `meeting`."""

    rank: int = 0
    world: int = 1
    meeting: Meeting | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that prepares, judges and writes."""
        return self.rank == 0

    def load(self, loader: Loader, plan: Sequence[Sequence[Request]], *, whole: bool) -> Iterator[Batch]:
        """The batches of a plan, each with the names of all its cases, and with the scans of this process's alone.

        Every `world`-th case is this process's, whatever the size of the micro-batches. `whole` loads all scans.
        """
        shares = [list(batch) if whole else self._own(batch) or list(batch[:1]) for batch in plan]
        for planned, batch in zip(plan, loader(shares), strict=True):
            yield replace(batch, case_ids=tuple(request.case_id for request in planned))

    def own_of(self, batch: Batch) -> Batch:
        """A batch that was loaded whole, with the scans of this process alone."""
        if self.meeting is None:
            return batch
        rows = self._own(range(len(batch.case_ids))) or [0]
        return replace(batch, scans=batch.scans[rows], labels=batch.labels[rows])

    def pieces(self, batch: Batch, sizes: Sequence[int]) -> Iterator[Piece]:
        """What this process computes of each micro-batch, of these `sizes`."""
        own, start = self._own(range(len(batch.case_ids))), 0
        for size in sizes:
            mine = [at for at, row in enumerate(own) if start <= row < start + size]
            part = slice(mine[0], mine[-1] + 1) if mine else slice(1)
            rows = tuple(own[at] - start for at in mine) or (0,)
            yield Piece(batch.scans[part], batch.labels[part], rows, size, weight=float(bool(mine)))
            start += size

    def of_whole(self, piece: Piece) -> AbstractContextManager[object]:
        """For the block, chance and batch statistics are those of the whole micro-batch."""
        return nullcontext() if self.meeting is None else OfWholePiece(piece.rows, piece.cases, weight=piece.weight)

    def any(self, is_so: bool) -> bool:  # noqa: FBT001 - a verdict, which is the subject
        """Whether it is so on some rank; all wait for each other."""
        return bool(self._gathered(int(is_so), distributed.ReduceOp.MAX))

    def add_up(self, total: Tensor, parameters: Iterable[nn.Parameter]) -> None:
        """Add up a loss and the gradients over the ranks, in place."""
        if self.meeting is None:
            return
        parts = [total, *(one.grad for one in parameters if one.grad is not None)]
        flat = torch.cat([part.reshape(-1) for part in parts])
        distributed.all_reduce(flat)
        for part, summed in zip(parts, flat.split([part.numel() for part in parts]), strict=True):
            part.copy_(summed.view_as(part))

    def from_first(self, value: Callable[[], float]) -> float:
        """A number that the first rank computes while the others wait."""
        if self.meeting is None:
            return value()
        found = torch.tensor(value() if self.is_first else 0.0, dtype=torch.float64)
        distributed.broadcast(found, 0)
        return float(found)

    def start_together(self, module: nn.Module, *, epochs_done: int) -> None:
        """Wait until every rank has come to this fit; all then have the first one's weights.

        Raises:
            ResourceExhausted: the ranks do not see the same state of the fit in the run's folder.
        """
        if self.meeting is None:
            return
        least, most = (self._gathered(epochs_done, how) for how in (distributed.ReduceOp.MIN, distributed.ReduceOp.MAX))
        if least != most:
            raise ResourceExhausted(
                "The processes of this training do not see the same state of it in the run's folder: one finds "
                f"{least} finished epochs, another {most}. Run again with --resume, on a folder that all see alike."
            )
        for tensor in (*module.parameters(), *module.buffers()):
            distributed.broadcast(tensor.detach(), 0)

    def find_run(self) -> Path:
        """The run that the first rank has prepared, for another one.

        Raises:
            ResourceExhausted: this process does not see it.
            RankEnded: another process has ended.
        """
        return self._others().find_run(self.rank)

    def next_fit(self) -> FitName | None:
        """The next fit to take part in, once the first rank has come to it; None when there is none.

        Raises:
            RankEnded: another process has ended.
        """
        return self._others().next_fit()

    def announce(self, fit: FitName) -> None:
        """Call the other ranks to a fit, if this is the first one."""
        if self.meeting is not None and self.is_first:
            self.meeting.announce(fit)

    @contextmanager
    def at_work(self, run: Path) -> Iterator[None]:
        """For the block, the other ranks take part in the fits of a run that is prepared; then they end.

        Raises:
            RankEnded: one of them does not see the run, or has ended.
        """
        if self.meeting is None:
            yield
            return
        self.meeting.open_run(run, others=range(1, self.world))
        yield
        self.meeting.announce(None)
        distributed.destroy_process_group()

    def _others(self) -> Meeting:
        assert self.meeting is not None
        return self.meeting

    def _own(self, cases: Sequence[Item]) -> list[Item]:
        return list(cases[self.rank :: self.world])

    def _gathered(self, value: int, how: distributed.ReduceOp.RedOpType) -> int:
        if self.meeting is None:
            return value
        found = torch.tensor(value)
        distributed.all_reduce(found, how)
        return int(found)


ALONE = Ranks()
"""One process, which does everything."""
