"""Does the null say what a plain loop over permutations says, and does it find a leak that was planted?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from medtl.cohort import Case, Cohort
from medtl.controls.label_exchange import exchange_labels
from medtl.controls.permuted_labels import PENALTY, permuted_labels
from medtl.folds import FoldSettings, FoldTable, assign
from medtl.record.controls import PermutedLabels


def cohort_of(patients: int, *, images: int = 1, classes: tuple[str, ...] = ("ill", "well")) -> Cohort:
    cases = tuple(
        Case(
            case_id=f"c{patient}-{image}",
            patient_id=f"p{patient}",
            image=Path("none.png"),
            label=classes[patient % len(classes)],
            line=patient + 2,
            chance_key=f"{patient:04d}-{image}",
        )
        for patient in range(patients)
        for image in range(images)
    )
    return Cohort(cases=cases, classes=classes)


def folds_of(cohort: Cohort, count: int = 5) -> FoldTable:
    return assign(cohort, FoldSettings(count=count, seed=3), groups={})


def groups_of(cohort: Cohort) -> dict[str, str]:
    return {case.case_id: case.patient_id for case in cohort.cases}


def drawn(cohort: Cohort, features: np.ndarray, *, draws: int = 200, folds: FoldTable | None = None) -> PermutedLabels:
    found = permuted_labels(features, cohort, folds or folds_of(cohort), groups=groups_of(cohort), draws=draws, seed=5)
    assert isinstance(found, PermutedLabels)
    return found


def by_plain_loop(cohort: Cohort, features: np.ndarray, folds: FoldTable, labels: np.ndarray) -> float:
    """scikit-learn's ridge per fold, scores averaged by patient, the share of a fold's pairs in the right order."""
    index = {case.case_id: at for at, case in enumerate(cohort.cases)}
    right, pairs = 0.0, 0
    for fold in folds.folds:
        split = folds.split(fold)
        training, test = ([index[name] for name in side] for side in (split.training, split.test))
        scale = StandardScaler().fit(features[training])
        model = Ridge(alpha=PENALTY).fit(scale.transform(features[training]), labels[training])
        sums: dict[str, list[float]] = {}
        truth: dict[str, int] = {}
        for at, score in zip(test, model.predict(scale.transform(features[test])), strict=True):
            sums.setdefault(cohort.cases[at].patient_id, []).append(float(score))
            truth[cohort.cases[at].patient_id] = int(labels[at])
        own = sum(truth.values()) * (len(truth) - sum(truth.values()))
        right += own * roc_auc_score(list(truth.values()), [np.mean(scores) for scores in sums.values()])
        pairs += own
    return float(right / pairs)


@pytest.mark.parametrize("width", [4, 300])
def test_every_draw_is_what_a_plain_loop_gives(width: int) -> None:
    cohort = cohort_of(60, images=2)
    chance = np.random.default_rng(width)
    features = chance.normal(size=(120, width)) + np.array([[case.label == "well"] for case in cohort.cases])
    folds = folds_of(cohort)
    found = drawn(cohort, features, draws=8, folds=folds)
    truth = np.array([cohort.classes.index(case.label) for case in cohort.cases])
    tested = {name: fold for fold in folds.folds for name in folds.split(fold).test}
    tested_in = np.array([tested[case.case_id] for case in cohort.cases])
    names = [case.patient_id for case in cohort.cases]
    rows = exchange_labels(truth, patients=names, groups=names, folds=tested_in, draws=8, seed=5).labels
    areas = [by_plain_loop(cohort, features, folds, row) for row in rows]
    assert found.observed == pytest.approx(areas[0], abs=1e-12)
    assert found.mean == pytest.approx(np.mean(areas[1:]), abs=1e-12)
    assert found.highest == pytest.approx(np.max(areas[1:]), abs=1e-12)


def test_of_features_that_know_nothing_the_null_lies_at_a_half() -> None:
    cohort = cohort_of(100)
    found = drawn(cohort, np.random.default_rng(1).normal(size=(100, 30)))
    assert abs(found.mean - 0.5) < 4 * found.error_of_mean
    assert found.p_value > 0.01


def test_of_features_that_know_the_label_no_draw_reaches_it() -> None:
    cohort = cohort_of(80)
    features = np.random.default_rng(2).normal(size=(80, 10))
    features[:, 0] += [3.0 * (case.label == "well") for case in cohort.cases]
    found = drawn(cohort, features)
    assert found.observed > 0.9
    assert found.p_value == pytest.approx(1 / 201)
    assert abs(found.mean - 0.5) < 4 * found.error_of_mean


def test_a_patient_under_two_numbers_lifts_the_null() -> None:
    """Every patient stands in the cohort twice, and the groups know it while the folds do not: an image-level split."""
    cohort = cohort_of(60, images=2)
    rows = np.random.default_rng(3).normal(size=(60, 200)).repeat(2, axis=0)
    by_image = replace(cohort, cases=tuple(replace(case, patient_id=case.case_id) for case in cohort.cases))
    leaking = folds_of(by_image)
    found = permuted_labels(rows, cohort, leaking, groups=groups_of(cohort), draws=100, seed=5)
    assert isinstance(found, PermutedLabels)
    assert found.mean > 0.7


def test_three_classes_are_averaged_over_one_against_the_rest() -> None:
    cohort = cohort_of(90, classes=("a", "b", "c"))
    features = np.random.default_rng(4).normal(size=(90, 5))
    features[:, 0] += [2.0 * cohort.classes.index(case.label) for case in cohort.cases]
    found = drawn(cohort, features, draws=100)
    assert found.observed > 0.7
    assert abs(found.mean - 0.5) < 4 * found.error_of_mean


def test_where_no_labels_can_be_exchanged_it_says_so() -> None:
    """In every fold the ill are one group of four patients and the well one of eight: neither finds its like."""
    cases = tuple(replace(case, label="well" if at % 3 else "ill") for at, case in enumerate(cohort_of(60).cases))
    cohort = Cohort(cases, ("ill", "well"))
    folds = folds_of(cohort)
    tested = {name: fold for fold in folds.folds for name in folds.split(fold).test}
    together = {case.case_id: f"{case.label} {tested[case.case_id]}" for case in cases}
    found = permuted_labels(np.ones((60, 2)), cohort, folds, groups=together, draws=5, seed=1)
    assert found == "no two patients of a fold can change their labels"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 3)), min_size=4, max_size=30))
def test_every_draw_keeps_each_fold_s_labels_and_each_patient_s(rows: list[tuple[int, int, int]]) -> None:
    """(fold, label, patient within both): in every draw a patient has one label, and folds their counts of patients."""
    folds = np.array([row[0] for row in rows])
    truth = np.array([row[1] for row in rows])
    names = [f"{row[0]}-{row[1]}-{row[2]}" for row in rows]
    labels = exchange_labels(truth, patients=names, groups=names, folds=folds, draws=5, seed=0).labels
    assert (labels[0] == truth).all()
    for drawn_labels in labels:
        of_patient = {}
        for name, label in zip(names, drawn_labels, strict=True):
            assert of_patient.setdefault(name, label) == label
        for fold in set(folds.tolist()):
            here = {name for name in names if name.startswith(f"{fold}-")}
            before = sorted(int(name.split("-")[1]) for name in here)
            assert sorted(int(of_patient[name]) for name in here) == before


def test_patients_with_several_labels_change_with_patients_of_as_many_images_in_any_order() -> None:
    names = ["a", "a", "b", "b", "c", "d"]
    truth = np.array([0, 1, 1, 1, 0, 1])
    found = exchange_labels(truth, patients=names, groups=names, folds=np.zeros(6, dtype=int), draws=80, seed=0)
    assert {tuple(row) for row in found.labels[:, :4].tolist()} == {
        (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)
    }  # fmt: skip
    assert {tuple(row) for row in found.labels[:, 4:].tolist()} == {(0, 1), (1, 0)}
    assert len(set(found.blocks[:4])) == len(set(found.blocks[4:])) == 1
    assert found.blocks[0] != found.blocks[4]


def test_tied_patients_change_labels_with_as_many_tied_patients() -> None:
    groups = ["a", "a", "b", "b", "c", "d"]
    truth = np.array([1, 1, 0, 1, 0, 1])
    found = exchange_labels(
        truth, patients=list("uvwxyz"), groups=groups, folds=np.zeros(6, dtype=int), draws=80, seed=0
    )
    assert {tuple(row) for row in found.labels[:, 4:].tolist()} == {(0, 1), (1, 0)}
    assert (found.labels[:, :4].sum(axis=1) == 3).all()
    assert len({tuple(row) for row in found.labels[:, :4].tolist()}) == 4
