"""What a run writes of itself: who was in it, what it was made with, and how long each part took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

import pandas as pd

from medtl import environment
from medtl.cohort import Cohort, flow
from medtl.encoders import EncoderCard
from medtl.errors import IntegrityFailure
from medtl.files import fingerprint, read_csv, write_csv, write_json
from medtl.folds import sealing
from medtl.imaging import ScanFacts
from medtl.record import run_folder as names
from medtl.record import run_seal
from medtl.record.controls import BlindAuroc
from medtl.record.held_out import Seal
from medtl.record.run_folder import RunFolder, utc_now


@dataclass
class RunJournal:
    """Keeps `environment.json` and `events.jsonl` of one run up to date."""

    run: RunFolder
    facts: dict[str, object]
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, run: RunFolder, *, fingerprint: str, seed: int, device: str, cards: Sequence[EncoderCard]
    ) -> RunJournal:
        """Write down what the run is made with, before anything is computed; a run that goes on keeps its start and
        the time it took so far, and is not finished any more."""
        began, seconds = _earlier(run)
        (run / names.DONE).unlink(missing_ok=True)
        facts: dict[str, object] = {
            "fingerprint": fingerprint,
            "seed": seed,
            "device": device,
            "versions": environment.versions(),
            **environment.machine(),
            "encoder": cards[0].model_dump(mode="json"),
            "further_encoders": [card.model_dump(mode="json") for card in cards[1:]],
            "started_utc": began or utc_now(),
            "finished_utc": None,
        }
        record = cls(run, facts, seconds)
        record._write()
        run.tell("started", fingerprint=fingerprint, device=device)
        return record

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long a part took; a part that fails is told in events.jsonl by the kind of its error."""
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            with suppress(OSError):  # a full disk must not hide what stopped the part
                self.run.tell("stopped", part=part, error=type(error).__name__)
            raise
        self.seconds[part] = round(self.seconds.get(part, 0.0) + time.monotonic() - began, 3)
        self._write()
        self.run.tell("did", part=part, seconds=self.seconds[part])

    def finish(self) -> None:
        """Write down that the run is finished, and seal it as a whole."""
        self.facts["finished_utc"] = utc_now()
        self._write()
        self.run.tell("finished")
        run_seal.seal_run(self.run)

    def _write(self) -> None:
        write_json(self.run / names.ENVIRONMENT, {**self.facts, "seconds": self.seconds})


def _earlier(run: RunFolder) -> tuple[str | None, dict[str, float]]:
    """When a run that goes on was started, and how long its parts took so far."""
    if not (run / names.ENVIRONMENT).is_file():
        return None, {}
    try:
        known = json.loads((run / names.ENVIRONMENT).read_text(encoding="utf-8"))
        return str(known["started_utc"]), {str(part): float(spent) for part, spent in known["seconds"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {}


def write_cohort_tables(cohort: Cohort, facts: Mapping[str, ScanFacts], run: RunFolder, *, blind: BlindAuroc) -> None:
    """Write who is in the study and who is not: manifest.lock.csv, exclusions.csv, cohort.json.

    Raises:
        IntegrityFailure: the run goes on with other scans than it began with.
    """
    lock = flow.manifest_lock(cohort, facts)
    if (run / names.LOCK_TABLE).is_file():
        _refuse_other_scans(lock, before=read_csv(run / names.LOCK_TABLE, text_columns=("case_id", "sha256")))
    write_csv(run / names.LOCK_TABLE, lock)
    columns = ["case_id", "line", "reason", "detail"]
    left_out = [asdict(exclusion) for exclusion in cohort.exclusions]
    write_csv(run / names.EXCLUSIONS, pd.DataFrame(left_out, columns=columns))
    counts = flow.flow_of(cohort)
    write_json(
        run / names.COHORT,
        {
            "files": counts.files,
            "cases": counts.cases,
            "patients": counts.patients,
            "classes": cohort.classes,
            "positive_class": cohort.positive_class,
            "covariates": cohort.covariates,
            "notes": cohort.notes,
            "is_phantom": cohort.is_phantom,
            "limited": cohort.limited,
            "without_scans": {
                "properties": blind.names,
                "auroc": blind.auroc.model_dump(mode="json"),
                "p_value": blind.p_value,
            },
        },
    )


def write_seal(sealed: Cohort | None, facts: Mapping[str, ScanFacts], column: str | None, run: RunFolder) -> None:
    """Write sealed.json: which cases stay sealed, by two hashes. Nothing where the study seals none."""
    if sealed is not None and column is not None:
        write_json(run / names.SEALED, seal_of(sealed, facts, column).model_dump(mode="json"))


def seal_of(sealed: Cohort, facts: Mapping[str, ScanFacts], column: str) -> Seal:
    """What is known of a sealed test before it is opened."""
    pixels = {case.case_id: facts[case.case_id].pixel_sha256 for case in sealed.cases}
    return Seal(
        column=column,
        cases=len(sealed.cases),
        patients=len(sealed.patients),
        commitment=sealing.commitment(sealed, pixels),
        images=images_of(pixels.values()),
    )


def images_of(pixel_sha256: Iterable[str]) -> str:
    """A name for a set of images."""
    return fingerprint(sorted(set(pixel_sha256)))


def _refuse_other_scans(lock: pd.DataFrame, *, before: pd.DataFrame) -> None:
    began_with = dict(zip(before["case_id"], before["sha256"], strict=True))
    changed = [
        case for case, sha256 in zip(lock["case_id"], lock["sha256"], strict=True) if began_with.get(case) != sha256
    ]
    if changed:
        raise IntegrityFailure(
            f"{len(changed)} scan{'s have' if len(changed) > 1 else ' has'} changed since this run began, first case "
            f"{changed[0]}: its folds would not belong together. Put the old files back, or start anew with --out.",
            cases=tuple(changed),
        )
