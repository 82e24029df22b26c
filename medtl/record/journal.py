"""The journal of a run while it is at work: environment.json and events.jsonl, up to date after each part."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from medtl import environment
from medtl.encoders import EncoderCard
from medtl.environment import utc_now
from medtl.errors import ConfigurationError, IntegrityFailure, ResourceExhausted
from medtl.record import run_folder as names
from medtl.record import run_seal
from medtl.record.at_work import at_work
from medtl.record.events import Finished, PartDone, Started, Stopped, add_event, read_events
from medtl.record.provenance import Provenance, read_provenance, write_provenance
from medtl.record.run_folder import RunFolder


@dataclass
class RunJournal:
    """Keeps `environment.json` and `events.jsonl` of one run up to date."""

    run: RunFolder
    provenance: Provenance

    @classmethod
    def begin(
        cls, run: RunFolder, *, fingerprint: str, seed: int, device: str, cards: Sequence[EncoderCard]
    ) -> RunJournal:
        """Write down what the run is made with, before anything is computed.

        A run that goes on keeps its start and the time it took so far, and is not finished any more.

        Args:
            run: The folder of the run; this process holds it.
            fingerprint: Of everything that decides a result.
            seed: Of the study.
            device: The kind of device, such as `cpu` or `cuda`.
            cards: Of the encoders, the study's own first.
        """
        earlier = _earlier(run)
        (run / names.DONE).unlink(missing_ok=True)
        provenance = Provenance(
            fingerprint=fingerprint,
            seed=seed,
            device=device,
            versions=environment.versions(),
            **environment.machine(),
            encoder=cards[0],
            further_encoders=tuple(cards[1:]),
            started_utc=utc_now() if earlier is None else earlier.started_utc,
            seconds={} if earlier is None else earlier.seconds,
        )
        write_provenance(provenance, run.path)
        add_event(run.path, Started(fingerprint=fingerprint, device=device))
        return cls(run, provenance)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long a part took; a part that fails is noted in events.jsonl by the kind of its error."""
        began = time.monotonic()
        with _noted(self.run.path, part), at_work(self.provenance.fingerprint, part):
            yield
        spent = dict(self.provenance.seconds)
        spent[part] = round(spent.get(part, 0.0) + time.monotonic() - began, 3)
        self._write(seconds=spent)
        add_event(self.run.path, PartDone(part=part, seconds=spent[part]))

    def take_up(self, parts: Iterable[str]) -> None:
        """Take the seconds of these parts from events.jsonl, where other processes worked on them."""
        done = {one.what.part: one.what.seconds for one in read_events(self.run.path) if isinstance(one.what, PartDone)}
        spent = dict(self.provenance.seconds)
        spent.update({part: done[part] for part in parts if part in done})
        self._write(seconds=spent)

    def finish(self) -> None:
        """Write down that the run is finished, and seal it as a whole."""
        self._write(finished_utc=utc_now())
        add_event(self.run.path, Finished())
        run_seal.seal_run(self.run)

    def _write(self, **changes: object) -> None:
        self.provenance = self.provenance.model_copy(update=changes)
        write_provenance(self.provenance, self.run.path)


@contextmanager
def timed_part(run: Path, part: str, *, fingerprint: str) -> Iterator[None]:
    """Note in events.jsonl how long a part took that this process does for the run of another one."""
    began = time.monotonic()
    with _noted(run, part), at_work(fingerprint, part):
        yield
    add_event(run, PartDone(part=part, seconds=round(time.monotonic() - began, 3)))


@contextmanager
def _noted(run: Path, part: str) -> Iterator[None]:
    """An error of the block is noted by its kind."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError, ResourceExhausted):  # a full disk must not hide what stopped the part
            add_event(run, Stopped(part=part, error=type(error).__name__))
        raise


def _earlier(run: RunFolder) -> Provenance | None:
    """What a run that goes on was begun with; None for a new run, and where it cannot be read."""
    try:
        return read_provenance(run.path)
    except (ConfigurationError, IntegrityFailure):
        return None
