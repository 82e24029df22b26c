"""The transferability scores of every candidate on training parts alone, and how far they agree with the probe.

In: features, source probabilities and the probe's AUROCs. Out: a value per score and candidate, the mean over folds,
and each score's weighted tau with the AUROC over the sources (Vigna, WWW 2015), random weights left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.stats import weightedtau

from medtl.evaluation.estimate import Undefined
from medtl.progress import track
from medtl.record.sources import ScoreFound, ScoreValue
from medtl.sources.curve_data import CurveData
from medtl.sources.scores.known import SCORES
from medtl.sources.scores.score import TrainingFeatures, TransferScore

FEWEST_SOURCES = 3
"""Two have one order, and a rank correlation of 1 or -1 whatever the score is."""
CONSTANT = "the features of a training part do not vary"

OfSource = Float[np.ndarray, "case source_class"] | None


def score_sources(
    sources: Mapping[str, CurveData], heads: Mapping[str, OfSource], aurocs: Mapping[str, float | None]
) -> tuple[ScoreFound, ...]:
    """Every score of every candidate; `aurocs` names the sources that the agreement is counted over."""
    parts = {
        name: _training_parts(data, heads.get(name))
        for name, data in track(sources.items(), what="transferability scores", total=len(sources))
    }
    return tuple(_found(score, parts, aurocs) for score in track(SCORES, what="scores", total=len(SCORES)))


def _training_parts(data: CurveData, head: OfSource) -> tuple[TrainingFeatures, ...]:
    return tuple(
        TrainingFeatures(
            features=data.last_stage[fold.training].astype(np.float64),
            labels=data.labels[fold.training],
            groups=tuple(data.groups[position] for position in fold.training),
            classes=data.outcome.head_width,
            seed=data.seed,
            source_probabilities=None if head is None else head[fold.training],
        )
        for fold in data.folds
    )


def _found(
    score: TransferScore, parts: Mapping[str, tuple[TrainingFeatures, ...]], aurocs: Mapping[str, float | None]
) -> ScoreFound:
    values = tuple(_value(score, name, own) for name, own in parts.items())
    known = {one.candidate: one.value for one in values if one.value is not None}
    pairs = [(known[name], auroc) for name, auroc in aurocs.items() if name in known and auroc is not None]
    return ScoreFound(
        name=score.name, label=score.label, paper=score.source, values=values, tau=agreement_of(pairs)
    )  # fmt: skip


def agreement_of(pairs: list[tuple[float, float]]) -> float | None:
    """The weighted tau of score and AUROC, or None with fewer than three sources or without an order."""
    if len(pairs) < FEWEST_SOURCES:
        return None
    scores, aurocs = (list(one) for one in zip(*pairs, strict=True))
    tau = float(weightedtau(scores, aurocs).statistic)
    return tau if np.isfinite(tau) else None


def _value(score: TransferScore, name: str, parts: tuple[TrainingFeatures, ...]) -> ScoreValue:
    found = [Undefined(CONSTANT) if part.are_constant else score.value(part) for part in parts]
    reasons = [one.reason for one in found if isinstance(one, Undefined)]
    if reasons:
        return ScoreValue(candidate=name, value=None, reason=reasons[0])
    values = [one for one in found if not isinstance(one, Undefined)]
    mean = float(np.mean(values))
    if not np.isfinite(mean):
        return ScoreValue(candidate=name, value=None, reason=CONSTANT)
    return ScoreValue(candidate=name, value=mean)
