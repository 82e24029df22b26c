"""curve.json: how the AUROC rises with the patients that are learnt from, and how many a question needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from medtl.record.studied_cohort import StudiedCohort
from medtl.record.typed_files import Count, Frozen, Text, read_typed, write_typed

CURVE, CURVE_CSV, CURVE_PAGE = "curve.json", "curve.csv", "curve.html"
MAKE_CURVE_ANEW = "Run medtl learning-curve again."

Positive = Annotated[int, Field(ge=1)]
Auroc = Annotated[float, Field(ge=0, le=1)]


class CurvePoint(Frozen):
    """The median over the draws of one size, with the band that holds the middle 95 % of draws."""

    patients: Positive
    repeats: Positive
    median: Auroc
    low: Auroc
    high: Auroc


class WholePart(Frozen):
    """The value of the whole training part with its 95 % interval by patient, or the reason for there being none.

    `patients` are those of the rarest class in the fold that has the fewest.
    """

    patients: Positive
    value: Auroc | None
    low: Auroc | None
    high: Auroc | None
    reason: Text | None = None


class LawPoint(Frozen):
    """The fitted law at one size, with its band."""

    patients: Positive
    value: float
    low: float
    high: float


class PowerLaw(Frozen):
    """AUROC(n) = ceiling - scale n^-exponent, the ceiling's band, and the law along the sizes.

    It was fitted again to the sizes `backtest_fitted`; `backtest_covered` of `backtest_predicted` medians lay in its
    band.
    """

    ceiling: float
    ceiling_low: float
    ceiling_high: float
    scale: float
    exponent: float
    points: tuple[LawPoint, ...]
    backtest_fitted: tuple[Positive, ...]
    backtest_predicted: tuple[Positive, ...]
    backtest_covered: Count


class NeededPatients(Frozen):
    """Patients of each class to learn from, with the band; without numbers where the sentence says why not."""

    sentence: Text
    patients: Positive | None = None
    low: Positive | None = None
    high: Positive | None = None


class ModelCurve(Frozen):
    """The curve of one model."""

    model: str
    label: str
    phrase: str
    points: tuple[CurvePoint, ...]
    whole: WholePart | None
    law: PowerLaw | None
    needed: NeededPatients


class FineTunedPoint(Frozen):
    """The AUROC of each of a few draws of one size, by a fine-tuned network and, by name, by the models of the curve.

    All have the same draws, in the same order.
    """

    patients: Positive
    values: tuple[Auroc, ...]
    others: Mapping[str, tuple[Auroc, ...]]


class FineTuned(Frozen):
    """A network that was fine-tuned on a few draws at a few sizes; its schedule has `epochs`."""

    model: str
    label: str
    phrase: str
    epochs: Positive
    points: tuple[FineTunedPoint, ...]


class LearningCurve(Frozen):
    """The learning curves of a study; the first model is the one that the headline speaks of.

    `left_out` names why cases were left out, each reason with its count and its first case.
    """

    study: Text
    question: Text
    encoder: Text
    fingerprint: str
    seed: int
    version: str
    cohort: StudiedCohort
    left_out: tuple[Text, ...]
    patients_of_class: tuple[Count, ...]
    folds: Positive
    repeats: Positive
    reach: Auroc
    half_width: float
    models: tuple[ModelCurve, ...]
    test_patients: Positive | None
    test_sentence: Text
    fine_tuned: FineTuned | None = None


def write_learning_curve(curve: LearningCurve, folder: Path) -> None:
    """Write curve.json into the folder of a learning curve."""
    write_typed(folder / CURVE, curve)


def read_learning_curve(folder: Path) -> LearningCurve:
    """The curve.json of a folder.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    return read_typed(folder / CURVE, LearningCurve, what="how the curve runs", advice=MAKE_CURVE_ANEW)
