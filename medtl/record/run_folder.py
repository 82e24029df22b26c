"""Where a study's results lie: names of files, who works here now, and what is finished.

In: a folder. Out: paths by name, locks on the run and on each of its folds, and a DONE file per fold with the hashes of
what the fold wrote.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import is_temporary, sha256_of_file, sweep, write_json
from medtl.heartbeat import beating
from medtl.locks import Hold, exclusive, shared

STUDY = "study.yaml"
COHORT = "cohort.json"
LOCK_TABLE = "manifest.lock.csv"
FOLDS = "folds.csv"
EXCLUSIONS = "exclusions.csv"
ENVIRONMENT = "environment.json"
EVENTS = "events.jsonl"
LOCK = ".lock"
PREDICTIONS = "predictions.csv"
METRICS = "metrics.json"
HISTORY = "history.csv"
PROBE = "probe.json"
RETENTION = "retention.json"
REPORT = "report.html"
SUMMARY = "summary.html"
CONTROLS = "controls.json"
CONTROLS_PREDICTIONS = "controls_predictions.csv"
AUDIT = "audit.json"
AUDIT_PICTURES = "audit"
SALIENCY_CHECKS = "saliency_checks.json"
CHECKPOINT = "checkpoint.safetensors"
SELECTION = "selection.json"
BASELINES = "baselines.safetensors"
SEALED = "sealed.json"
HELD_OUT = "held_out"
RECORD = "record.json"
MEMBERS = "members.csv"
UNCERTAINTY = "uncertainty.csv"
OPENINGS = "openings.jsonl"
DONE = "DONE.json"
SALIENCY = "saliency"
SALIENCY_TABLE = "saliency.csv"
MAPS_TABLE = "maps.csv"
TRAINING = "training"
JOBS = "slurm"
LOGS = "logs"
OF_A_SCHEDULER = (JOBS, LOGS)
"""Folders that may lie in a run's folder before it is begun: its jobs, and their logs."""
STATEMENTS = "statements.yaml"
REFERENCES = "references.bib"
MODEL_CARD = "model_card.md"
FIGURES = "figures"
TABLES = "tables"
PDF = "report.pdf"
SUMMARY_PDF = "summary.pdf"
NOT_HASHED = frozenset({DONE, LOCK, REPORT, SUMMARY, FIGURES, TABLES})
"""What a fold's folder holds that is no result of the fold, or is made anew with the pages."""


class FoldDone(BaseModel):
    """DONE.json of a fold: the sha256 of each file that the fold wrote, by its path in the fold's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fold: int
    sha256: Mapping[str, str]


class _Started(BaseModel):
    """What environment.json holds from the first moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def fold(self, fold: int) -> Path:
        """The folder of one fold."""
        return self.path / f"fold_{fold}"

    @contextmanager
    def held(self) -> Iterator[RunHold]:
        """Hold the folder for this process; another holder is `Locked`. What a kill left half-written is removed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            refusal = (
                f"Another process is working in {self.path.name}. Wait for it, or choose another folder with --out; "
                f"medtl status {self.path.name} says which one it is."
            )
            with ExitStack() as holding:
                hold = holding.enter_context(exclusive(self / LOCK, refusal=refusal, folder=self.path.name))
                sweep(self.path)
                holding_on = holding.pop_all()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            raise ConfigurationError(
                f"{self.path.name} cannot be used as a run folder ({error.strerror}). Choose another with --out.",
                folder=self.path.name,
            ) from error
        with holding_on, beating(self / LOCK):
            yield RunHold(self, hold)

    @contextmanager
    def held_fold(self, fold: int) -> Iterator[None]:
        """Hold one fold for this process while other processes may work on other folds of the run.

        Raises:
            Locked: another process works on this fold, or holds the whole folder.
        """
        folder = self.fold(fold)
        wait = f"Wait for it, and run again with --resume; medtl status {self.path.name} says which one it is."
        whole = f"Another process is working in {self.path.name}. {wait}"
        refusal = f"Another process is working on fold {fold} of {self.path.name}. {wait}"
        with shared(self / LOCK, refusal=whole, folder=self.path.name):
            folder.mkdir(exist_ok=True)
            with exclusive(folder / LOCK, refusal=refusal, folder=self.path.name, fold=fold):
                sweep(folder)
                with beating(folder / LOCK):
                    yield

    def refuse_occupied(self, *, resume: bool, brought: Sequence[str] = ()) -> None:
        """Nothing, if a run may be made or resumed here as far as names tell; asked before any work is done.

        Raises:
            ConfigurationError: the folder holds files of somebody else, or a run that is not to be resumed.
        """
        if not (self / STUDY).is_file():
            there = list(self.path.iterdir()) if self.path.is_dir() else []
            others = [
                one.name
                for one in there
                if one.name not in (LOCK, *OF_A_SCHEDULER, *brought) and not is_temporary(one.name)
            ]
            if others:
                raise ConfigurationError(
                    f"{self.path.name} holds files that no study wrote ({', '.join(sorted(others)[:3])}). "
                    "Choose an empty or new folder with --out.",
                    folder=self.path.name,
                )
        elif not resume:
            raise ConfigurationError(
                f"{self.path.name} already holds a run. Add --resume to continue it, or choose another folder with "
                "--out; nothing was overwritten.",
                folder=self.path.name,
            )

    def claim(self, *, fingerprint: str, resume: bool, brought: Sequence[str] = ()) -> None:
        """Check that this study may write here: an empty folder, or its own with `--resume`.

        `brought` are files that may lie there before: folds that were made elsewhere.
        """
        self.refuse_occupied(resume=resume, brought=brought)
        if not (self / STUDY).is_file():
            return
        there = self.fingerprint()
        if there is None and {entry.name for entry in self.path.iterdir()} <= {STUDY, LOCK, *OF_A_SCHEDULER, *brought}:
            return  # stopped before anything was computed
        if there != fingerprint:
            raise ConfigurationError(
                f"{self.path.name} holds a run of another study (fingerprint {there}, this one is {fingerprint}): its "
                "settings, manifest, weights or medtl differ. Choose another folder with --out.",
                folder=self.path.name,
                there=there,
                here=fingerprint,
            )

    def fingerprint(self) -> str | None:
        """The fingerprint the run was started with."""
        path = self / ENVIRONMENT
        return _recorded(path, _Started).fingerprint if path.is_file() else None

    def finish_fold(self, fold: int) -> None:
        """Mark a fold as finished: the hashes of everything it wrote, written last.

        Pages and what lies beside them are made anew at any time and are not among them; states of training are no
        longer needed and removed.
        """
        folder = self.fold(fold)
        shutil.rmtree(folder / TRAINING, ignore_errors=True)
        files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
        written = {
            name: path
            for name, path in files.items()
            if name.parts[0] not in NOT_HASHED and not is_temporary(path.name)
        }
        hashes = {name.as_posix(): sha256_of_file(path) for name, path in written.items()}
        write_json(folder / DONE, FoldDone(fold=fold, sha256=hashes).model_dump(mode="json"))

    def is_finished(self, fold: int) -> bool:
        """Whether a fold has a DONE file; a finished fold whose files have changed is refused."""
        folder = self.fold(fold)
        if not (folder / DONE).is_file():
            return False
        for name, expected in read_done(folder).sha256.items():
            path = folder / name
            found = sha256_of_file(path) if path.is_file() else "nothing"
            if found != expected:
                raise IntegrityFailure(
                    f"{folder.name}/{name} is not what the fold wrote: expected sha256 {expected[:12]}, found "
                    f"{found[:12]}. Delete {folder.name} and run again with --resume to make the fold anew.",
                    file=f"{folder.name}/{name}",
                    expected=expected,
                    found=found,
                )
        return True

    def finished_folds(self) -> tuple[int, ...]:
        """The folds with a DONE file, in order."""
        return tuple(sorted(int(path.parent.name.removeprefix("fold_")) for path in self.path.glob(f"fold_*/{DONE}")))


@dataclass(frozen=True)
class RunHold:
    """A run's folder that this process holds."""

    run: RunFolder
    hold: Hold

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let other processes work on folds of the run during the block; after it the folder is held again.

        Raises:
            Locked: at the end of the block another process still works on a fold.
        """
        name = self.run.path.name
        still_shared = (
            f"The folds of this process are finished; another process still works on a fold of {name}. Run again with "
            "--resume when it has finished: the controls and the pages are made then."
        )
        with self.hold.lent(still_shared=still_shared):
            yield


def read_done(fold: Path) -> FoldDone:
    """The DONE.json in the folder of a finished fold.

    Raises:
        IntegrityFailure: it was changed or cut off.
    """
    return _recorded(fold / DONE, FoldDone)


def _recorded(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise IntegrityFailure(
            f"{path.parent.name}/{path.name} cannot be read: it was changed or cut off after the run wrote it. "
            f"Delete {path.parent.name} and run again, with --resume if it is a fold.",
            file=f"{path.parent.name}/{path.name}",
        ) from error
