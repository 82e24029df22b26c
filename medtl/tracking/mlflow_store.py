"""A run's numbers in a local MLflow database: the study is an experiment, the run and each fold's models are its runs.

In: the numbers of a run. Out: `DIR/mlflow.db` (SQLite). The same run can be written again: what is there is compared,
what is new is added. No user, host or path is noted, no file is uploaded, and MLflow's own messages home are off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtl.errors import ConfigurationError
from medtl.tracking.tracked_run import Series, TrackedRun

HOW_TO_INSTALL = (
    "An MLflow database needs MLflow's package, which is not installed here. Install it with pip install "
    "'medtl[mlflow]'."
)
DATABASE = "mlflow.db"
ARTIFACTS = "mlflow-artifacts:/"
"""Where files would lie: with the server that shows the database. Other addresses hold the folder of this machine."""

KEY, PARENT = "medtl.series", "mlflow.parentRunId"
LONGEST = 6000
"""Characters of a parameter's value in MLflow."""

AT_ONCE = 1000
"""Metrics that MLflow takes in one batch."""


def write_mlflow(run: TrackedRun, folder: Path) -> Path:
    """Write a run into the database of a folder, or add to it what is new; gives the path of the database.

    Raises:
        ConfigurationError: MLflow's package is not installed, or the database holds this run with other numbers.
    """
    _be_silent()
    store = _opened(folder)
    experiment = store.experiment(run.study)
    whole = store.run(
        experiment,
        key=run.fingerprint,
        name=run.name,
        tags={"medtl.fingerprint": run.fingerprint, "medtl.version": run.version},
        parameters=dict(run.settings),
        started=run.started,
    )
    for series in run.series:
        one = store.run(
            experiment,
            key=f"{run.fingerprint}/{series.part}/{series.model}",
            name=f"{series.part} {series.model}",
            tags={PARENT: whole},
            parameters={"fold": series.part, "model": series.model},
            started=run.started,
        )
        store.add(one, series, of=run.name)
        if run.is_finished:
            store.finish(one, at=max(point.at for point in (*series.epochs, *series.metrics)))
    if run.is_finished:
        store.finish(whole, at=run.started)
    return folder / DATABASE


@dataclass(frozen=True)
class _Store:
    client: Any
    entities: Any

    def experiment(self, study: str) -> str:
        there = self.client.get_experiment_by_name(study)
        if there is not None:
            return str(there.experiment_id)
        return str(self.client.create_experiment(study, artifact_location=f"{ARTIFACTS}{study}"))

    def run(
        self,
        experiment: str,
        *,
        key: str,
        name: str,
        tags: Mapping[str, str],
        parameters: Mapping[str, str],
        started: float,
    ) -> str:
        """The id of the run with this key, which is begun where it is not there."""
        found = self.client.search_runs([experiment], filter_string=f"tags.`{KEY}` = '{key}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        begun = self.client.create_run(
            experiment, start_time=_milliseconds(started), tags={KEY: key, **tags}, run_name=name
        )
        given = [self.entities.Param(key, value[:LONGEST]) for key, value in parameters.items()]
        for first in range(0, len(given), 100):
            self.client.log_batch(begun.info.run_id, params=given[first : first + 100])
        return str(begun.info.run_id)

    def add(self, run: str, series: Series, *, of: str) -> None:
        """Add the numbers that are not there yet; those that are have to be the same."""
        new = []
        for name, points in _by_name(series):
            there = {one.step: one.value for one in self.client.get_metric_history(run, name)}
            if any(point.step in there and there[point.step] != point.value for point in points):
                raise ConfigurationError(
                    f"{of} is in this MLflow database already with other numbers ({series.part}, {series.model}, "
                    f"{name}): it was made anew since. Give another folder."
                )
            new += [
                self.entities.Metric(name, point.value, _milliseconds(point.at), point.step)
                for point in points
                if point.step not in there
            ]
        for first in range(0, len(new), AT_ONCE):
            self.client.log_batch(run, metrics=new[first : first + AT_ONCE])

    def finish(self, run: str, *, at: float) -> None:
        self.client.set_terminated(run, end_time=_milliseconds(at))


def _opened(folder: Path) -> _Store:
    try:
        from mlflow import entities
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise ConfigurationError(f"{HOW_TO_INSTALL} ({type(error).__name__})", missing="mlflow") from error
    folder.mkdir(parents=True, exist_ok=True)
    address = f"sqlite:///{folder.absolute() / DATABASE}"
    SqlAlchemyStore(address, ARTIFACTS)  # makes the tables; MLflow's own default would note the present folder
    return _Store(MlflowClient(tracking_uri=address), entities)


def _be_silent() -> None:
    """Switch off what MLflow would send to its makers and write on standard error; read when it is imported."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


def _by_name(series: Series) -> Iterator[tuple[str, list[Any]]]:
    points = (*series.epochs, *series.metrics)
    for name in dict.fromkeys(point.name for point in points):
        yield name, [point for point in points if point.name == name]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
