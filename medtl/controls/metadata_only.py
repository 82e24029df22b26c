"""The control that sees no scan: how well the label can be told from the properties of case and file alone.

In: properties as numbers, labels, patients. Out: an AUROC with a patient bootstrap interval. It has to be near 0.5;
where it is not, whatever a model of the scans reaches up to this number needs no disease.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from medtl.cohort import Cohort

FOLDS = 5
RESAMPLES = 500
"""Each tail of 2.5 % then rests on 12 draws: enough to tell 0.5 from not 0.5."""

SUSPICIOUS = 0.6
"""Point estimate from which a lower bound above 0.5 is worth a warning; below it no conclusion changes."""


@dataclass(frozen=True)
class BlindAuroc:
    """An out-of-fold AUROC (the mean over classes with more than two), or the reason why there is none."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None

    @property
    def is_suspicious(self) -> bool:
        """Whether the label can be told without the disease."""
        return self.value is not None and self.low is not None and self.value >= SUSPICIOUS and self.low > 0.5


def blind_auroc(
    features: Float[np.ndarray, "case column"],
    cohort: Cohort,
    *,
    groups: Sequence[str],
    seed: int,
    resamples: int = RESAMPLES,
) -> BlindAuroc:
    """Logistic regression on standardised features, in folds by group; one score per patient and class.

    Args:
        features: (case, column), in cohort order.
        cohort: the cases.
        groups: the fold group of each case; no group stands on both sides.
        seed: of the folds and the bootstrap.
        resamples: draws of groups with replacement.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not features.size:
        return BlindAuroc(None, None, None, "every property is the same in all cases")
    labels = np.array([cohort.classes.index(case.label) for case in cohort.cases])
    fewest = min(
        len({g for g, own in zip(groups, labels, strict=True) if own == k}) for k in range(len(cohort.classes))
    )
    if fewest < FOLDS:
        return BlindAuroc(None, None, None, f"the smallest class has {fewest} patients, fewer than {FOLDS} folds")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed % 2**32)
    scores = cross_val_predict(model, features, labels, groups=groups, cv=folds, method="predict_proba")
    return _with_interval(scores, labels, np.array(groups), seed=seed, resamples=resamples)


def _with_interval(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, seed: int, resamples: int
) -> BlindAuroc:
    """The mean one-against-rest AUROC, and the percentiles of its bootstrap by group."""
    names, units = np.unique([f"{g}\n{k}" for g, k in zip(groups, labels, strict=True)], return_inverse=True)
    weight = np.bincount(units)
    means = np.stack([np.bincount(units, weights=column) / weight for column in scores.T], axis=1)
    truth = np.array([int(name.rsplit("\n", 1)[1]) for name in names])
    _, owner = np.unique([name.rsplit("\n", 1)[0] for name in names], return_inverse=True)
    chance = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        drawn = np.bincount(chance.integers(owner.max() + 1, size=owner.max() + 1), minlength=owner.max() + 1)
        draws.append(_auroc(means, truth, drawn[owner]))
    value = _auroc(means, truth, np.ones(len(truth)))
    low, high = np.nanpercentile(draws, [2.5, 97.5]) if draws else (np.nan, np.nan)
    return BlindAuroc(value, float(low), float(high))


def _auroc(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    found = []
    for k in classes:
        here = truth == k
        if weight[here].sum() == 0 or weight[~here].sum() == 0:
            return float("nan")
        found.append(roc_auc_score(here, scores[:, k], sample_weight=weight))
    return float(np.mean(found))
