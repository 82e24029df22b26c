"""Whether the probabilities can be used, by whom and against what: what metrics.json holds beyond the metrics.

In and out: JSON without NaN. Everything is per patient and pooled out of fold. This room only holds, and
`clinical_utility` computes.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from medtl.evaluation.brier_parts import BrierParts
from medtl.evaluation.calibration_line import CalibrationLine
from medtl.evaluation.conformal import Conformal
from medtl.evaluation.net_benefit import DecisionCurve
from medtl.evaluation.operating_points import PredictiveValues, Proportions, Reading
from medtl.evaluation.paired_decisions import PairedDecisions
from medtl.evaluation.settings import EvaluationSettings
from medtl.evaluation.smooth_calibration import SmoothError
from medtl.evaluation.subgroups import Subgroups

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ClassCalibration(BaseModel):
    """How well one class's probabilities are calibrated; each part is null when a class is absent."""

    model_config = _FROZEN

    of_class: str
    line: CalibrationLine
    brier: BrierParts | None
    smooth: SmoothError | None


class ModelAppraisal(BaseModel):
    """One model. A part that is null has its reason in `reasons`, under its name.

    `calibration` and `recalibrated` (after recalibration) have the positive class, or every class.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, serialize_by_alias=True
    )

    model: str
    calibration: tuple[ClassCalibration, ...]
    recalibrated: tuple[ClassCalibration, ...] | None = Field(default=None, alias="mended")
    proportions: Proportions | None = None
    predictive_values: tuple[PredictiveValues, ...] = ()
    readings: tuple[Reading, ...] = ()
    decision_curve: DecisionCurve | None = None
    conformal: Conformal | None = None
    subgroups: tuple[Subgroups, ...] = ()
    reasons: dict[str, str] = {}


class DecisionComparison(BaseModel):
    """Two models' decisions on the same patients."""

    model_config = _FROZEN

    model: str
    reference: str
    decisions: PairedDecisions


class ExpectedHalfWidth(BaseModel):
    """The half-width of a 95 % interval that so many patients can give at an AUROC."""

    model_config = _FROZEN

    auroc: float
    half_width: float
    positives: NonNegativeInt
    negatives: NonNegativeInt


class Appraisal(BaseModel):
    """All models, their decisions against the reference's, and the precision that this number of patients allows."""

    model_config = _FROZEN

    settings: EvaluationSettings
    models: tuple[ModelAppraisal, ...]
    decisions: tuple[DecisionComparison, ...] = ()
    precision: tuple[ExpectedHalfWidth, ...] = ()

    def of(self, model: str) -> ModelAppraisal:
        """One model's appraisal."""
        return next(found for found in self.models if found.model == model)
