"""How well units are ranked and sorted into classes.

In: units with probabilities, or the counts of a confusion matrix. Out: a number, or why there is none. With two classes
the last one is positive; with more, every metric is the unweighted mean over classes, each against the rest.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.metrics import average_precision_score, roc_auc_score

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.units import Units


def auroc(units: Units) -> float | Undefined:
    """Area under the ROC curve: the chance that a positive unit scores above a negative one, ties half.

    Undefined when a class has no unit, or with one unit class only.
    """
    return _why_no_ranking(units) or float(
        np.mean([roc_auc_score(*units.against_the_rest(index)) for index in units.outcome.judged])
    )


def average_precision(units: Units) -> float | Undefined:
    """Mean precision over the recall steps (no interpolation); its chance level is the prevalence.

    Undefined as the AUROC is, since without negatives it is 1 whatever the model says.
    """
    return _why_no_ranking(units) or float(
        np.mean([average_precision_score(*units.against_the_rest(index)) for index in units.outcome.judged])
    )


def _why_no_ranking(units: Units) -> Undefined | None:
    absent = [name for name, count in zip(units.classes, units.class_counts, strict=True) if count == 0]
    return Undefined(f"no {' and no '.join(absent)} among the {len(units)} judged") if absent else None


def sensitivities(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw truth"]:
    """The share of each class that was called so; NaN where the class has no unit."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def specificities(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw truth"]:
    """The share of units outside each class that was not called so; NaN where every unit is of the class."""
    of_class, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    outside = confusion.sum(axis=(-2, -1))[..., None] - of_class
    return _ratio(outside - (called - right), outside)


def sensitivity(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw"]:
    """Sensitivity of the positive class, or the mean over classes; NaN where undefined."""
    each = sensitivities(confusion)
    return each[..., 1] if each.shape[-1] == 2 else each.mean(axis=-1)


def specificity(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw"]:
    """Specificity of the positive class, or the mean over classes; NaN where undefined."""
    each = specificities(confusion)
    return each[..., 1] if each.shape[-1] == 2 else each.mean(axis=-1)


def balanced_accuracy(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw"]:
    """The mean sensitivity over all classes; NaN where a class has no unit."""
    return sensitivities(confusion).mean(axis=-1)


def mcc(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw"]:
    """Matthews' correlation of truth and decision; NaN where all units are of one class or are called one class.

    Formula for several classes: Gorodkin, Comput Biol Chem 2004;28:367 (R_K).
    """
    counts = confusion.astype("float64")
    total = counts.sum(axis=(-2, -1))
    of_class, called = counts.sum(axis=-1), counts.sum(axis=-2)
    right = np.trace(counts, axis1=-2, axis2=-1)
    covariance = right * total - (of_class * called).sum(axis=-1)
    spread = (total**2 - (of_class**2).sum(axis=-1)) * (total**2 - (called**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread))


def _ratio(part: Shaped[np.ndarray, ...], whole: Shaped[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    undefined = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=undefined, where=np.asarray(whole) > 0)
