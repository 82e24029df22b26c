"""What processes that train together say to each other beside numbers: which run, which fit is next, who has ended.

In: the environment that `torchrun` gives to each process. Out: a meeting of all, which ends with an exit code.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from medtl.errors import Interrupted, MedtlError, ResourceExhausted
from medtl.training.life_line import SECONDS_TO_HEAR, WORD_BYTES, LifeLine, connection_to_first, connections_to_others

LONGEST_WAIT = timedelta(days=2)
"""For a sum, such as while the first process predicts; that a process has ended is known by the life line."""

SECONDS_TO_MEET = timedelta(minutes=5)
THIS_MACHINE = ("localhost", "127.0.0.1")
"""Addresses at which torchrun lets processes of one machine meet: no other machine need reach them."""

POLL_SECONDS = 0.1
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
SECONDS_TO_APPEAR = 10.0
"""For a new file to be seen on another machine."""


class RankEnded(Exception):
    """Another process of the training has ended with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.exit_code = code


@dataclass(frozen=True)
class FitName:
    """One fit of a study: its fold, the suffix of its variant, and its policy."""

    fold: int
    suffix: str
    policy: str


class Meeting:
    """The messages of processes that train together."""

    def __init__(self, store: Store, life: LifeLine) -> None:
        self.store, self.life = store, life
        self._fits = 0

    def open_run(self, run: Path, *, others: Iterable[int]) -> None:
        """Say to the others which run is prepared, and wait until each has found a file that is left in it for a while.

        Raises:
            RankEnded: another process has ended, most often because it does not see the run.
        """
        trace = run / f".ranks.json.{secrets.token_hex(4)}"  # a name that is swept away after a kill
        trace.touch()
        try:
            self.store.set("run", json.dumps([str(run), trace.name]))
            for rank in others:
                self._hear(f"found/{rank}")
        finally:
            trace.unlink(missing_ok=True)

    def find_run(self, rank: int) -> Path:
        """The run that the first process has prepared, once it has.

        Raises:
            ResourceExhausted: this process does not see it.
            RankEnded: another process has ended.
        """
        path, trace = json.loads(self._hear("run"))
        run = Path(path)
        deadline = time.monotonic() + SECONDS_TO_APPEAR
        while not (run / trace).is_file():
            if time.monotonic() > deadline:
                raise ResourceExhausted(
                    f"Process {rank} of this training, on {socket.gethostname()}, does not see the run's folder "
                    f"{run.name} that the first process writes. Start all of them in the same folder of a disk that "
                    "every machine sees, or give --out with a whole path on such a disk; then run again with --resume."
                )
            time.sleep(POLL_SECONDS)
        self.store.set(f"found/{rank}", "")
        return run

    def announce(self, fit: FitName | None) -> None:
        """Say which fit is next; None: there is none."""
        self._fits += 1
        self.store.set(f"fit/{self._fits}", json.dumps(fit and asdict(fit)))

    def next_fit(self) -> FitName | None:
        """The next fit, once the first process has come to it; None when there is none.

        Raises:
            RankEnded: another process has ended.
        """
        self._fits += 1
        found = json.loads(self._hear(f"fit/{self._fits}"))
        return None if found is None else FitName(**found)

    def _hear(self, key: str) -> bytes:
        """A message, looked for again and again, so that a signal is noticed and no wait is too long."""
        while not self.store.check([key]):
            if self.life.has_ended:
                raise RankEnded(self.life.code or 0)
            time.sleep(POLL_SECONDS)
        return bytes(self.store.get(key))


@contextmanager
def meeting_of(*, rank: int, world: int, address: str, device: torch.device) -> Iterator[Meeting]:
    """Meet the other processes for the block, and say at its end how this one ended.

    Raises:
        ResourceExhausted: another process was ended from outside.
        RankEnded: another process ended with an error of its own.
    """
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store, _, _ = next(rendezvous("env://", rank, world, timeout=SECONDS_TO_MEET))
    store.set_timeout(SECONDS_TO_MEET)
    distributed.init_process_group(
        backend, store=PrefixStore("sums", store), rank=rank, world_size=world, timeout=LONGEST_WAIT
    )
    own = PrefixStore("medtl", store)
    life = LifeLine(_connections(own, rank=rank, world=world, address=address))
    try:
        yield Meeting(own, life)
    except BaseException as error:
        raise _ending(error, life, rank=rank) from error
    life.end(0)
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _connections(store: Store, *, rank: int, world: int, address: str) -> list[socket.socket]:
    if rank > 0:
        port, word = json.loads(store.get("life line"))
        return [connection_to_first(address, port, word)]
    reachable = address if address in THIS_MACHINE else ""
    with socket.create_server((reachable, 0)) as server:
        word = secrets.token_hex(WORD_BYTES // 2)
        store.set("life line", json.dumps([server.getsockname()[1], word]))
        return connections_to_others(server, word, others=world - 1)


def _ending(error: BaseException, life: LifeLine, *, rank: int) -> BaseException:
    """The error with which this process ends, after the others were given its exit code.

    An error of its own is raised as it is. What failed because another process has ended says so. Signals are ignored
    from here on: torchrun sends one to what is left, and this process ends by itself.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if isinstance(error, MedtlError):
        life.end(error.exit_code)
        return error
    life.wait_for_news(0.1 if isinstance(error, KeyboardInterrupt) else SECONDS_TO_HEAR)
    if life.is_lost:
        life.end(ResourceExhausted.exit_code)
        return ResourceExhausted(
            f"Another process of this training was ended from outside, most often because memory ran out; process "
            f"{rank} ends too. Finished folds and epochs are kept: give the same command with --resume."
        )
    if isinstance(error, KeyboardInterrupt):
        life.end(Interrupted.exit_code)
        return error
    if life.code is not None:
        life.end(life.code)
        return RankEnded(life.code)
    life.end(ResourceExhausted.exit_code)
    return error
