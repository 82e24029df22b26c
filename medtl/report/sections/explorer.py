"""What a reader can move on the page: the threshold, the prevalence and the subgroup (templates/threshold.js).

In: a run's predictions with a row per patient. Out: a block with each patient's probabilities, without a name; nothing
of it is printed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

from medtl.evaluation import Estimate, PatientScores, patient_scores
from medtl.evaluation.clusters import FEWEST_OF_A_CLASS
from medtl.evaluation.intervals import Z
from medtl.report.html.numbers import plain
from medtl.report.html.theme import look_of
from medtl.report.results.view import View

THRESHOLD_DIGITS = 4
"""Of the threshold that the page opens with."""


@dataclass(frozen=True)
class Explorer:
    """`facts` is JSON for the script; `opening` says what the threshold at the start is."""

    macro: ClassVar[str] = "explorer"
    scripts: ClassVar[tuple[str, ...]] = ("threshold.js",)
    title: str
    opening: str
    facts: str


def explorer(view: View) -> Explorer | None:
    """The block; None with more than two classes, without a threshold, or with too many patients."""
    run, judged = view.run, view.judged
    found = judged.appraisal
    if found is None or view.fold is not None or run.outcome.positive_class is None:
        return None
    thresholds = [one for one in judged.thresholds(run.chosen_model).values() if one is not None]
    order = [run.chosen_model, *(model for model in run.models if model != run.chosen_model)]
    aurocs = {
        (model, one.covariate, group.name): group.auroc
        for model in order
        for one in found.of(model).subgroups
        for group in one.groups
    }
    covariates = [one.covariate for one in found.of(run.chosen_model).subgroups]
    scores = patient_scores(judged.patients, models=order, covariates=covariates)
    if not thresholds or not isinstance(scores, PatientScores):
        return None
    models = list(scores.probabilities)
    start = round(median(thresholds), THRESHOLD_DIGITS)
    facts = {
        "models": [look_of(model, run.models).name for model in models],
        "positive": [int(one) for one in scores.positive],
        "probabilities": list(scores.probabilities.values()),
        "groups": [
            {
                "covariate": one.covariate,
                "name": one.name,
                "members": one.members,
                "auroc": [_number(aurocs.get((model, one.covariate, one.name))) for model in models],
            }
            for one in scores.groups
        ],
        "auroc": [_number(judged.of(model, fold=None).auroc) for model in models],
        "threshold": start,
        "prevalence": round(100.0 * sum(scores.positive) / len(scores.positive), 1),
        "positiveName": run.outcome.positive_class,
        "negativeName": next(name for name in run.classes if name != run.outcome.positive_class),
        "z": Z,
        "fewest": FEWEST_OF_A_CLASS,
    }
    several = len(set(thresholds)) > 1
    opening = (
        f"It opens at {plain(start)}, the {'median of the folds’ thresholds' if several else 'threshold of this page'}"
        f"{'; the decisions of this page use each fold’s own' if several else ''}."
    )
    return Explorer("Try another threshold, prevalence or subgroup", opening, json.dumps(facts, ensure_ascii=False))


def _number(found: Estimate | None) -> dict[str, Any] | None:
    if found is None or found.value is None:
        return None
    if found.low is None or found.high is None:
        return {"value": found.value}
    return {"value": found.value, "low": found.low, "high": found.high}
