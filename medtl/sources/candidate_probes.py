"""The frozen probe of each candidate on the study's folds, and what the inner folds alone would have chosen.

In: the features of each candidate on the same cases and folds. Out: predictions of every candidate as one table, and of
the choice: in each fold the candidate whose probe has the least log loss in the inner folds of the training part, so
that no test patient has a part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medtl.adaptation import probe
from medtl.predictions import PredictionTable, concatenate
from medtl.progress import track
from medtl.sources.curve_data import CurveData, CurveFold, Positions
from medtl.training.seeding import seed_for

CHOSEN = "chosen in inner folds"
"""The model's name in the table; with its blanks no encoder can have it."""


@dataclass(frozen=True, eq=False)
class ProbedSource:
    """A candidate's predictions of test and validation cases, and its log loss in the inner folds of each fold.

    A loss is None where a class has too few patients for inner folds.
    """

    table: PredictionTable
    inner_losses: tuple[float | None, ...]


def probe_sources(sources: Mapping[str, CurveData]) -> dict[str, ProbedSource]:
    """Each candidate's probe, fitted in every fold as a study fits it."""
    return {name: _probed(name, data) for name, data in track(sources.items(), what="probes", total=len(sources))}


def _probed(name: str, data: CurveData) -> ProbedSource:
    parts, losses = [], []
    for fold in data.folds:
        own = fold.training
        fitted = probe.fit_probe(
            data.features[own], data.labels[own], groups=[data.groups[position] for position in own],
            classes=data.outcome.head_width, seed=seed_for(data.seed, "inner folds", fold.number),
            readouts=data.widths,
        )  # fmt: skip
        losses.append(min(fitted.inner_log_loss, default=None))
        parts += _tables(name, data, fold, fitted)
    return ProbedSource(concatenate(parts), tuple(losses))


def _tables(name: str, data: CurveData, fold: CurveFold, fitted: probe.Probe) -> list[PredictionTable]:
    def of(positions: Positions, role: str) -> PredictionTable:
        return PredictionTable.of_cases(
            [data.cases[position] for position in positions],
            fitted.probabilities(data.features[positions].astype(np.float64)),
            classes=list(data.classes), fold=fold.number, role="test" if role == "test" else "validation", model=name,
        )  # fmt: skip

    return [of(fold.test, "test"), *([of(fold.validation, "validation")] if len(fold.validation) else [])]


def chosen_in_inner_folds(probed: Mapping[str, ProbedSource], folds: Sequence[CurveFold]) -> tuple[str, ...]:
    """The candidate with the least inner log loss in each fold; the first where there are no inner folds."""
    names = list(probed)
    chosen = []
    for index in range(len(folds)):
        losses = [probed[name].inner_losses[index] for name in names]
        known = [np.inf if loss is None else loss for loss in losses]
        chosen.append(names[int(np.argmin(known))])
    return tuple(chosen)


def table_of_choice(
    probed: Mapping[str, ProbedSource], folds: Sequence[CurveFold], chosen: Sequence[str]
) -> PredictionTable:
    """What the chosen candidate of each fold predicts."""
    rows = [
        probed[name].table.of(fold=fold.number).rows.assign(model=CHOSEN)
        for fold, name in zip(folds, chosen, strict=True)
    ]
    return PredictionTable(pd.concat(rows, ignore_index=True))
