"""Each measure against a library or a law; a map that cheats is found out, and an honest one passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr, ttest_1samp
from skimage.metrics import structural_similarity as oracle_similarity
from sklearn.metrics import average_precision_score, jaccard_score

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.cohort import Case, Cohort
from medtl.encoders import build_untrained, find_encoder
from medtl.explanation.check_cases import cases_to_check, other_fold
from medtl.explanation.check_verdicts import mean_of_patients
from medtl.explanation.energy import body_of, border_share, on_prepared_grid, outside_share
from medtl.explanation.faithfulness import SHARES, areas, centre_gaussian, without_detail
from medtl.explanation.lesion import THRESHOLDS, found_in, read_mask
from medtl.explanation.map_similarity import on_common_grid, rank_correlation, structural_similarity
from medtl.explanation.randomisation import cascade
from medtl.explanation.saliency import RawSaliency, hirescam
from medtl.folds.table import table_of
from medtl.imaging import ScanFacts

CHANCE = np.random.default_rng(3)


@pytest.mark.parametrize("axes", [2, 3])
def test_structural_similarity_is_that_of_scikit_image(axes: int) -> None:
    first, second = CHANCE.random((2, *(16,) * axes))
    expected = oracle_similarity(first, second, data_range=1.0, win_size=7)
    assert structural_similarity(first, second) == pytest.approx(expected, abs=1e-9)
    assert structural_similarity(first, first) == pytest.approx(1.0)


def test_scale_does_not_matter_on_the_common_grid_and_zeros_stay_zeros() -> None:
    values = CHANCE.random((7, 7)).astype(np.float32)
    np.testing.assert_allclose(
        on_common_grid(RawSaliency(0, values)), on_common_grid(RawSaliency(0, 40 * values)), rtol=1e-5
    )
    assert not on_common_grid(RawSaliency(0, np.zeros((4, 5, 6), np.float32))).any()


def test_rank_correlation_is_scipys_and_knows_no_order_in_a_flat_map() -> None:
    first, second = (RawSaliency(0, CHANCE.random((7, 7)).round(1).astype(np.float32)) for _ in range(2))
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first.values.ravel(), second.values.ravel())[0])
    assert rank_correlation(first, RawSaliency(0, np.ones((7, 7), np.float32))) is None
    assert rank_correlation(first, RawSaliency(0, np.ones((3, 3), np.float32))) is None


def test_the_cascade_goes_from_the_head_down_and_leaves_the_classifier_alone() -> None:
    classifier = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=1), classes=2, seed=1)
    untrained = build_untrained(find_encoder("resnet10"), seed=2)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    seen: list[list[str]] = []

    def make(changed: Classifier, scans: torch.Tensor, targets: Sequence[int]) -> tuple[RawSaliency, ...]:
        stages = changed.encoder.stages
        own = [torch.equal(_first(changed, name), _first(classifier, name)) for name in stages]
        seen.append([name for name, same in zip(stages, own, strict=True) if not same])
        assert not torch.equal(changed.head.weight, classifier.head.weight)
        return tuple(RawSaliency(target, np.ones((2, 2))) for target in targets)

    steps = cascade(classifier, [torch.zeros(1, 1, 32, 32)] * 3, [0, 1, 0], make=make, untrained=untrained, seed=5)
    assert [part for part, _ in steps] == ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
    assert [sorted(names) for names in seen] == [
        [], ["layer4"], ["layer3", "layer4"], ["layer2", "layer3", "layer4"],
        ["layer1", "layer2", "layer3", "layer4"], ["layer1", "layer2", "layer3", "layer4", "stem"],
    ]  # fmt: skip
    assert all(len(raws) == 3 for _, raws in steps)
    assert all(torch.equal(before[name], value) for name, value in classifier.state_dict().items())


def _first(classifier: Classifier, name: str) -> torch.Tensor:
    return next(classifier.encoder.stage(name).parameters())


def test_a_cascade_over_slices_forgets_the_attention_with_the_head() -> None:
    encoder = build_untrained(find_encoder("slices-resnet10"), seed=1)
    classifier = classifier_with_new_head(encoder, classes=2, seed=1)
    with torch.no_grad():
        for value in classifier.encoder.attention.parameters():
            value.normal_(generator=torch.Generator().manual_seed(3))
    fresh = build_untrained(find_encoder("slices-resnet10"), seed=2)
    weights = []

    def make(changed: Classifier, scans: torch.Tensor, targets: Sequence[int]) -> tuple[RawSaliency, ...]:
        with torch.no_grad():
            weights.append(changed.encoder.slice_weights(scans)["axial"])
        return hirescam(changed, scans, targets, stage="layer1")

    cascade(classifier, [torch.rand(1, 1, 24, 24, 5)], [1], make=make, untrained=fresh, seed=0)
    assert all(torch.allclose(own, torch.full_like(own, 1 / 5)) for own in weights)


@pytest.mark.parametrize("shape", [(64, 48), (32, 40, 24)])
def test_a_flat_map_has_the_flat_share_everywhere(shape: tuple[int, ...]) -> None:
    scan = np.zeros((1, *shape), np.float32)
    scan[(0, *(slice(side // 4, -side // 4) for side in shape))] = 0.8
    flat = on_prepared_grid(RawSaliency(0, np.ones((4,) * len(shape), np.float32)), shape)
    for share in (border_share(flat), outside_share(flat, scan)):
        assert share is not None
        assert share.of_map == pytest.approx(share.of_flat)
    border, outside = border_share(flat), outside_share(flat, scan)
    assert border is not None
    assert outside is not None
    assert border.of_flat == pytest.approx(1 - 0.75 ** len(shape), abs=0.02)
    assert outside.of_flat == pytest.approx(1 - 0.5 ** len(shape), abs=0.05)


def test_a_share_that_is_undefined_is_none_and_never_a_number() -> None:
    empty, bright = np.zeros((16, 16), np.float32), np.ones((1, 16, 16), np.float32)
    assert border_share(empty) is None
    assert outside_share(np.ones((16, 16), np.float32), bright) is None
    assert outside_share(np.ones((16, 16), np.float32), 0 * bright) is None


def test_lungs_lie_within_the_body_though_they_are_dark() -> None:
    scan = np.zeros((1, 40, 40, 12), np.float32)
    scan[0, 5:35, 5:35] = 0.7
    scan[0, 12:18, 12:28] = 0.0  # open at both ends of the volume, as lungs are
    scan[0, 38, 38] = 0.9  # a marker beside the patient
    body = body_of(scan)
    assert body[14, 20].all()
    assert not body[38, 38].any()
    assert body.sum() == 30 * 30 * 12


class Counting(torch.nn.Module):
    """A classifier of two classes that decides by the detail within one square alone."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(8.0))

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        square = scans[:, 0, 8:16, 8:16]
        detail = (square - square.mean(dim=(1, 2), keepdim=True)).abs().mean(dim=(1, 2))
        return torch.stack([torch.full_like(detail, 0.5), self.scale * detail], dim=1)


def test_deletion_and_insertion_are_best_where_the_decision_rests() -> None:
    scan = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    inside = np.zeros((32, 32))
    inside[8:16, 8:16] = 1
    best = np.argsort(-inside.ravel(), kind="stable")
    orders = {"best": best, "worst": best[::-1], "random": np.random.default_rng(0).permutation(32 * 32)}
    found = areas(Counting(), scan, 1, orders)  # type: ignore[arg-type]
    assert found["best"].gain > found["random"].gain > found["worst"].gain
    assert found["best"].deletion < found["worst"].deletion
    assert found["best"].insertion > found["worst"].insertion


def test_the_areas_are_numpys_trapezoids_of_the_probabilities() -> None:
    scan = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(4))
    order = np.random.default_rng(1).permutation(32 * 32)
    model, blurred = Counting(), without_detail(scan)
    probabilities = []
    for share in (0.0, *SHARES, 1.0):
        there = torch.zeros(32 * 32, dtype=torch.bool)
        there[order[: round(share * 32 * 32)].tolist()] = True
        mixed = torch.where(there.reshape(1, 1, 32, 32), blurred, scan)
        probabilities.append(float(model(mixed).softmax(1)[0, 1]))
    (found,) = areas(model, scan, 1, {"own": order}).values()  # type: ignore[arg-type]
    assert found.deletion == pytest.approx(np.trapezoid(probabilities, (0.0, *SHARES, 1.0)), abs=1e-6)


def test_without_detail_keeps_the_mean_of_whole_cells() -> None:
    scan = torch.rand(1, 1, 32, 64)
    assert without_detail(scan).mean() == pytest.approx(float(scan.mean()), abs=0.01)
    assert without_detail(scan).std() < scan.std() / 3
    assert without_detail(torch.rand(1, 1, 16, 24, 5)).shape == (1, 1, 16, 24, 5)


def test_the_centre_gaussian_falls_off_from_the_middle_alike_in_all_directions() -> None:
    values = centre_gaussian((9, 9, 9))
    assert values.argmax() == values.size // 2
    for axis in range(3):
        np.testing.assert_allclose(values, np.flip(values, axis))


def test_overlap_and_average_precision_are_scikit_learns() -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[5:20, 10:18] = True
    values = (CHANCE.random(mask.shape) * 0.6 + 0.4 * mask).round(2)
    values /= values.max()
    found = found_in(values, mask)
    assert found.average_precision == pytest.approx(average_precision_score(mask.ravel(), values.ravel()))
    for threshold, overlap in zip(THRESHOLDS, found.overlap, strict=True):
        assert overlap == pytest.approx(jaccard_score(mask.ravel(), (values >= threshold).ravel()))
    assert found.points_at == mask.ravel()[values.argmax()]


def facts(shape: tuple[int, ...], affine: np.ndarray | None = None) -> ScanFacts:
    rows = None if affine is None else tuple(tuple(map(float, row)) for row in affine)
    return ScanFacts(
        sha256="",
        pixel_sha256="",
        perceptual_hash="",
        border=None,
        shape=shape,
        channels=1,
        spacing_mm=None,
        reader="",
        affine=rows,
    )


def test_a_mask_is_read_on_its_scans_grid_or_the_reason_is_given(tmp_path: Path) -> None:
    drawn = np.zeros((20, 30), np.uint8)
    Image.fromarray(drawn).save(tmp_path / "empty.png")
    drawn[3:6, 4:9] = 255
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    read = read_mask(tmp_path / "drawn.png", facts((20, 30)))
    assert isinstance(read, np.ndarray)
    np.testing.assert_array_equal(read, drawn > 0)
    assert read_mask(tmp_path / "empty.png", facts((20, 30))) == "nothing is drawn"
    assert read_mask(tmp_path / "drawn.png", facts((20, 31))) == "the mask has 20 x 30 pixels, its scan 20 x 31"
    assert "does not exist" in str(read_mask(tmp_path / "none.png", facts((20, 30))))
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    volume = np.zeros((6, 7, 8), np.uint8)
    volume[2:4, 2:4, 2:4] = 1
    nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / "mask.nii.gz")
    assert isinstance(read_mask(tmp_path / "mask.nii.gz", facts((6, 7, 8), affine)), np.ndarray)
    moved = affine.copy()
    moved[0, 3] = 5
    assert read_mask(tmp_path / "mask.nii.gz", facts((6, 7, 8), moved)) == (
        "the mask lies elsewhere in the patient than its scan"
    )


def test_cases_are_drawn_by_seed_one_of_a_patient_and_the_classes_in_turn() -> None:
    cohort = _cohort(patients=20, images=2)
    test = tuple(case.case_id for case in cohort.cases[:24])
    drawn = cases_to_check(cohort, test, fold=0, seed=7, at_most=6)
    by_id = {case.case_id: case for case in cohort.cases}
    assert len(drawn) == 6
    assert set(drawn) <= set(test)
    assert len({by_id[name].patient_id for name in drawn}) == 6
    assert [by_id[name].label for name in drawn] == ["a", "b"] * 3
    assert drawn == cases_to_check(cohort, test[::-1], fold=0, seed=7, at_most=6)
    assert drawn != cases_to_check(cohort, test, fold=0, seed=8, at_most=6)
    assert len(cases_to_check(cohort, test, fold=0, seed=7, at_most=100)) == 12


def _cohort(*, patients: int, images: int) -> Cohort:
    cases = [
        Case(
            case_id=f"c{p}-{n}", patient_id=f"p{p}", image=Path(f"/x/{p}-{n}.png"), label="ab"[p % 2],
            line=2 + images * p + n, chance_key=f"{p}{n}",
        )
        for p in range(patients)
        for n in range(images)
    ]  # fmt: skip
    return Cohort(cases=tuple(cases), classes=("a", "b"))


def test_the_other_fold_is_one_that_tested_the_case_too_where_folds_are_repeated() -> None:
    cohort = _cohort(patients=4, images=1)

    def roles(repeats: int) -> Iterator[tuple[int, int, Case, str]]:
        for repeat in range(repeats):
            for fold in range(2):
                for index, case in enumerate(cohort.cases):
                    own = "test" if (index // (1 + repeat)) % 2 == fold else "training"
                    yield repeat, 2 * repeat + fold, case, own

    once, twice = table_of(roles(1)), table_of(roles(2))
    found = other_fold(once, case_id="c0-0", fold=0)
    assert found is not None
    assert (found.fold, found.role) == (1, "training")
    again = other_fold(twice, case_id="c0-0", fold=0)
    assert again is not None
    assert again.role == "test"
    assert again.fold in (2, 3)
    single = table_of(row for row in roles(1) if row[1] == 0)
    assert other_fold(single, case_id="c0-0", fold=0) is None


def test_the_interval_of_a_mean_over_patients_is_students_and_takes_each_patient_once() -> None:
    chance = np.random.default_rng(0)
    values = [(f"p{index // 2}", float(value)) for index, value in enumerate(chance.normal(size=16))]
    means = np.array([value for _, value in values]).reshape(8, 2).mean(axis=1)
    theirs = ttest_1samp(means, 0.0).confidence_interval()
    found = mean_of_patients(values)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert mean_of_patients(values[:8]).reason == "no interval: 4 patients, at least 5 needed"
