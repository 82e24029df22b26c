"""What the controls found, as values that a run writes and a page reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtl.evaluation import Estimate

AWAY = 0.02
ERRORS_AWAY = 3.0
"""A null above 0.5 by more than both, in AUROC and in its standard errors, is no accident of the draws."""

SUSPICIOUS = 0.6
"""Point estimate from which a lower bound above 0.5 is worth a warning; below it no conclusion changes."""

LEVEL = 0.025
"""Of the one-sided test: that of the lower end of a 95 % interval."""

Name = Literal["thumbnail", "border_only", "centre_masked", "image_level_split"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PermutedLabels(_Frozen):
    """The AUROC when labels are permuted: `mean` and `sd` of the draws, `observed` with the true labels.

    `p_value` is (1 + draws that reach the observed) / (1 + draws) (Phipson and Smyth 2010); `unit` is what is ranked: a
    patient counts once per label. AUROCs count pairs of the same fold, so `observed` need not be the pooled number.
    """

    draws: Annotated[int, Field(ge=1)]
    observed: float
    mean: float
    sd: float
    highest: float
    p_value: float
    unit: Literal["patient", "image"]
    n: Annotated[int, Field(ge=1)]

    @property
    def error_of_mean(self) -> float:
        """Standard error of the mean of the draws."""
        return self.sd / float(self.draws) ** 0.5

    @property
    def is_lifted(self) -> bool:
        """Whether the null lies above 0.5, so that something leaks; below 0.5 cross-validation itself pulls it."""
        return self.mean - 0.5 > max(AWAY, ERRORS_AWAY * self.error_of_mean)


class Control(_Frozen):
    """One control by name with its out-of-fold AUROC; it has to lie near 0.5, but for `image_level_split`."""

    name: Name
    auroc: Estimate


class Controls(_Frozen):
    """All controls of a study; `permuted_labels` is None where it was not asked for or could not be drawn (`why`)."""

    permuted_labels: PermutedLabels | None = None
    why: str = ""
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True)
class BlindAuroc:
    """An out-of-fold AUROC by patient (the mean over classes with more than two), and the properties behind it.

    `p_value` is one-sided, from labels permuted between patients with the model fitted again; it stands in for the
    interval where a class has too few patients for one, and is None elsewhere.
    """

    names: tuple[str, ...]
    auroc: Estimate
    p_value: float | None = None

    @property
    def is_suspicious(self) -> bool:
        """Whether the label can be told without the disease."""
        value, low = self.auroc.value, self.auroc.low
        if value is None or value < SUSPICIOUS:
            return False
        return low > 0.5 if low is not None else self.p_value is not None and self.p_value <= LEVEL
