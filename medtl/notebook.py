"""A study from a notebook or a script: run it, open a finished one, and have its numbers as tables and its figures.

In: a study as a value or a file, or a run folder. Out: `Results`, read from the run folder alone. Opening results needs
no torch; running does what `medtl run` does, with the same folder, the same bytes and the same refusals.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

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


class Figures(Mapping[str, SavedFigure]):
    """The figures of a page by their names, such as `roc`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> SavedFigure:
        if name not in list(self):
            raise KeyError(f"{name!r} is no figure of this run; there are {', '.join(self) or 'none'}.")
        return SavedFigure(self._folder / f"{name}.svg")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self._folder.glob("*.svg")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of a page by their names, such as `models`, in full precision with both ends of each interval."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in list(self):
            raise KeyError(f"{name!r} is no table of this run; there are {', '.join(self) or 'none'}.")
        return pd.read_csv(self._folder / f"{name}.csv")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self._folder.glob("*.csv")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


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
    def figures(self) -> Figures:
        """Of the study page."""
        return Figures(self.folder / FIGURES)

    @property
    def tables(self) -> Tables:
        """Of the study page."""
        return Tables(self.folder / TABLES)

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
