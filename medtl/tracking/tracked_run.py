"""The numbers of a run as series: each has a name, a step and a time.

In: a run folder, finished or not. Out: a frozen value that holds no case, no patient and no path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from medtl.errors import ConfigurationError
from medtl.evaluation.study_metrics import Metrics
from medtl.record import run_folder as names
from medtl.record.curves import Curve, read_curves
from medtl.record.metrics import read_fold_metrics, read_study_metrics
from medtl.record.provenance import read_provenance
from medtl.record.run_seal import refuse_changed
from medtl.record.study import read_study

SECONDS = "seconds"
"""The column of history.csv that says how long an epoch took."""


@dataclass(frozen=True)
class Point:
    """A number: its name, the epoch (0 for a metric), and its time in seconds since 1970."""

    name: str
    step: int
    value: float
    at: float


@dataclass(frozen=True)
class Series:
    """One model in a fold, or out of fold: its curves by epoch, and its metrics by patient with their intervals."""

    fold: int | None
    model: str
    epochs: tuple[Point, ...]
    metrics: tuple[Point, ...]

    @property
    def part(self) -> str:
        """Of the run: `fold_0`, or `out_of_fold`."""
        return "out_of_fold" if self.fold is None else f"fold_{self.fold}"


@dataclass(frozen=True)
class TrackedRun:
    """A run: the names of its folder and its study, what decides its results, and its series.

    `started` is in seconds since 1970. `settings` are those that pages show, as (dotted name, text).
    """

    name: str
    study: str
    fingerprint: str
    version: str
    started: float
    is_finished: bool
    settings: tuple[tuple[str, str], ...]
    series: tuple[Series, ...]


def read_tracked_run(run: Path) -> TrackedRun:
    """The numbers of a run, as far as it has come.

    Times count from the start of the run, each network's epochs one after the other, so that they depend on the run
    alone.

    Raises:
        ConfigurationError: the folder holds no run that was begun.
        IntegrityFailure: the run is finished, and its files are not what it published.
    """
    if not (run / names.ENVIRONMENT).is_file():
        raise ConfigurationError(
            f"{run.name} holds no run that was begun: there is no {names.ENVIRONMENT} in it. Give the folder that "
            "medtl run made."
        )
    is_finished = refuse_changed(run) is not None
    provenance, study = read_provenance(run), read_study(run)
    started = datetime.fromisoformat(provenance.started_utc or "1970-01-01T00:00:00+00:00").timestamp()
    folds = sorted(int(path.name.removeprefix("fold_")) for path in run.glob("fold_*") if path.name[5:].isdigit())
    series = [one for fold in folds for one in _of_fold(run / f"fold_{fold}", fold, started=started)]
    if (run / names.METRICS).is_file():
        pooled = read_study_metrics(run).models
        series += [
            Series(None, one.model, (), tuple(_metrics(one.patient.pooled.metrics, at=started))) for one in pooled
        ]
    return TrackedRun(
        name=run.resolve().name,
        study=study.name,
        fingerprint=provenance.fingerprint,
        version=provenance.installed.get("medtl", "unknown"),
        started=started,
        is_finished=is_finished,
        settings=study.settings,
        series=tuple(series),
    )


def _of_fold(folder: Path, fold: int, *, started: float) -> Iterator[Series]:
    curves = {one.model: tuple(_epochs(one, started=started)) for one in read_curves(folder)}
    metrics = {}
    if (folder / names.METRICS).is_file():
        metrics = {
            one.model: tuple(_metrics(one.patient.metrics, at=started)) for one in read_fold_metrics(folder).models
        }
    for model in dict.fromkeys((*curves, *metrics)):
        yield Series(fold, model, curves.get(model, ()), metrics.get(model, ()))


def _epochs(curve: Curve, *, started: float) -> Iterator[Point]:
    at = started
    for epoch, numbers in curve.epochs:
        at += numbers.get(SECONDS, 0.0)
        yield from (Point(f"epochs/{name}", epoch, value, at) for name, value in numbers.items())


def _metrics(metrics: Metrics, *, at: float) -> Iterator[Point]:
    """The value of each metric and the ends of its interval; what is undefined is left out, never a number."""
    for name, estimate in metrics.by_name().items():
        for end, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
            if value is not None:
                yield Point(f"metrics/{name}{end}", 0, value, at)
