"""The journal of a run while it is at work: environment.json and events.jsonl, up to date after each part."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from medtl import environment
from medtl.encoders import EncoderCard
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.record import run_folder as names
from medtl.record import run_seal
from medtl.record.provenance import Provenance, read_provenance, write_provenance
from medtl.record.run_folder import RunFolder, utc_now


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
        run.tell("started", fingerprint=fingerprint, device=device)
        return cls(run, provenance)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long a part took; a part that fails is noted in events.jsonl by the kind of its error."""
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            with suppress(OSError):  # a full disk must not hide what stopped the part
                self.run.tell("stopped", part=part, error=type(error).__name__)
            raise
        spent = dict(self.provenance.seconds)
        spent[part] = round(spent.get(part, 0.0) + time.monotonic() - began, 3)
        self._write(seconds=spent)
        self.run.tell("did", part=part, seconds=spent[part])

    def finish(self) -> None:
        """Write down that the run is finished, and seal it as a whole."""
        self._write(finished_utc=utc_now())
        self.run.tell("finished")
        run_seal.seal_run(self.run)

    def _write(self, **changes: object) -> None:
        self.provenance = self.provenance.model_copy(update=changes)
        write_provenance(self.provenance, self.run.path)


def _earlier(run: RunFolder) -> Provenance | None:
    """What a run that goes on was begun with; None for a new run, and where it cannot be read."""
    try:
        return read_provenance(run.path)
    except (ConfigurationError, IntegrityFailure):
        return None
