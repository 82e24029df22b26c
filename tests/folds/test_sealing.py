"""The sealed test: left whole, nobody on both sides, and named by a commitment that any change breaks."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from medtl.audit import findings as audit
from medtl.cohort import Case, Cohort, pseudonyms
from medtl.errors import DataRefused
from medtl.files import sha256_of
from medtl.folds import FoldSettings, sealing

SIDES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["train", "Val", "TEST"])), min_size=4, max_size=40)


def cohort_of(*cells: tuple[int, str]) -> Cohort:
    """A cohort from (patient, split cell)."""
    cases = tuple(
        Case(
            f"c{index}", f"P{patient}", Path(f"/{index}"), "ab"[patient % 2], index + 2, split=cell,
            chance_key=sha256_of(f"{index}".encode())[:16],
        )
        for index, (patient, cell) in enumerate(cells)
    )  # fmt: skip
    return Cohort(cases=cases, classes=("a", "b"), split_column="split")


def sealed(cohort: Cohort, *, duplicates: list[tuple[str, ...]] | None = None) -> sealing.Sealing:
    return sealing.seal(cohort, column="split", groups=audit.fold_groups(cohort, duplicates=duplicates or []))


@settings(deadline=None, max_examples=60)
@given(cells=SIDES.filter(lambda cells: {"train", "TEST"} <= {side for _, side in cells}), tie=st.integers(0, 3))
def test_the_test_is_left_whole_and_shares_no_patient_and_no_image_with_the_rest(
    cells: list[tuple[int, str]], tie: int
) -> None:
    cohort, duplicates = cohort_of(*cells), [("c0", f"c{tie}")] if tie else []
    parts = sealed(cohort, duplicates=duplicates)
    assert [case.case_id for case in parts.sealed.cases] == [
        f"c{index}" for index, (_, side) in enumerate(cells) if side == "TEST"
    ]
    kept, held = ({case.case_id for case in side.cases} for side in (parts.development, parts.sealed))
    assert not {c.patient_id for c in parts.development.cases} & {c.patient_id for c in parts.sealed.cases}
    assert not any(set(group) & kept and set(group) & held for group in duplicates)
    left = {gone.case_id for gone in parts.development.exclusions}
    assert kept | held | left == {case.case_id for case in cohort.cases}, "nobody is lost without a reason"


def test_who_is_tied_to_the_test_is_left_out_by_name() -> None:
    parts = sealed(cohort_of((0, "train"), (1, "train"), (1, "test"), (2, "val")))
    (gone,) = parts.development.exclusions
    assert (gone.case_id, gone.line, gone.reason) == ("c1", 3, "tied_to_sealed_test")
    assert "is in the sealed test, which is left whole" in gone.detail


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([(0, "train"), (1, "")], "The column 'split' is empty in 1 of 2 lines (line 3)"),
        ([(0, "train"), (1, "fold 3")], "holds 'fold 3' (line 3); expected train, validation (or val) and test"),
        ([(0, "train"), (1, "val")], "has no case for test"),
        ([(0, "test"), (1, "test")], "has no case for training"),
    ],
)
def test_a_split_that_seals_nothing_is_refused(cells: list[tuple[int, str]], message: str) -> None:
    with pytest.raises(DataRefused) as refused:
        sealed(cohort_of(*cells))
    assert message in str(refused.value)


def test_a_sealed_test_goes_with_drawn_folds_only() -> None:
    with pytest.raises(ValidationError, match="a sealed test goes with folds that are drawn"):
        FoldSettings(sealed="split", official="split")
    settings = FoldSettings(sealed="split", count=3)
    assert settings.split_column == "split"
    assert settings.column is None, "the folds themselves are drawn"
    assert FoldSettings(**settings.model_dump()) == settings, "what is written out reads back"


def test_the_commitment_does_not_depend_on_the_order_of_rows_or_on_pseudonyms_but_on_everything_else() -> None:
    cohort = cohort_of((0, "test"), (1, "test"), (2, "test"))
    pixels = {case.case_id: f"{case.line:064x}" for case in cohort.cases}
    first = sealing.commitment(cohort, pixels)

    turned = replace(cohort, cases=tuple(random.Random(3).sample(cohort.cases, 3)))
    hidden = pseudonyms.pseudonymised(cohort, key=b"k" * 32)
    renamed = {new.case_id: pixels[old.case_id] for new, old in zip(hidden.cases, cohort.cases, strict=True)}
    assert sealing.commitment(turned, pixels) == first
    assert sealing.commitment(hidden, renamed) == first

    relabelled = replace(cohort, cases=(replace(cohort.cases[0], label="b"), *cohort.cases[1:]))
    assert sealing.commitment(relabelled, pixels) != first
    assert sealing.commitment(cohort, pixels | {"c0": "0" * 64}) != first
    assert sealing.commitment(replace(cohort, cases=cohort.cases[1:]), pixels) != first
