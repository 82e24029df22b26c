"""Folds: nobody on both sides, everybody tests once, and errors when it cannot be."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from medtl.audit import findings as audit
from medtl.cohort import Case, Cohort, pseudonyms
from medtl.errors import ConfigurationError, DataRefused
from medtl.files import sha256_of
from medtl.folds import FoldSettings, FoldTable, assign


def cohort_of(*patients: tuple[str, str, int] | tuple[str, str, int, str]) -> Cohort:
    """A cohort from (patient, labels of its images in turn, images, split cell)."""
    cases = []
    for patient, labels, images, *split in patients:
        for image in range(images):
            case_id = f"{patient}-{image}"
            cases.append(
                Case(
                    case_id, patient, Path(f"/{case_id}"), labels[image % len(labels)], len(cases) + 2,
                    split=split[0] if split else None, chance_key=sha256_of(case_id.encode())[:16],
                )
            )  # fmt: skip
    classes = tuple(sorted({case.label for case in cases}))
    return Cohort(cases=tuple(cases), classes=classes, split_column="split")


def simple(a: int = 10, b: int = 10, images: int = 2) -> Cohort:
    return cohort_of(*((f"A{n}", "a", images) for n in range(a)), *((f"B{n}", "b", images) for n in range(b)))


def folds_of(cohort: Cohort, **named: object) -> FoldTable:
    return assign(cohort, FoldSettings(**named), groups=audit.fold_groups(cohort))


def roles_of(table: FoldTable) -> dict[tuple[str, int], str]:
    return {(case, fold): role for case, fold, role in table.rows[["case_id", "fold", "role"]].itertuples(index=False)}


PATIENTS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "ab", "bc"]), st.integers(1, 5)), min_size=12, max_size=60
)


CHOICES = {
    "drawn": PATIENTS,
    "count": st.integers(2, 5),
    "repeats": st.integers(1, 2),
    "seed": st.integers(0, 99),
    "ties": st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=3),
}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(**CHOICES)
def test_none_of_two_hundred_manifests_leaks_and_every_case_tests_once_per_repeat(**chosen: object) -> None:
    assert_sound(**chosen)


@settings(max_examples=10, deadline=None)
@given(**CHOICES)
def test_no_manifest_leaks_and_every_case_tests_once_per_repeat(**chosen: object) -> None:
    assert_sound(**chosen)


def assert_sound(
    *, drawn: list[tuple[str, int]], count: int, repeats: int, seed: int, ties: list[tuple[int, int]]
) -> None:
    cohort = cohort_of(*((f"P{n:02d}", labels, images) for n, (labels, images) in enumerate(drawn)))
    duplicates = [(f"P{one:02d}-0", f"P{other:02d}-0") for one, other in ties]
    groups = audit.fold_groups(cohort, duplicates=duplicates)
    fewest = min(len({groups[c.case_id] for c in cohort.cases if c.label == name}) for name in cohort.classes)
    whole = not ties and all(len(labels) == 1 for labels, _ in drawn)
    try:
        table = assign(cohort, FoldSettings(count=count, repeats=repeats, seed=seed), groups=groups)
    except DataRefused:
        event("refused")
        if fewest >= max(count, 3) and whole:
            raise
        return
    roles: dict[tuple[int, str], set[str]] = {}
    tests: Counter[tuple[str, int]] = Counter()
    for row in table.rows.itertuples():
        roles.setdefault((row.fold, groups[row.case_id]), set()).add(row.role)
        tests[row.case_id, row.repeat] += row.role == "test"
        assert row.repeat == row.fold // count
    assert all(len(seen) == 1 for seen in roles.values())
    assert set(tests.values()) == {1}
    assert table.folds == tuple(range(count * repeats))
    for fold in table.folds:
        split = table.split(fold)
        assert len(split.training) + len(split.validation) + len(split.test) == len(cohort.cases)
        label = {case.case_id: case.label for case in cohort.cases}
        for side in (split.training, split.validation, split.test):
            assert {label[case] for case in side} == set(cohort.classes)


def test_folds_do_not_depend_on_the_order_of_rows() -> None:
    cohort = simple(7, 9)
    rows = list(cohort.cases)
    random.Random(5).shuffle(rows)
    assert roles_of(folds_of(cohort)) == roles_of(folds_of(replace(cohort, cases=tuple(rows))))


def test_folds_do_not_depend_on_the_pseudonym_key() -> None:
    cohort = simple(7, 9)
    plain = list(folds_of(cohort, repeats=2).rows["role"])
    for key in (b"1" * 32, b"2" * 32):
        hidden = pseudonyms.pseudonymised(cohort, key=key)
        assert list(folds_of(hidden, repeats=2).rows["role"]) == plain


def test_folds_change_with_the_seed_and_with_the_repeat() -> None:
    cohort = simple(7, 9)
    roles = list(folds_of(cohort, seed=1, repeats=2).rows["role"])
    assert roles[: len(roles) // 2] != roles[len(roles) // 2 :]
    assert roles != list(folds_of(cohort, seed=2, repeats=2).rows["role"])


def test_classes_and_sizes_are_even() -> None:
    table = folds_of(simple(25, 50, images=1))
    for fold in table.folds:
        split = table.split(fold)
        assert Counter(case[0] for case in split.test) == {"A": 5, "B": 10}
        assert Counter(case[0] for case in split.validation) == {"A": 4, "B": 8}


def test_cases_stay_in_cohort_order_within_a_split() -> None:
    cohort = simple()
    order = {case.case_id: index for index, case in enumerate(cohort.cases)}
    split = folds_of(cohort).split(3)
    for side in (split.training, split.validation, split.test):
        assert [order[case] for case in side] == sorted(order[case] for case in side)


def test_patients_who_share_an_image_are_on_one_side() -> None:
    cohort = simple()
    groups = audit.fold_groups(cohort, duplicates=[("A0-0", "B0-1"), ("B0-0", "A5-1")])
    table = assign(cohort, FoldSettings(), groups=groups)
    for fold in table.folds:
        own = table.rows[(table.rows["fold"] == fold) & table.rows["patient_id"].isin(["A0", "B0", "A5"])]
        assert own["role"].nunique() == 1


def test_a_class_with_fewer_patients_than_folds_is_refused_with_the_numbers_and_a_way_out() -> None:
    with pytest.raises(DataRefused) as caught:
        folds_of(simple(4, 20))
    message = str(caught.value)
    assert "The class a has 4 patients, and 5 folds need at least 5 of each class" in message
    assert "at most 4 folds (folds: {count: 4})" in message
    assert caught.value.facts["patients"] == {"a": 4, "b": 20}
    assert folds_of(simple(4, 20), count=4).folds == (0, 1, 2, 3)


def test_two_patients_in_a_class_are_refused_however_few_the_folds() -> None:
    with pytest.raises(DataRefused, match=r"class a has 2 patients, and 2 folds need at least 3.*more patients"):
        folds_of(simple(2, 20), count=2)


def test_two_rare_classes_are_both_named() -> None:
    cohort = cohort_of(*((f"P{n}", "abc"[min(n, 2)], 1) for n in range(12)))
    with pytest.raises(DataRefused, match="class a has 1 patient and b has 1 patient, and 5 folds"):
        folds_of(cohort)


def test_sixty_classes_of_one_patient_are_refused_in_words() -> None:
    cohort = cohort_of(*((f"P{n}", chr(0x100 + n), 1) for n in range(60)))
    with pytest.raises(DataRefused, match="need at least 5 of each class"):
        folds_of(cohort)


def test_the_rarest_class_that_fits_is_on_every_side() -> None:
    table = folds_of(simple(5, 60))
    for fold in table.folds:
        split = table.split(fold)
        assert all(
            any(case.startswith("A") for case in side) for side in (split.training, split.validation, split.test)
        )


def test_one_patient_with_nearly_everything_cannot_be_divided_and_it_says_so() -> None:
    cohort = cohort_of(("X", "ab", 40), ("A1", "a", 1), ("A2", "a", 1), ("B1", "b", 1), ("B2", "b", 1))
    with pytest.raises(DataRefused, match=r"No division into 3 folds was found.*a: 3 patients, b: 3 patients"):
        folds_of(cohort, count=3)


OFFICIAL = (
    *((f"A{n}", "a", 2, "Train") for n in range(6)), *((f"B{n}", "b", 1, "train") for n in range(6)),
    ("C1", "a", 1, "TEST"), ("C2", "b", 1, "test"),
)  # fmt: skip


def test_an_official_split_is_one_fold_with_validation_cut_from_training() -> None:
    table = folds_of(cohort_of(*OFFICIAL), official="split")
    assert table.folds == (0,)
    split = table.split(0)
    assert split.test == ("C1-0", "C2-0")
    assert {case[0] for case in split.validation} == {"A", "B"}


def test_an_official_validation_part_is_kept_as_it_is() -> None:
    cohort = cohort_of(*OFFICIAL, ("V1", "a", 1, "val"), ("V2", "b", 1, "Validation"))
    assert folds_of(cohort, official="split").split(0).validation == ("V1-0", "V2-0")


def test_each_value_of_a_column_is_one_test_fold_in_natural_order() -> None:
    cohort = cohort_of(*((f"{'AB'[n % 2]}{n}", "ab"[n % 2], 2, str(n // 6 + 8)) for n in range(18)))
    table = folds_of(cohort, from_column="split")
    assert table.folds == (0, 1, 2)
    assert {case.split("-")[0] for case in table.split(2).test} == {f"{'AB'[n % 2]}{n}" for n in range(12, 18)}


def column(*, a: str = "1", b: str = "2", **_: object) -> Cohort:
    return cohort_of(*((f"P{n}", "ab"[n % 2], 2, (a, b)[n // 2 % 2]) for n in range(16)))


def with_split(cohort: Cohort, case_id: str, value: str | None) -> Cohort:
    return replace(cohort, cases=tuple(replace(c, split=value) if c.case_id == case_id else c for c in cohort.cases))


def test_a_leak_in_a_hand_made_column_names_the_patient() -> None:
    with pytest.raises(DataRefused, match=r"fold 0: patient P3 in (training|validation) and test"):
        folds_of(with_split(column(), "P3-1", "1"), from_column="split")


def test_a_leak_over_an_identical_image_names_both_patients() -> None:
    cohort = column()
    groups = audit.fold_groups(cohort, duplicates=[("P0-0", "P3-0")])
    with pytest.raises(DataRefused, match=r"patients P0 and P3 \(the same image\) in"):
        assign(cohort, FoldSettings(from_column="split"), groups=groups)


def test_a_patient_on_both_sides_of_an_official_split_is_named() -> None:
    cohort = with_split(column(a="train", b="test"), "P0-1", "test")
    with pytest.raises(DataRefused, match="fold 0: patient P0 in"):
        folds_of(cohort, official="split")


def test_empty_cells_of_the_column_are_named_by_line() -> None:
    with pytest.raises(DataRefused, match=r"'split' is empty in 1 of 32 lines \(line 9\)"):
        folds_of(with_split(column(), "P3-1", None), from_column="split")


def test_words_that_are_no_side_are_named() -> None:
    with pytest.raises(DataRefused, match=r"holds 'dev2' \(line 9\); expected train, validation"):
        folds_of(with_split(column(a="train", b="test"), "P3-1", "dev2"), official="split")


def test_an_official_split_without_a_test_side_is_refused() -> None:
    with pytest.raises(DataRefused, match="has no case for test"):
        folds_of(column(a="train", b="train"), official="split")


def test_a_column_of_one_value_is_no_folds() -> None:
    with pytest.raises(DataRefused, match="holds 1 different value; each value"):
        folds_of(column(a="1", b="1"), from_column="split")


def test_a_fold_without_a_class_is_refused_with_the_numbers() -> None:
    cohort = cohort_of(*((f"P{n}", "ab"[n % 2], 1, "12"[n % 2]) for n in range(16)))
    with pytest.raises(DataRefused, match=r"fold 0: no a in training \(training 0, validation 0, test 8 patients\)"):
        folds_of(cohort, from_column="split")


def test_a_column_that_the_manifest_was_not_read_with_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="from the column 'fold', but the manifest was read with 'split'"):
        folds_of(column(), from_column="fold")


def test_an_unknown_fold_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no fold 9; the folds are 0, 1, 2, 3, 4"):
        folds_of(simple()).split(9)


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"from_column": "fold", "official": "split"}, "both from_column and official"),
        ({"from_column": "fold", "count": 5}, r"from_column together with count.*remove count"),
        ({"official": "split", "count": 5, "repeats": 2}, "official together with count and repeats"),
        ({"count": 1}, "greater than or equal to 2"),
        ({"validation_fraction": 0.9}, "less than or equal to 0.5"),
        ({"folds": 5}, "Extra inputs"),
    ],
)
def test_fold_settings_that_contradict_themselves_are_refused(named: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        FoldSettings(**named)


@pytest.mark.parametrize(
    "named", [{}, {"count": 3, "repeats": 2, "seed": 1}, {"from_column": "fold"}, {"official": "split", "seed": 4}]
)
def test_fold_settings_written_out_read_back_the_same(named: dict[str, object]) -> None:
    chosen = FoldSettings(**named)
    assert FoldSettings(**chosen.model_dump()) == chosen
    assert FoldSettings.model_validate_json(chosen.model_dump_json()).column == chosen.column
