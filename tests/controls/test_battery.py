"""Do the controls fail where they must, and not where a plant lets them succeed?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medtl.cohort import Case, Cohort
from medtl.controls import ControlSettings, run_controls
from medtl.controls.battery import _without_middle
from medtl.folds import FoldSettings, FoldTable, assign
from medtl.imaging import PreparationSettings
from medtl.outcomes import outcome_of
from medtl.predictions import PredictionTable
from medtl.record.controls import Controls
from medtl.training import Scans, StudyData
from medtl.training.feature_table import FeatureTable

TWO_CLASSES = outcome_of(["well", "ill"])

SIDE = 32
ALL = ControlSettings(permutations=50, centre_masked=True, image_level_split=True)


class BlockMeans:
    """An encoder by hand that sees everything: its features are the pixels' 4 x 4 px means."""

    def of(self, encoder: None, scans: Scans, content: Mapping[str, str], *, readout: str = "last") -> FeatureTable:
        blocks = [scans.pixels(name)[0].reshape(8, 4, 8, 4).mean(axis=(1, 3)).ravel() for name in content]
        return FeatureTable(tuple(content), np.stack(blocks).astype(np.float32))


def study_of(
    pixels: Callable[[int], np.ndarray], *, patients: int = 80, images: int = 1
) -> tuple[StudyData, FoldTable]:
    """A study of patients who are ill in turn, and its folds."""
    cases = tuple(
        Case(
            case_id=f"c{patient}-{image}",
            patient_id=f"p{patient}",
            image=Path("none.png"),
            label=("well", "ill")[patient % 2],
            line=2,
            chance_key=f"{patient:04d}-{image}",
        )
        for patient in range(patients)
        for image in range(images)
    )
    cohort = Cohort(cases, ("well", "ill"))
    drawn = {case.case_id: pixels(number) for number, case in enumerate(cases)}
    scans = Scans(
        drawn.__getitem__,
        {case.case_id: 0 for case in cases},
        lambda scan, **_: scan,
        outcome=TWO_CLASSES,
    )

    keys = {case.case_id: case.case_id for case in cases}
    groups = {case.case_id: case.patient_id for case in cases}
    folds = assign(cohort, FoldSettings(count=5, seed=1), groups=groups)
    store = BlockMeans()
    data = StudyData(
        cohort, groups, SimpleNamespace(keys=keys), PreparationSettings(), scans, {"means": None},  # type: ignore[arg-type, dict-item]
        {"means": store.of(None, scans, keys)}, store, seed=4,  # type: ignore[arg-type]
    )  # fmt: skip
    return data, folds


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).random((1, SIDE, SIDE)).astype(np.float32)


def with_lesion(number: int) -> np.ndarray:
    scan = noise(number)
    scan[0, 12:20, 12:20] += 0.5 * (number % 2)
    return scan


def with_marker(number: int) -> np.ndarray:
    scan = noise(number)
    scan[0, :4, :4] = 1.0 if number % 2 else 0.0
    return scan


def controlled(
    known: tuple[StudyData, FoldTable], settings: ControlSettings = ALL
) -> tuple[Controls, PredictionTable | None]:
    return run_controls(*known, settings, encoder="means")


def aurocs(known: tuple[StudyData, FoldTable], settings: ControlSettings = ALL) -> dict[str, float]:
    found, _ = controlled(known, settings)
    return {one.name: one.auroc.value for one in found.controls if one.auroc.value is not None}


def test_a_lesion_in_the_middle_is_not_seen_by_the_border_nor_without_the_middle() -> None:
    found = aurocs(study_of(with_lesion))
    assert found["thumbnail"] > 0.9  # a lesion of a quarter of the width is no detail: this control tells so
    assert abs(found["border_only"] - 0.5) < 0.2
    assert abs(found["centre_masked"] - 0.5) < 0.2


def test_a_marker_in_the_corner_is_seen_by_the_border_and_without_the_middle() -> None:
    found = aurocs(study_of(with_marker))
    assert min(found["border_only"], found["centre_masked"]) > 0.95


def test_folds_by_image_claim_what_patients_do_not_give() -> None:
    """Noise of a patient's own, twice: nothing to learn, but a patient on both sides is known again."""
    known = study_of(lambda number: noise(number // 3), images=3)
    found, _ = controlled(known)
    by_image = {one.name: one.auroc.value for one in found.controls}["image_level_split"]
    assert by_image is not None
    assert by_image > 0.9
    assert found.permuted_labels is not None
    assert abs(found.permuted_labels.observed - 0.5) < 0.2


def test_what_is_written_gives_the_number_again() -> None:
    found, predictions = controlled(study_of(with_marker), ControlSettings(permutations=0))
    assert predictions is not None
    rows = predictions.of(model="border_only").rows
    area = roc_auc_score(rows["truth"] == "ill", rows["p_ill"])
    assert {one.name: one.auroc.value for one in found.controls}["border_only"] == pytest.approx(area, abs=1e-12)
    assert found.permuted_labels is None
    assert set(rows["case_id"]) == {f"c{patient}-0" for patient in range(80)}


def test_without_controls_there_are_no_results() -> None:
    none = ControlSettings(permutations=0, thumbnail=False, border_only=False)
    found, predictions = controlled(study_of(noise), none)
    assert predictions is None
    assert found.controls == ()


def test_the_middle_is_black_and_the_scan_itself_is_kept() -> None:
    scan = np.ones((2, 8, 12), dtype=np.float32)
    masked = _without_middle({"a": scan}.__getitem__, "a")
    assert scan.min() == 1.0
    assert masked.sum() == 2 * (8 * 12 - 4 * 6)
    assert masked[:, 2:6, 3:9].max() == 0.0
