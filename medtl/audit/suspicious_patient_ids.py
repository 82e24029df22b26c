"""Patient numbers that may not be one patient each, and splits whose classes are mixed differently.

In: a cohort by its manifest alone. Out: findings. Whether two images are of one person cannot be seen here; a number
that is used twice is a reason to ask, never a proof.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from medtl.cohort.case import Case, Cohort
from medtl.findings import Finding

NAMES_SHOWN = 5

MANY_IMAGES = 10
"""A number with so many images is either a series of examinations or a counter that started again."""

FEWEST_STEMS = 3
"""Numbers repeated on both sides of a split before it is reported: one or two may be chance."""

SIGNIFICANT = 0.05

SIDE = re.compile(r"(.*?)[-_. ]?((?<=[\d\W_])[LR]|(?<=[\W_])(?:left|right))", re.IGNORECASE)
"""A file's stem and its side: `Image_01L`, `12-R`, `knee_left`; a letter that ends a word is no side."""


def suspicious_number_findings(cohort: Cohort, *, attributes: Mapping[str, Mapping[str, str]]) -> tuple[Finding, ...]:
    """Findings on patients in several splits or sites, with several values of an attribute, or with many images.

    `attributes` are texts by name and case id that one person should have only one of, such as the site or sex.
    """
    found = []
    several = {name: own for name, values in attributes.items() if (own := _with_several(cohort, values))}
    if several:
        numbers = "; ".join(
            f"{_patients(len(own))}, of {len(cohort.patients):,}, more than one {name} (such as {_named(own)})"
            for name, own in several.items()
        )
        found.append(
            _number_finding(
                "numbers with several values",
                f"{numbers}: one number may stand for several people, or an entry is wrong.",
            )
        )
    counts = Counter(case.patient_id for case in cohort.cases)
    many = [patient for patient, images in counts.most_common() if images >= MANY_IMAGES]
    if many:
        found.append(
            _number_finding(
                "numbers with many images",
                f"{len(many):,} patient number{'s have' if len(many) > 1 else ' has'} {MANY_IMAGES} images or more, "
                f"the "
                f"largest {counts[many[0]]}: check that one number is one person.",
            )
        )
    return tuple(found)


def _number_finding(kind: str, title: str) -> Finding:
    return Finding(
        kind,
        title,
        question="Is one patient number one person?",
        advice="Check the numbers with the source before the manuscript says that patients were kept separate.",
    )


def number_in_splits_findings(cohort: Cohort, *, named: bool) -> tuple[Finding, ...]:
    """A finding when the same number stands on two sides of the split, written there with another prefix.

    A split's name in front of the number (`train-person12`, `test-person12`) hides that the numbers are the same. This
    has to look at the manifest's own numbers; `named` says whether some may be written out.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        if case.split:
            splits[_without_split(case)].add(case.split)
    shared = sorted(stem for stem, found in splits.items() if len(found) > 1)
    if len(shared) < FEWEST_STEMS:
        return ()
    such = f" (such as {_named(shared)})" if named else ""
    return (
        _number_finding(
            "numbers in several splits",
            f"{len(shared):,} patient numbers occur on several sides of the split (column {cohort.split_column}) once "
            f"the side's name is taken off{such}: whether they are the same people cannot be seen from the manifest. "
            f"Ask "
            "where the numbers come from before the test side is called unseen.",
        ),
    )


def both_sides_findings(cohort: Cohort) -> tuple[Finding, ...]:
    """A finding when files whose names differ only in left and right have different patient numbers.

    Two eyes, breasts or knees of one person look no more alike than those of two people; names are all there is.
    """
    found: dict[str, dict[str, Case]] = defaultdict(dict)
    for case in cohort.cases:
        if match := SIDE.fullmatch(case.image.stem):
            found[f"{case.image.parent}/{match[1]}"].setdefault(match[2][0].upper(), case)
    pairs = [tuple(sides.values()) for sides in found.values() if len(sides) == 2]
    differ = [(one, other) for one, other in pairs if one.patient_id != other.patient_id]
    if not differ:
        return ()
    lines = "; ".join(f"{one.line} and {other.line}" for one, other in differ[:NAMES_SHOWN])
    return (
        _number_finding(
            "left and right apart",
            f"{len(differ):,} pair{'s' if len(differ) > 1 else ''} of files named alike but for left and right have "
            f"different patient numbers (manifest lines {lines}{'; …' if len(differ) > NAMES_SHOWN else ''}): if they "
            f"are "
            "two sides of one person, give both the same patient number.",
        ),
    )


def prevalence_findings(cohort: Cohort) -> tuple[Finding, ...]:
    """A finding when the split's sides mix the classes differently (chi-square over patients and classes)."""
    from scipy.stats import chi2_contingency

    sides = sorted({case.split for case in cohort.cases if case.split})
    if len(sides) < 2:
        return ()
    images = [[sum(c.split == side and c.label == label for c in cohort.cases) for label in cohort.classes]
              for side in sides]  # fmt: skip
    patients = [
        [len({c.patient_id for c in cohort.cases if c.split == side and c.label == label}) for label in cohort.classes]
        for side in sides
    ]
    if any(not sum(column) for column in zip(*patients, strict=True)):
        return ()
    p = float(chi2_contingency(patients).pvalue)
    if p >= SIGNIFICANT:
        return ()
    numbers = "; ".join(
        f"{side}: " + ", ".join(f"{label} {100 * n / sum(row):.0f} % of {sum(row):,} cases"
                                for label, n in zip(cohort.classes, row, strict=True))
        for side, row in zip(sides, images, strict=True)
    )  # fmt: skip
    return (
        Finding(
            "shares of the classes",
            f"The classes are mixed differently on the sides of the split ({numbers}; chi-square over patients "
            f"{'p < 0.001' if p < 0.001 else f'p = {p:.3f}'}): accuracy, predictive values and calibration will differ "
            "between them even for a model that ranks equally well.",
            question="Is the test part like the part that was trained on?",
            advice="Report the share of each class beside every number that depends on it, and do not reuse the "
            "threshold.",
        ),
    )


def _with_several(cohort: Cohort, values: Mapping[str, str]) -> list[str]:
    found: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        if values.get(case.case_id):
            found[case.patient_id].add(values[case.case_id])
    return sorted(patient for patient, own in found.items() if len(own) > 1)


def _without_split(case: Case) -> str:
    return re.sub(rf"^{re.escape(str(case.split))}[-_./ ]+", "", case.patient_id, flags=re.IGNORECASE)


def _patients(count: int) -> str:
    return f"{count:,} patient number{'s have' if count != 1 else ' has'}"


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
