"""Every interval that is printed holds the truth as often as it says, on cohorts that are studied as a study would."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from coverage_simulation import Cell, Trial, coverage, summary, trials_of

from medtl.evaluation.clusters import FEWEST_FOR_THE_MIX, FEWEST_OF_A_CLASS

TRIED = (
    Cell(40, 0.5),
    Cell(100, 0.15, 3),
    Cell(300, 0.15),
    Cell(100, 0.5, fitted=False),
    Cell(150, 1 / 3, 2, classes=3),
)
COHORTS = 60
LEAST, MOST = 0.93, 0.98
"""What docs/coverage.md promises of each interval over the cells together."""


@pytest.mark.slow
def test_every_interval_holds_the_truth_in_93_to_98_of_100_cohorts() -> None:
    found: dict[str, list[Trial]] = defaultdict(list)
    for cell in TRIED:
        for seed in range(COHORTS):
            for trial in trials_of(cell, seed=seed):
                name = "Net benefit" if trial.name.startswith("Net benefit") else trial.name
                found["ROC band" if name.startswith("ROC band") else name].append(trial)
    told = {name: summary(trials) for name, trials in found.items()}
    tried = {name: one for name, one in told.items() if one.printed * one.tried >= 40}
    assert len(tried) >= 30, sorted(tried)
    for name, one in tried.items():
        slack = 2.6 * np.sqrt(LEAST * (1 - LEAST) / min(one.printed * one.tried, COHORTS * len(TRIED)))
        assert one.covered >= LEAST - slack, (name, one)
    counted = [one.covered for one in tried.values()]
    assert LEAST <= np.mean(counted) <= MOST


@pytest.mark.slow
def test_where_nothing_is_reliable_nothing_is_printed() -> None:
    few = coverage(Cell(40, 0.1), cohorts=12)  # four with the condition
    assert FEWEST_OF_A_CLASS > 8
    assert FEWEST_FOR_THE_MIX > 40
    for name in ("AUROC", "Average precision", "MCC", "Brier score", "Calibration slope", "PPV at a stated prevalence"):
        assert few[name].printed == 0.0, name
    for name in ("Sensitivity", "Specificity", "Accuracy"):
        assert few[name].printed == 1.0, name
