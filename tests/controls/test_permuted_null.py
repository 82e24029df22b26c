"""Does the null lie at 0.5 in every design, and does it still find a leak? Shown on many simulated cohorts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medtl.cohort import Case, Cohort
from medtl.controls.permuted_labels import permuted_labels
from medtl.folds import FoldSettings, FoldTable, assign
from medtl.record.controls import PermutedLabels

PATIENTS, WIDTH, DRAWS = 40, 8, 40
DESIGNS, COHORTS_OF_EACH = 15, 20
Labels = Callable[[int, np.random.Generator], list[int]]


def one_label(patient: int, _: np.random.Generator) -> list[int]:
    return [patient % 5 // 3]


def few_events(patient: int, _: np.random.Generator) -> list[int]:
    return [int(patient < 6)]


def paired_organs(_: int, chance: np.random.Generator) -> list[int]:
    return [[0, 1], [0, 1], [0, 0], [1, 1]][chance.integers(4)]


def follow_ups(_: int, chance: np.random.Generator) -> list[int]:
    images = int(chance.integers(1, 5))
    healed = int(chance.integers(images + 1))
    return [int(image >= healed) for image in range(images)]


def several_images(patient: int, chance: np.random.Generator) -> list[int]:
    label = patient % 5 // 3
    return [label] * int(chance.integers(1, 4) + label)


def sites_of_unequal_prevalence(patient: int, _: np.random.Generator) -> list[int]:
    return [int(patient // 4 < (1, 3, 5, 8)[patient % 4])]


KINDS = (one_label, few_events, paired_organs, follow_ups, several_images, sites_of_unequal_prevalence)


def design(labels_of: Labels, seed: int) -> tuple[Cohort, FoldTable]:
    """A cohort and its folds: stratified five-fold, or a fold for each site."""
    chance = np.random.default_rng([seed, 1])
    by_site = labels_of is sites_of_unequal_prevalence
    cases = tuple(
        Case(
            case_id=f"c{patient}-{image}",
            patient_id=f"p{patient}",
            image=Path("none.png"),
            label="ab"[label],
            line=2,
            chance_key=f"{patient:04d}-{image}",
            split=f"site {patient % 4}" if by_site else None,
        )
        for patient in range(PATIENTS)
        for image, label in enumerate(labels_of(patient, chance))
    )
    cohort = Cohort(cases, ("a", "b"), split_column="site" if by_site else None)
    settings = FoldSettings(from_column="site", seed=seed) if by_site else FoldSettings(count=5, seed=seed)
    return cohort, assign(cohort, settings, groups={})


def features_of(cohort: Cohort, seed: int) -> np.ndarray:
    """Features that know the patient and the position of the image in its series, and nothing of the label."""
    chance = np.random.default_rng([seed, 2])
    of_patient = dict.fromkeys(case.patient_id for case in cohort.cases)
    for name in of_patient:
        of_patient[name] = chance.normal(size=WIDTH)
    at = np.array([int(case.case_id.partition("-")[2]) for case in cohort.cases])
    features = np.stack([of_patient[case.patient_id] for case in cohort.cases]) + chance.normal(size=(len(at), WIDTH))
    features[:, 0] += at
    return np.exp(0.5 * features)


def null_of(cohort: Cohort, folds: FoldTable, features: np.ndarray, *, draws: int = DRAWS) -> PermutedLabels:
    groups = {case.case_id: case.patient_id for case in cohort.cases}
    found = permuted_labels(features, cohort, folds, groups=groups, draws=draws, seed=3)
    assert isinstance(found, PermutedLabels)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("labels_of", KINDS)
def test_the_null_of_300_cohorts_lies_at_a_half_and_accuses_nobody(labels_of: Labels) -> None:
    nulls = []
    for seed in range(DESIGNS):
        cohort, folds = design(labels_of, seed)
        nulls += [
            null_of(cohort, folds, features_of(cohort, COHORTS_OF_EACH * seed + at)) for at in range(COHORTS_OF_EACH)
        ]
    assert len(nulls) == 300
    assert np.mean([one.mean for one in nulls]) == pytest.approx(0.5, abs=0.01)
    assert sum(one.is_lifted for one in nulls) <= 0.05 * len(nulls)


@pytest.mark.parametrize("labels_of", KINDS)
def test_in_every_design_one_cohort_s_null_lies_at_a_half(labels_of: Labels) -> None:
    cohort, folds = design(labels_of, 5)
    found = null_of(cohort, folds, features_of(cohort, 5), draws=200)
    assert abs(found.mean - 0.5) < 4 * found.error_of_mean
    assert not found.is_lifted


@pytest.mark.parametrize("labels_of", [one_label, paired_organs, follow_ups, several_images])
def test_people_who_stand_on_both_sides_lift_the_null_in_every_design(labels_of: Labels) -> None:
    """Every patient is in the cohort twice under two numbers, with the same images and labels."""
    cohort, _ = design(labels_of, 2)
    twins = tuple(
        replace(case, case_id=f"t-{case.case_id}", patient_id=f"t-{case.patient_id}", chance_key=f"t-{case.chance_key}")
        for case in cohort.cases
    )
    both = replace(cohort, cases=(*cohort.cases, *twins))
    rows = np.random.default_rng(3).normal(size=(len(cohort.cases), 200))
    folds = assign(both, FoldSettings(count=5, seed=1), groups={})
    groups = {case.case_id: case.patient_id.removeprefix("t-") for case in both.cases}
    found = permuted_labels(np.concatenate([rows, rows]), both, folds, groups=groups, draws=60, seed=5)
    assert isinstance(found, PermutedLabels)
    assert found.is_lifted
    assert found.mean > 0.55


def test_a_null_below_a_half_is_no_leak() -> None:
    null = PermutedLabels(draws=200, observed=0.6, mean=0.42, sd=0.05, highest=0.6, p_value=0.01, unit="patient", n=50)
    assert not null.is_lifted
    assert null.model_copy(update={"mean": 0.58}).is_lifted
    assert not null.model_copy(update={"mean": 0.515, "sd": 0.01}).is_lifted
