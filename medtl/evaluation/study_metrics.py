"""What metrics.json holds: every number of a study or a fold, frozen.

In and out: JSON without NaN, the same value after the round trip. This room only holds; `evaluate_study` computes.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, NonNegativeInt, RootModel, ValidationError, model_validator

from medtl.errors import IntegrityFailure
from medtl.evaluation.across_folds import FoldComparison, Spread
from medtl.evaluation.appraisal import Appraisal
from medtl.evaluation.estimate import CONFIDENCE, Estimate
from medtl.evaluation.metrics import known
from medtl.evaluation.thresholds import Threshold

Unit = Literal["patient", "image"]

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Value = TypeVar("Value", Estimate, Spread)


class ByMetric(RootModel[dict[str, Value]], Generic[Value]):
    """A value for each metric of `metrics/known.py`, by its name and in that order; none more and none less."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _every_metric_once(self) -> Self:
        names = [metric.name for metric in known.METRICS]
        missing = [name for name in names if name not in self.root]
        unknown = [name for name in self.root if name not in names]
        if missing or unknown:
            raise ValueError(
                f"expected the metrics {', '.join(names)}; missing: {', '.join(missing) or 'none'}; not known: "
                f"{', '.join(unknown) or 'none'}"
            )
        return self

    def __getitem__(self, name: str) -> Value:
        return self.root[name]

    @property
    def primary(self) -> Value:
        """The metric that models are compared by."""
        return self.root[known.PRIMARY.name]

    def by_name(self) -> dict[str, Value]:
        """Every metric's value, in the order of the tables."""
        return {metric.name: self.root[metric.name] for metric in known.METRICS}


Metrics = ByMetric[Estimate]
Spreads = ByMetric[Spread]


class Performance(BaseModel):
    """One model on test units: of one fold, or pooled out of fold (`fold` and `threshold` are null).

    `class_counts` and `prevalence` count units in class order. `confusion` has the truth in rows and the called class
    in columns; pooled, every unit was called by its own fold's threshold (with repeats once per repeat, and the counts
    add up to more than `units`). It is null when a threshold is missing, for the reason given with the sensitivity.
    """

    model_config = _FROZEN

    fold: NonNegativeInt | None
    units: NonNegativeInt
    patients: NonNegativeInt
    class_counts: tuple[NonNegativeInt, ...]
    prevalence: tuple[float, ...]
    threshold: Threshold | None
    confusion: tuple[tuple[NonNegativeInt, ...], ...] | None
    metrics: Metrics


class UnitMetrics(BaseModel):
    """One model per patient or per image: each fold, over the folds, and pooled out of fold."""

    model_config = _FROZEN

    folds: tuple[Performance, ...]
    over_folds: Spreads
    pooled: Performance


class ModelMetrics(BaseModel):
    """One model; the patient is the primary unit."""

    model_config = _FROZEN

    model: str
    patient: UnitMetrics
    image: UnitMetrics


class Comparison(BaseModel):
    """A model against a reference on the same patients: AUROC difference (model minus reference).

    `difference` is pooled out of fold with DeLong's paired interval by patient, about these fitted models;
    `over_folds` has the wins.
    `adjusted` is the p value over folds after Holm's correction for all comparisons made.
    """

    model_config = _FROZEN

    model: str
    reference: str
    metric: Literal["auroc"] = "auroc"
    unit: Literal["patient"] = "patient"
    difference: Estimate
    over_folds: FoldComparison
    adjusted: float | None = None


class StudyMetrics(BaseModel):
    """A whole study. `notes` are sentences that the reader must be told with the numbers.

    `appraisal` is null where no settings were given.
    """

    model_config = _FROZEN

    classes: tuple[str, ...]
    positive_class: str | None
    primary_unit: Literal["patient"] = "patient"
    confidence: float = CONFIDENCE
    resamples: NonNegativeInt
    seed: int
    folds: tuple[NonNegativeInt, ...]
    models: tuple[ModelMetrics, ...]
    comparisons: tuple[Comparison, ...]
    appraisal: Appraisal | None = None
    notes: tuple[str, ...] = ()

    def of(self, model: str) -> ModelMetrics:
        """One model's metrics.

        Raises:
            IntegrityFailure: there is no such model.
        """
        return _find(self.models, model)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `write_json`."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The metrics that `to_json` gave.

        Raises:
            IntegrityFailure: the value is not of this form; every faulty key is named.
        """
        return _read(cls, value)


class ModelInFold(BaseModel):
    """One model in one fold."""

    model_config = _FROZEN

    model: str
    patient: Performance
    image: Performance


class FoldMetrics(BaseModel):
    """One fold, every model; the numbers are the ones the study's metrics hold for this fold."""

    model_config = _FROZEN

    fold: NonNegativeInt
    classes: tuple[str, ...]
    positive_class: str | None
    primary_unit: Literal["patient"] = "patient"
    confidence: float = CONFIDENCE
    resamples: NonNegativeInt
    seed: int
    models: tuple[ModelInFold, ...]
    notes: tuple[str, ...] = ()

    def of(self, model: str) -> ModelInFold:
        """One model's metrics.

        Raises:
            IntegrityFailure: there is no such model.
        """
        return _find(self.models, model)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `write_json`."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The metrics that `to_json` gave.

        Raises:
            IntegrityFailure: the value is not of this form; every faulty key is named.
        """
        return _read(cls, value)


Found = TypeVar("Found", ModelMetrics, ModelInFold)
Form = TypeVar("Form", bound=BaseModel)


def _find(models: tuple[Found, ...], name: str) -> Found:
    for found in models:
        if found.model == name:
            return found
    known = ", ".join(found.model for found in models)
    raise IntegrityFailure(f"The metrics have no model {name!r}; there is {known or 'none'}. Evaluate the run again.")


def _read(form: type[Form], value: object) -> Form:
    try:
        return form.model_validate(value)
    except ValidationError as error:
        faults = "\n".join(
            f"  - {'.'.join(str(part) for part in fault['loc']) or 'top'}: {fault['msg']}" for fault in error.errors()
        )
        count = error.error_count()
        raise IntegrityFailure(
            f"These are not the metrics that medtl wrote ({count} fault{'s' if count > 1 else ''}):\n{faults}\n"
            "Rebuild metrics.json from predictions.csv.",
        ) from error
