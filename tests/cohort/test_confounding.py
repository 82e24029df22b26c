"""Properties that are associated with the label are found, and only those; scipy is the witness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from medtl.audit.confounding import as_matrix, association_findings, associations, missing_findings
from medtl.audit.suspicious_patient_ids import (
    number_in_splits_findings,
    prevalence_findings,
    suspicious_number_findings,
)
from medtl.cohort import Case, Cohort
from medtl.controls import blind_auroc, blind_findings
from medtl.findings import sentences


def cohort_of(labels: list[str], *, patients: list[str] | None = None, splits: list[str] | None = None) -> Cohort:
    names = patients or [f"p{n}" for n in range(len(labels))]
    cases = tuple(
        Case(f"c{n}", names[n], Path(f"/{n}"), label, n + 2, split=splits[n] if splits else None)
        for n, label in enumerate(labels)
    )
    return Cohort(cases=cases, classes=tuple(sorted(set(labels))), split_column="split" if splits else None)


def test_each_kind_of_property_has_its_test_and_scipys_p_value() -> None:
    labels = ["ill"] * 40 + ["well"] * 40
    chance = np.random.default_rng(2)
    site = [str(s) for s in np.r_[chance.choice(["n", "s"], 40, p=[0.8, 0.2]), chance.choice(["n", "s"], 40)]]
    rare = ["yes"] * 3 + ["no"] * 77
    height = [float(v) for v in np.r_[chance.normal(100, 5, 40), chance.normal(104, 5, 40)]]
    found = {one.name: one for one in associations(
        cohort_of(labels), {"site": site, "rare": rare, "height": height}, seed=0)}  # fmt: skip
    table = [[sum(s == v and x == c for s, x in zip(site, labels, strict=True)) for c in ("ill", "well")] for v in "ns"]
    assert found["site"].test == "chi-square"
    assert found["site"].p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-12)
    assert found["rare"].test == "Fisher's exact test"
    assert found["rare"].p_value == pytest.approx(stats.fisher_exact([[3, 0], [37, 40]]).pvalue, rel=1e-12)
    assert found["height"].test == "Mann-Whitney by permutation"
    assert found["height"].p_value == pytest.approx(stats.mannwhitneyu(height[:40], height[40:]).pvalue, abs=0.005)
    twice = {one.name: one for one in associations(cohort_of(labels * 2), {"height": height * 2}, seed=0)}["height"]
    assert twice.test == "Mann-Whitney"
    assert twice.p_value == pytest.approx(stats.mannwhitneyu(height[:40] * 2, height[40:] * 2).pvalue, rel=1e-12)


def test_small_tables_of_many_values_are_tested_by_permutation_and_keep_their_level() -> None:
    labels = ["a", "b"] * 12
    p_values = []
    for seed in range(60):
        site = [str(s) for s in np.random.default_rng(seed).choice(list("uvwxyz"), 24)]
        (one,) = associations(cohort_of(labels), {"site": site}, seed=seed)
        assert one.test == "chi-square by permutation"
        p_values.append(one.p_value)
    assert np.mean(np.array(p_values) < 0.05) < 0.15
    (told,) = associations(cohort_of(labels), {"site": ["u", "v", "w", "x", "y", "z"] * 4}, seed=0)
    assert told.p_value < 0.01, "u, w, y are always a"
    assert "site is associated with the label" in sentences(association_findings([told]))[0]


def test_metadata_that_is_chance_gives_no_auroc_and_the_label_itself_gives_one() -> None:
    labels = ["ill", "well"] * 60
    cohort = cohort_of(labels, patients=[f"p{n // 4}" for n in range(120)])
    groups = [case.patient_id for case in cohort.cases]
    site = [str(s) for s in np.random.default_rng(3).choice(["n", "s"], 120)]
    chance = blind_auroc(as_matrix({"site": site}), cohort, names=("site",), groups=groups, seed=1)
    assert chance.auroc.value is not None
    assert not chance.is_suspicious
    certain = blind_auroc(as_matrix({"site": list(labels)}), cohort, names=("site",), groups=groups, seed=1)
    assert (certain.auroc.value, certain.auroc.high, certain.is_suspicious) == (1.0, 1.0, True)
    assert 0.8 < (certain.auroc.low or 0) < 1.0  # thirty patients ranked rightly do not prove that all are
    few = blind_auroc(as_matrix({"site": list(labels)}), cohort, names=("site",), groups=["one"] * 120, seed=1)
    assert few.auroc.reason == "the smallest class has 1 patients, fewer than 5 folds"


@pytest.mark.parametrize(("ill", "well"), [(5, 60), (7, 20), (8, 8), (9, 40)])
def test_with_few_patients_in_a_class_metadata_that_give_the_label_are_found_without_an_interval(
    ill: int, well: int
) -> None:
    labels = ["ill"] * ill + ["well"] * well
    cohort = cohort_of(labels)
    groups = [case.patient_id for case in cohort.cases]
    found = blind_auroc(as_matrix({"site": list(labels)}), cohort, names=("site",), groups=groups, seed=1)
    assert (found.auroc.value, found.auroc.low) == (1.0, None)
    assert found.p_value is not None
    assert found.p_value <= 0.025
    assert found.is_suspicious
    (note,) = sentences(blind_findings(found))
    assert note.startswith("The label can be predicted without looking at the scans: AUROC 1.000 (no interval: ")
    assert (
        f"with fewer than 10 patients in a class none is reliable; p = {found.p_value:.3f} by permuted labels" in note
    )


def test_with_few_patients_metadata_that_are_chance_are_called_suspicious_in_at_most_5_of_100_cohorts() -> None:
    labels = ["ill"] * 6 + ["well"] * 30
    cohort = cohort_of(labels)
    groups = [case.patient_id for case in cohort.cases]
    fired = []
    for seed in range(20):
        columns = np.random.default_rng(seed).normal(size=(36, 3))
        found = blind_auroc(columns, cohort, names=("size",), groups=groups, seed=seed)
        fired.append(found.is_suspicious)
        if not found.is_suspicious:
            assert "too few patients to say more" in sentences(blind_findings(found))[0]
    assert sum(fired) <= 2


def test_five_patients_a_class_are_too_few_to_say_even_where_metadata_give_the_label() -> None:
    labels = ["ill"] * 5 + ["well"] * 5
    cohort = cohort_of(labels)
    groups = [case.patient_id for case in cohort.cases]
    found = blind_auroc(as_matrix({"site": list(labels)}), cohort, names=("site",), groups=groups, seed=1)
    assert found.auroc.value == 1.0
    assert not found.is_suspicious  # one of 32 exchanges within the folds does as well
    assert "without looking at the scans is not known" in sentences(blind_findings(found))[0]


def test_numbers_in_several_splits_are_found_also_behind_the_splits_name() -> None:
    cohort = cohort_of(
        ["a", "b"] * 4,
        patients=["train-7", "test-7", "train-8", "test-8", "train-9", "test-9", "q", "q"],
        splits=["train", "test"] * 4,
    )
    (note,) = sentences(number_in_splits_findings(cohort, named=True))
    assert note.startswith("4 patient numbers occur on several sides of the split")
    assert "(such as 7, 8, 9, q)" in note
    assert "such as" not in sentences(number_in_splits_findings(cohort, named=False))[0]
    sides = {case.case_id: str(case.split) for case in cohort.cases}
    (several,) = sentences(suspicious_number_findings(cohort, attributes={"side of the split": sides}))
    assert "1 patient number has, of 7, more than one side of the split (such as q)" in several
    many = cohort_of(["a", "b"] * 6, patients=["m"] * 11 + ["n"])
    assert (
        "1 patient number has 10 images or more, the largest 11"
        in sentences(suspicious_number_findings(many, attributes={}))[0]
    )


def test_a_shift_of_prevalence_between_the_sides_is_told_with_its_test() -> None:
    labels = ["ill"] * 80 + ["well"] * 20 + ["ill"] * 20 + ["well"] * 30
    (note,) = sentences(prevalence_findings(cohort_of(labels, splits=["train"] * 100 + ["test"] * 50)))
    assert "test: ill 40 % of 50 cases, well 60 % of 50 cases" in note
    assert stats.chi2_contingency([[80, 20], [20, 30]]).pvalue < 0.001
    assert "p < 0.001" in note
    assert (
        sentences(prevalence_findings(cohort_of(["a", "b"] * 20, splits=["train", "train", "test", "test"] * 10))) == ()
    )


def test_missing_covariates_are_told_by_class() -> None:
    cases = tuple(Case(f"c{n}", f"p{n}", Path("/x"), "ab"[n % 2], n, {"sex": None if n < 4 else "F"}) for n in range(8))
    cohort = Cohort(cases=cases, classes=("a", "b"), covariates=("sex",))
    assert sentences(missing_findings(cohort)) == ("sex is not stated in 4 of 8 cases (a 50 %, b 50 %).",)


@pytest.mark.slow
def test_a_size_that_has_nothing_to_do_with_the_label_is_found_in_5_percent_of_small_cohorts() -> None:
    """Many ties and few ill patients, which the normal approximation does not know."""
    from medtl.audit.confounding import _permuted_ranks

    found = []
    for seed in range(200):
        chance = np.random.default_rng(seed)
        sizes = np.where(chance.random(40) < 0.8, 512.0, chance.choice([256.0, 1024.0, 2048.0], size=40))
        found.append(_permuted_ranks([sizes[:5], sizes[5:]], seed=seed))
    assert np.mean([one <= 0.05 for one in found]) <= 0.08


def test_a_size_that_gives_the_label_is_found_by_permutation() -> None:
    from medtl.audit.confounding import _permuted_ranks

    assert _permuted_ranks([np.arange(12.0), np.arange(20.0, 40.0)], seed=0) == pytest.approx(1 / 2001)
