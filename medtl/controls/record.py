"""What the controls found, as values that a run writes and a page reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtl.evaluation import Estimate

Name = Literal["thumbnail", "border_only", "centre_masked", "image_level_split"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PermutedLabels(_Frozen):
    """The AUROC when labels are permuted: `mean` and `sd` of the draws, `observed` with the true labels.

    `p_value` is (1 + draws that reach the observed) / (1 + draws) (Phipson and Smyth 2010); `unit` is what is ranked.
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


class Control(_Frozen):
    """One control by name with its out-of-fold AUROC; it has to lie near 0.5, but for `image_level_split`."""

    name: Name
    auroc: Estimate


class Controls(_Frozen):
    """All controls of a study; `permuted_labels` is None where it was not asked for or could not be drawn (`why`)."""

    permuted_labels: PermutedLabels | None = None
    why: str = ""
    controls: tuple[Control, ...] = ()
