"""The choices of a first study.yaml, each with its reason and the numbers that it rests on.

In: what is known of a cohort and its scans. Out: choices, a key of the study each. Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from medtl.cohort import Cohort
from medtl.errors import DataRefused
from medtl.folds import sealing
from medtl.policies.lp_ft import LP_FT
from medtl.policies.probe import PROBE
from medtl.policies.scratch import SCRATCH

MOST_FOLDS, FEWEST_FOLDS = 5, 3
TESTED_OF_A_CLASS = 5
"""Patients of the rarest class that each fold should test: fewer move its AUROC by more than a tenth each."""

FEW_PATIENTS = 100
"""Below this the division into folds alone moves the numbers noticeably: it is drawn anew a few times."""

REPEATS_OF_FEW = 3
FEWEST_FOR_NETWORKS = 20
"""Patients of the rarest class below which a fitted network can hardly be shown to be better than the frozen probe."""

MOST_PICTURES_WITHOUT_GPU = 500
SEED = 7
FOLD_COLUMN = "fold"
BATCHES = {False: 16, True: 4}
"""Cases a step, by whether they are volumes."""


@dataclass(frozen=True)
class Choice:
    """A key of the study with its value and the reason for it, as sentences."""

    key: str
    value: object
    reason: str


@dataclass(frozen=True)
class People:
    """Who can be developed on: cases in all, patients in all and of each class, without a sealed test."""

    cases: int
    patients: int
    of_class: Mapping[str, int]

    @property
    def rarest(self) -> str:
        """The class with the fewest patients."""
        return min(self.of_class, key=lambda name: self.of_class[name])

    @property
    def fewest(self) -> int:
        """Patients of the rarest class."""
        return self.of_class[self.rarest]


def people_of(cohort: Cohort) -> People:
    """How many cases and patients a cohort has."""
    held = {name: {case.patient_id for case in cohort.cases if case.label == name} for name in cohort.classes}
    return People(len(cohort.cases), len(cohort.patients), {name: len(ids) for name, ids in held.items()})


def class_choices(cohort: Cohort, *, because: str) -> tuple[Choice, ...]:
    """The classes in the study's order, and the positive one where there is one."""
    positive = cohort.positive_class
    counts = people_of(cohort).of_class
    found = ", ".join(f"{name} {counts[name]:,}" for name in cohort.classes)
    classes = Choice("classes", list(cohort.classes), f"Patients of each class: {found}.")
    if positive is None:
        return (classes,)
    return (
        classes,
        Choice(
            "positive_class",
            positive,
            f"{because} Sensitivity, predictive values and the threshold refer to it.",
        ),
    )


@dataclass(frozen=True)
class Development:
    """The cohort to develop on; `words` say what stays sealed, or why nothing does."""

    cohort: Cohort
    is_sealed: bool = False
    words: str = ""


def development_of(cohort: Cohort) -> Development:
    """The cohort without the test part of its official split, where it has one that can be sealed."""
    column = cohort.split_column
    if column is None or not any(case.split for case in cohort.cases):
        return Development(cohort)
    try:
        parts = sealing.seal(cohort, column=column, groups={case.case_id: case.patient_id for case in cohort.cases})
    except DataRefused as refusal:
        return Development(cohort, words=f"The column {column} is not used as a sealed test: {refusal}")
    kept = people_of(parts.sealed)
    if people_of(parts.development).fewest < FEWEST_FOLDS or not all(kept.of_class.values()):
        return Development(
            cohort, words=f"The column {column} is not used as a sealed test: a class would be missing on one side."
        )
    words = (
        f"The test part of {column} ({kept.cases:,} cases of {kept.patients:,} patients) stays sealed until medtl "
        f"unseal; to judge on it alone, give {{official: {column}}}."
    )
    return Development(parts.development, is_sealed=True, words=words)


def fold_choice(found: Development, header: Sequence[str], *, is_quick: bool, declared: Mapping[str, object]) -> Choice:
    """How patients are split; `is_quick` where several divisions take minutes."""
    if {"from_column", "official"} & declared.keys():
        return Choice("folds", {"seed": SEED}, "The folds come from the manifest.")
    if FOLD_COLUMN in header and not {"count", "sealed"} & declared.keys():
        reason = f"The manifest has a column {FOLD_COLUMN}: each of its values is one test fold."
        return Choice("folds", {"from_column": FOLD_COLUMN}, reason)
    people = people_of(found.cohort)
    count = min(MOST_FOLDS, max(FEWEST_FOLDS, people.fewest // TESTED_OF_A_CLASS))
    is_few = people.patients < FEW_PATIENTS
    repeats = REPEATS_OF_FEW if is_few and is_quick else 1
    reason = (
        f"The rarest class, {people.rarest}, has {people.fewest:,} patients"
        f"{' outside of the sealed test' if found.is_sealed else ''}: with {count} folds each tests about "
        f"{people.fewest / count:.0f} of them. "
    )
    if repeats > 1:
        reason += (
            f"{people.patients} patients are few, and chance in the division moves the numbers: it is drawn {repeats} "
            "times. "
        )
    elif is_few:
        reason += (
            f"{people.patients} patients are few: repeats: {REPEATS_OF_FEW} shows how much chance in the division "
            "moves the numbers, for as many times the time. "
        )
    sealed = {"sealed": found.cohort.split_column} if found.is_sealed else {}
    value = {"count": count, "repeats": repeats, "seed": SEED, **sealed}
    return Choice("folds", value, f"{reason}{found.words}".strip())


def adaptation_choice(people: People, *, has_gpu: bool, is_of_volumes: bool) -> Choice:
    """Which policies are tried; the frozen probe is part of every study."""
    if people.fewest < FEWEST_FOR_NETWORKS:
        reason = (
            f"{people.rarest} has {people.fewest} patients: too few to show that a fine-tuned network is better than "
            f"the frozen probe. {LP_FT.name} fine-tunes."
        )
        return Choice("adaptation", {"policy": [PROBE.name]}, reason)
    if has_gpu:
        reason = (
            f"A GPU is at hand: {LP_FT.name} fine-tunes from the frozen probe, which is always fitted too, and "
            f"{SCRATCH.name} shows what pretraining adds. docs/adapting.md describes the other policies."
        )
        return Choice("adaptation", {"policy": [LP_FT.name, SCRATCH.name]}, reason)
    if is_of_volumes or people.cases > MOST_PICTURES_WITHOUT_GPU:
        what = "volumes" if is_of_volumes else "pictures"
        reason = (
            f"No GPU is at hand, and fine-tuning on {people.cases:,} {what} takes hours on the processor: the frozen "
            f"probe takes minutes. On a machine with a GPU give [{LP_FT.name}, {SCRATCH.name}]."
        )
        return Choice("adaptation", {"policy": [PROBE.name]}, reason)
    reason = (
        f"No GPU is at hand, but {people.cases:,} pictures can be fine-tuned on the processor; the frozen probe is "
        f"always fitted too. With a GPU add {SCRATCH.name}, which shows what pretraining adds."
    )
    return Choice("adaptation", {"policy": [LP_FT.name]}, reason)


def is_probe_alone(adaptation: Choice) -> bool:
    """Whether only frozen features are used."""
    return adaptation.value == {"policy": [PROBE.name]}


def recipe_choice(adaptation: Choice, people: People, *, is_of_volumes: bool) -> Choice | None:
    """How networks are trained; None where only frozen features are used."""
    if is_probe_alone(adaptation):
        return None
    batch = BATCHES[is_of_volumes]
    while batch > 2 and batch * 4 > people.cases:
        batch //= 2
    value = {"epochs": 10, "batch_size": batch, "learning_rate": 1.0e-3}
    reason = (
        f"The defaults for small data: a fixed schedule, the last epoch is judged. Of {people.cases:,} cases about two "
        f"thirds are trained on, {batch} a step."
    )
    return Choice("recipe", value, reason)


def threshold_choice(cohort: Cohort) -> Choice | None:
    """The rule for the threshold, where a decision needs one."""
    if not cohort.outcome.has_threshold:
        return None
    reason = (
        "Declare it before any result: each fold's threshold is chosen on its validation patients. youden weighs "
        "both errors alike; sensitivity=0.9 rules out, specificity=0.95 rules in, cost_ratio=10 weighs a miss."
    )
    return Choice("evaluation", {"threshold": "youden"}, reason)


def with_declared(choices: Sequence[Choice], declared: Mapping[str, object]) -> tuple[Choice, ...]:
    """The choices with what was declared in the place of what was chosen; further keys follow the manifest."""
    own = [
        replace(one, value=_merged(one.value, declared[one.key]), reason=_reason(one, declared[one.key]))
        if one.key in declared
        else one
        for one in choices
    ]
    known = {one.key for one in choices}
    further = [Choice(key, value, "As --set says.") for key, value in declared.items() if key not in known]
    start = 1 + next((index for index, one in enumerate(own) if one.key == "manifest"), -1)
    return (*own[:start], *further, *own[start:])


def _merged(chosen: object, declared: object) -> object:
    return {**chosen, **declared} if isinstance(chosen, dict) and isinstance(declared, dict) else declared


def _reason(choice: Choice, declared: object) -> str:
    if isinstance(choice.value, dict) and isinstance(declared, dict):
        return f"{choice.reason} As --set says: {', '.join(declared)}."
    return "As --set says."
