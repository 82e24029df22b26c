"""A new kind of outcome is one room and one line: grades, of which the middle of the probability is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from medtl.outcomes import DecisionKind, Outcome, known
from medtl.outcomes.multiclass import Multiclass

pytestmark = pytest.mark.usefixtures("own_places", "without_states")


@dataclass(frozen=True)
class Graded(Outcome):
    """Three grades in order; a case is called the grade at which the summed probability passes one half."""

    name: ClassVar[str] = "graded"
    activation = "softmax"
    loss = "cross_entropy"

    @classmethod
    def takes(cls, classes: Sequence[str]) -> bool:
        return len(classes) == 3

    def decide(self, probabilities: np.ndarray, threshold: object) -> np.ndarray:
        return (np.cumsum(probabilities, axis=1) < 0.5).sum(axis=1).clip(max=2)

    def ranked(self) -> str:
        return "put 3 grades in order"

    def decision_rule(self, threshold: str) -> str:
        return "the median grade"

    def decision_kinds(self) -> tuple[DecisionKind, ...]:
        near = frozenset((a, b) for a in self.classes for b in self.classes if a == b)
        far = frozenset((a, b) for a in self.classes for b in self.classes) - near
        return (DecisionKind("The right grade", "As graded.", near), DecisionKind("Another grade", "Off.", far))

    positive_class = None
    judged = (0, 1, 2)
    has_threshold = False
    primary_metric = "macro AUROC"
    recalibrations = ("temperature",)
    certainty = Multiclass.certainty
    brier_losses = Multiclass.brier_losses
    brier_of_shares = Multiclass.brier_of_shares
    average_precision_at_chance = Multiclass.average_precision_at_chance
    distinguish = Multiclass.distinguish


def test_a_toy_outcome_decides_in_the_metrics_and_speaks_on_the_page(
    tiny: Any, new_run: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "OUTCOMES", (Graded, *known.OUTCOMES))
    for number, row in enumerate(tiny.rows):
        row["label"] = ("none", "mild", "severe")[number % 3]
    answer = medtl("run", tiny.write(classes=["none", "mild", "severe"]), "--out", new_run)
    assert answer.code == 0, answer.err
    page = " ".join((new_run / "report.html").read_text().split())
    assert "put 3 grades in order with a macro AUROC of" in page
    assert "the median grade" in page
    assert "The right grade" in page
    rows = pd.read_csv(new_run / "predictions.csv")
    test = rows[(rows["role"] == "test") & (rows["model"] == "probe")]
    median = (np.cumsum(test[["p_none", "p_mild", "p_severe"]].to_numpy(), axis=1) < 0.5).sum(axis=1)
    agree = int((np.array(["none", "mild", "severe"])[median] == test["truth"]).sum())
    assert f"{agree} of 24" in page
