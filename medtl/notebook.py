"""A study from a notebook or a script: run it, open a finished one, and have its numbers as tables and its figures.

In: a study as a value or a file, or a run folder. Out: `Results`, read from the run folder alone. Opening results needs
no torch; running does what `medtl run` does, with the same folder, the same bytes and the same refusals.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from medtl.errors import ConfigurationError
from medtl.files import read_csv
from medtl.record import run_folder as names
from medtl.record.metrics import read_study_metrics
from medtl.record.run import Run, read_run
from medtl.report import result_lines

if TYPE_CHECKING:
    from medtl.study.settings import Study

FIGURES, TABLES = "figures", "tables"

Found = TypeVar("Found")


@dataclass(frozen=True)
class SavedFigure:
    """A figure of the page; `svg`, `png` and `csv` are its files. A notebook shows it."""

    svg: Path

    @property
    def png(self) -> Path:
        """The same at 300 dots per inch."""
        return self.svg.with_suffix(".png")

    @property
    def csv(self) -> Path:
        """The numbers that it shows."""
        return self.svg.with_suffix(".csv")

    def _repr_html_(self) -> str:
        """As a picture: figures of two runs bear the same names inside, which one document cannot hold twice."""
        data = base64.b64encode(self.svg.read_bytes()).decode("ascii")
        return f'<img alt="{escape(self.svg.stem)}" src="data:image/svg+xml;base64,{data}">'


class ByName(Mapping[str, Found]):
    """The files of one kind in a folder by their names without the ending, each as it is read; `what` they are."""

    def __init__(self, folder: Path, ending: str, what: str, read: Callable[[Path], Found]) -> None:
        self._files = {path.stem: path for path in sorted(folder.glob(f"*{ending}"))}
        self._what, self._read = what, read

    def __getitem__(self, name: str) -> Found:
        if name not in self._files:
            raise KeyError(f"{name!r} is no {self._what} of this run; there are {', '.join(self) or 'none'}.")
        return self._read(self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class Results:
    """A finished run. Numbers come from its files, which `medtl verify` compares with what was published."""

    folder: Path

    @property
    def report(self) -> Path:
        """The study page."""
        return self.folder / names.REPORT

    @cached_property
    def record(self) -> Run:
        """Everything that the run wrote, typed."""
        return read_run(self.folder)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row for each case, model, fold and role (`validation`, `test`); `p_CLASS` are probabilities."""
        return self.record.predictions.rows.copy()

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every metric of every model, out of fold and by patient.

        Columns: model, metric, value, low and high (the 95 % interval), patients, and the reason where the value or
        the interval is missing.
        """
        rows = [
            {
                "model": one.model,
                "metric": name,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "patients": found.n,
                "reason": found.reason,
            }
            for one in read_study_metrics(self.folder).models
            for name, found in one.patient.pooled.metrics.by_name().items()
        ]
        return pd.DataFrame(rows)

    @property
    def figures(self) -> ByName[SavedFigure]:
        """Of the study page, such as `roc`."""
        return ByName(self.folder / FIGURES, ".svg", "figure", SavedFigure)

    @property
    def tables(self) -> ByName[pd.DataFrame]:
        """Of the study page, such as `models`, in full precision with both ends of each interval."""
        return ByName(self.folder / TABLES, ".csv", "table", pd.read_csv)

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """The cases that were left out, with the reason of each."""
        return read_csv(self.folder / names.EXCLUSIONS)

    def __str__(self) -> str:
        return "\n".join(result_lines(self.folder))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def open_run(folder: Path | str) -> Results:
    """The results of a finished run.

    Raises:
        ConfigurationError: the folder is no run, or its run is not finished.
    """
    path = Path(folder)
    if not (path / names.STUDY).is_file():
        raise ConfigurationError(f"{path.name} is no run folder: give the folder that medtl run made.")
    if not (path / names.METRICS).is_file():
        raise ConfigurationError(
            f"The run in {path.name} is not finished. medtl status says how far it is; medtl run with --resume goes on."
        )
    return Results(path)


def run(
    study: Study | Path | str, *, out: Path | str | None = None, device: str = "auto", resume: bool = False
) -> Results:
    """Run a study and give its results, as `medtl run` does.

    Args:
        study: A study, or the path of its YAML file.
        out: The folder of the run; by default `runs/<name>-<fingerprint>`.
        device: auto, cpu, cuda, or cuda:1 and so on.
        resume: Go on with a run that was stopped.
    """
    from medtl.study.run import run_study
    from medtl.study.settings import read_study

    chosen = read_study(Path(study)) if isinstance(study, Path | str) else study
    return Results(run_study(chosen, out=None if out is None else Path(out), device=device, resume=resume))
