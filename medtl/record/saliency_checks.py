"""What the checks of the maps measured and found, as values that a run writes and a page reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from medtl.record import run_folder as names
from medtl.record.typed_files import Frozen, read_typed, write_typed

Method = Literal["hirescam", "layercam", "gradcam_plus_plus", "eigencam"]
CheckName = Literal["randomisation", "repeatability", "random_masks", "centre", "outside", "border", "lesions"]


class Share(Frozen):
    """How much of a map's sum lies at some places, and how much of a flat map's would."""

    of_map: float
    of_flat: float


class Curves(Frozen):
    """Areas under the probability of the target class while places are taken away, and while they are brought in."""

    deletion: float
    insertion: float

    @property
    def gain(self) -> float:
        """Insertion minus deletion: the larger, the more the decision rests on the first places."""
        return self.insertion - self.deletion


class Found(Frozen):
    """How well values on a scan find a mask; `overlap` is the intersection over union at each of the thresholds."""

    points_at: bool
    overlap: tuple[float, ...]
    average_precision: float


class Step(Frozen):
    """The similarity of a map to the original one after a part of the network was randomised, and all parts before."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    part: str
    similarity: float = Field(alias="likeness")


class Repeated(Frozen):
    """The similarity of a case's maps by two folds' models; `role` is what the case was to the other model."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    other_fold: int
    role: Literal["test", "validation", "training"]
    similarity: float = Field(alias="likeness")
    rank_correlation: float | None


class OnLesion(Frozen):
    """What the map for the reference standard's class, and the centre-Gaussian, find of the mask."""

    by_map: Found
    by_centre: Found


class CheckedCase(Frozen):
    """What was measured on one out-of-fold case.

    `like_others` is the mean similarity of its map to those of the fold's other checked cases. A map of zeros shows
    nothing, and everything that asks about the map is None then.
    """

    case_id: str
    patient_id: str
    target_class: str
    strength: float
    like_others: float | None = None
    randomised: tuple[Step, ...] = ()
    repeated: Repeated | None = None
    by_map: Curves | None = None
    by_random: Curves | None = None
    by_centre: Curves | None = None
    outside: Share | None = None
    border: Share | None = None
    lesion: OnLesion | None = None
    without_mask: str = ""


class MeanOfPatients(Frozen):
    """A mean over patients with its 95 % interval; `reason` says why value or interval is missing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    patients: Annotated[int, Field(ge=0)]


class CheckVerdict(Frozen):
    """One check: `difference` is `ours` minus `against`; `passes` is None where the check could not be made (`why`)."""

    name: CheckName
    passes: bool | None
    ours: float | None
    against: float | None
    difference: MeanOfPatients
    why: str = ""


class LesionNumbers(Frozen):
    """How often the strongest point lies in the mask, and the overlap at thresholds fixed on other folds."""

    points_at: float
    centre_points_at: float
    overlap: float | None
    centre_overlap: float | None
    patients: Annotated[int, Field(ge=1)]


class FoldChecks(Frozen):
    """A fold's checks: `made_from` names the finished fold, so that a fold made anew is checked anew."""

    fold: int
    made_from: str
    model: str
    stage: str
    cases: tuple[CheckedCase, ...]
    verdicts: tuple[CheckVerdict, ...] = ()
    lesions: LesionNumbers | None = None


class SaliencyChecks(Frozen):
    """All checks of a study. `verdicts` of the study rest on intervals, those of a fold on means."""

    method: Method
    cases_per_fold: int
    seed: int
    folds: tuple[FoldChecks, ...] = ()
    verdicts: tuple[CheckVerdict, ...] = ()
    lesions: LesionNumbers | None = None

    def of(self, fold: int) -> FoldChecks | None:
        """The checks of one fold, None when it was not checked."""
        return next((one for one in self.folds if one.fold == fold), None)


def write_saliency_checks(checks: SaliencyChecks, run: Path) -> None:
    """Write saliency_checks.json into a run folder."""
    write_typed(run / names.SALIENCY_CHECKS, checks)


def read_saliency_checks(run: Path) -> SaliencyChecks | None:
    """The saliency_checks.json of a run folder; None where it has none.

    Raises:
        IntegrityFailure: it is not what medtl wrote.
    """
    path = run / names.SALIENCY_CHECKS
    return read_typed(path, SaliencyChecks, what="what the checks of the maps found") if path.is_file() else None
