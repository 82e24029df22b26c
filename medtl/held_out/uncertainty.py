"""How unsure the folds' models are of a held-out patient: together, and between each other.

In: the predictions of each fold's model. Out: per case the entropy of their mean in bits, and the part of it that
comes from their disagreement (mutual information; Houlsby 2011, arXiv 1112.5745); and whether it is greater where the
mean is wrong. The folds share training patients, so that their disagreement is a lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from medtl.evaluation import StudyMetrics
from medtl.predictions import PredictionTable

FEWEST_OF_A_KIND = 5
"""Patients called rightly, and wrongly, from which uncertainty is compared between the two."""


@dataclass(frozen=True)
class Uncertainty:
    """Medians over patients in bits; `error_auroc` is how well entropy ranks the wrongly called above the others.

    It is None with fewer than five patients of either kind. Called is what the declared threshold
    calls, with several classes the most probable one.
    """

    right: int
    wrong: int
    right_bits: float
    wrong_bits: float | None
    disagreement_bits: float
    error_auroc: float | None


def case_uncertainty(members: PredictionTable, *, thresholds: Mapping[str, float | None]) -> pd.DataFrame:
    """One row per model and case: entropy_bits of the mean over folds, disagreement_bits between them."""
    test = members.of(role="test")
    rows = test.rows[["model", "case_id", "patient_id", "truth"]].assign(own=_bits(test.probabilities))
    rows[list(test.classes)] = test.probabilities
    groups = rows.groupby(["model", "case_id", "patient_id", "truth"], sort=False)
    mean = groups[[*test.classes, "own"]].mean().reset_index()
    together = _bits(mean[list(test.classes)].to_numpy())
    disagreement = np.maximum(0.0, together - mean["own"].to_numpy())
    cuts = mean["model"].map(thresholds.get).astype("float64").to_numpy()
    called = np.array(test.classes)[test.outcome.decide(mean[list(test.classes)].to_numpy(), cuts)]
    cases = mean[["model", "case_id", "patient_id", "truth"]]
    return cases.assign(called=called, entropy_bits=together, disagreement_bits=disagreement)


def patient_uncertainty(members: PredictionTable, *, model: str, threshold: float | None) -> Uncertainty:
    """One model's uncertainty by patient, who is wrong where most of their cases are called wrongly.

    A patient's bits are the mean over their cases.
    """
    found = case_uncertainty(members.of(model=model), thresholds={model: threshold})
    found["wrong"] = found["called"] != found["truth"]
    by_patient = found.groupby(["patient_id", "truth"])[["wrong", "entropy_bits", "disagreement_bits"]].mean()
    wrong, bits = by_patient["wrong"].to_numpy() > 0.5, by_patient["entropy_bits"].to_numpy()
    enough = min(int(wrong.sum()), int((~wrong).sum())) >= FEWEST_OF_A_KIND
    return Uncertainty(
        right=int((~wrong).sum()),
        wrong=int(wrong.sum()),
        right_bits=float(np.median(bits[~wrong])) if (~wrong).any() else 0.0,
        wrong_bits=float(np.median(bits[wrong])) if wrong.any() else None,
        disagreement_bits=float(by_patient["disagreement_bits"].median()),
        error_auroc=_ranked(wrong, bits) if enough else None,
    )


def thresholds_of(metrics: StudyMetrics) -> dict[str, float | None]:
    """The threshold at which each model's mean over the folds is called, by patient."""
    found = {one.model: one.patient.folds[0].threshold for one in metrics.models}
    return {model: None if threshold is None else threshold.value for model, threshold in found.items()}


def _bits(probabilities: Float[np.ndarray, "row class"]) -> Float[np.ndarray, " row"]:
    safe = np.where(probabilities > 0, probabilities, 1.0)
    return np.asarray(np.maximum(0.0, -(probabilities * np.log2(safe)).sum(axis=1)))


def _ranked(wrong: np.ndarray, bits: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks, n_wrong = rankdata(bits), int(wrong.sum())
    return float((ranks[wrong].sum() - n_wrong * (n_wrong + 1) / 2) / (n_wrong * (len(wrong) - n_wrong)))
