"""The models to compare, out of run folders and tables: one a source, or those that were named.

In: paths. Out: models with a name each, in the order given, and what is known of how they were made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.errors import ConfigurationError
from medtl.evaluation import EvaluationSettings
from medtl.files import sha256_of_file
from medtl.policies import policy_of
from medtl.predictions import PredictionTable, read_external
from medtl.record.run import Run, read_run

FEWEST = 2
MOST = 8
"""Of more, pairs are too many to read and the best of them is found by chance."""


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """`source` is the folder or file, `model` its name there, `name` the name on the page; `rows` are its own."""

    name: str
    model: str
    source: str
    rows: PredictionTable
    fingerprint: str
    encoder: str | None = None
    settings: EvaluationSettings | None = None
    scans: pd.DataFrame | None = None

    @property
    def simplicity(self) -> int | None:
        """How simple the policy is, 0 the simplest; None for a model that we did not make."""
        policy = policy_of(self.model)
        return None if policy is None else policy.simplicity


def models_to_compare(
    paths: Sequence[Path], *, models: Sequence[str] = (), ids_as_written: bool = False
) -> tuple[ComparedModel, ...]:
    """The chosen model of each source, or of each source those among `models` that it has.

    Raises:
        ConfigurationError: fewer than two or more than eight models, a source without any of `models`, or one named
            twice.
    """
    twice = [path.name for path, times in Counter(path.resolve() for path in paths).items() if times > 1]
    if twice:
        raise ConfigurationError(
            f"{', '.join(twice)} is named twice; a model compared with itself tells nothing. Name each run "
            "or table once."
        )
    sources = [_source(path, ids_as_written=ids_as_written) for path in paths]
    found: list[ComparedModel] = []
    for label, (run, table, path) in zip(_labels(sources), sources, strict=True):
        questions = [name for name in models if name in table.models] if models else [_usual(run, table)]
        if not questions:
            raise ConfigurationError(
                f"{path.name} has no model {', '.join(models)}; there is {', '.join(table.models)}. Name another with "
                "--model, or leave the option out to compare the model that each page speaks of.",
                questions=tuple(models),
                known=table.models,
            )
        for name in questions:
            sentence = label if len(questions) == 1 else name if len(paths) == 1 else f"{label}: {name}"
            found.append(
                ComparedModel(
                    name=sentence,
                    model=name,
                    source=path.name,
                    rows=table.of(model=name),
                    fingerprint=sha256_of_file(path) if run is None else run.provenance.fingerprint,
                    encoder=None if run is None else run.study.encoder,
                    settings=None if run is None else run.study.evaluation,
                    scans=None if run is None else run.locked_cases,
                )
            )  # fmt: skip
    if not FEWEST <= len(found) <= MOST:
        raise ConfigurationError(
            f"A comparison takes {FEWEST} to {MOST} models, got {len(found)}: "
            f"{', '.join(one.name for one in found)}. Give further run folders, or several --model of one run.",
            got=len(found),
        )
    return tuple(found)


def shared_settings(models: Sequence[ComparedModel]) -> EvaluationSettings | None:
    """How all of the runs declared to be judged, None where one did not or they differ."""
    first = models[0].settings
    return first if all(one.settings == first for one in models) else None


def _source(path: Path, *, ids_as_written: bool) -> tuple[Run | None, PredictionTable, Path]:
    if path.is_dir():
        run = read_run(path)
        return run, run.predictions, path.resolve()
    return None, read_external(path, ids_as_written=ids_as_written).table, path


def _usual(run: Run | None, table: PredictionTable) -> str:
    return table.models[0] if run is None else run.chosen_model


def _labels(sources: Sequence[tuple[Run | None, PredictionTable, Path]]) -> list[str]:
    """The studies' names, or the folders' where two studies are named alike."""
    names = [path.stem if run is None else run.study.name for run, _, path in sources]
    if len(set(names)) == len(names):
        return names
    folders = [path.name for _, _, path in sources]
    return folders if len(set(folders)) == len(folders) else [f"{name} ({at})" for at, name in enumerate(folders, 1)]
