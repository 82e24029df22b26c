"""What is known of a scan without looking at it, against its label: tests, and a model that sees nothing else.

In: a cohort and what its files were. Out: one row per property with its test over patients (Holm-corrected), and the
AUROC of the properties together. A model of the scans can use whatever a model of these properties can (DeGrave 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from medtl.audit.multiplicity import holm
from medtl.cohort.case import Case, Cohort
from medtl.cohort.flow import ScanProperties
from medtl.findings import Finding

SIGNIFICANT = 0.05
FEWEST_EXPECTED = 5.0
"""Smallest expected count at which the chi-square approximation is used (Cochran 1954); below, Fisher's exact test for
two by two, else chi-square by permutation of the labels."""

FEWEST_FOR_RANKS = 50
"""Patients of each class from which the normal and chi-square approximations of rank tests are used, also with the many
ties of sizes and ages; below, the labels are permuted."""

PERMUTATIONS = 2000
AT_ONCE = 200
"""Permutations handled at once: 8 MB for 5,000 patients."""

MOST_LEVELS = 30
"""A text with more values is a name, not a property."""

MOST_CLAUSES = 8
"""Properties in one sentence; the tables hold the rest."""

NOT_STATED = "not stated"

SIDES = {2: ("image height", "image width"), 3: ("size along i", "size along j", "size along k")}
GAPS = {2: ("spacing between rows",), 3: ("spacing along i", "spacing along j", "spacing along k")}
"""By dimensions, in the order of the scan's own axes."""


@dataclass(frozen=True)
class Association:
    """One property against the label over patients: the test's name, its p value and Holm's; `told` are the values."""

    name: str
    test: str
    p_value: float
    p_holm: float
    clauses: str

    @property
    def is_significant(self) -> bool:
        """Whether it stays so after the correction for all properties that were tested."""
        return self.p_holm < SIGNIFICANT


def properties_of(cohort: Cohort, facts: Mapping[str, ScanProperties]) -> dict[str, list[str | float | None]]:
    """Each property by name with a value per case: covariates, and the file's own size, channels, spacing and type."""
    own: dict[str, list[str | float | None]] = {
        name: [case.covariates.get(name) for case in cohort.cases] for name in cohort.covariates
    }
    every = [facts[case.case_id] for case in cohort.cases]
    dimensions = max(len(fact.shape) for fact in every)
    for axis, side in enumerate(SIDES[dimensions]):
        own[side] = [float(fact.shape[axis]) for fact in every]
    own["channels"] = [str(fact.channels) for fact in every]
    own["file type"] = [fact.reader for fact in every]
    for axis, gap in enumerate(GAPS[dimensions]):
        own[gap] = [fact.spacing_mm[axis] if fact.spacing_mm else None for fact in every]
    return {name: values for name, values in own.items() if _is_usable(values)}


def associations(
    cohort: Cohort, properties: Mapping[str, Sequence[str | float | None]], *, seed: int
) -> tuple[Association, ...]:
    """The test of every property against the label, by rising p value. Of a patient and class the first case counts."""
    first: dict[tuple[str, str], int] = {}
    for index, case in enumerate(cohort.cases):
        first.setdefault((case.patient_id, case.label), index)
    indices = list(first.values())
    labels = np.array([cohort.cases[index].label for index in indices])
    raw = []
    for name, values in properties.items():
        kept = [values[index] for index in indices]
        if _is_usable(kept):
            raw.append((name, *_tested(kept, labels, cohort.classes, seed=seed)))
    raw.sort(key=lambda row: row[2])
    corrected = holm([row[2] for row in raw])
    return tuple(
        Association(name, test, p, fixed, clauses)
        for (name, test, p, clauses), fixed in zip(raw, corrected, strict=True)
    )


def missing_findings(cohort: Cohort) -> tuple[Finding, ...]:
    """One finding on the covariates that are not stated in every case, with their shares by class."""
    clauses = []
    for name in cohort.covariates:
        gone = [case for case in cohort.cases if case.covariates.get(name) in (None, "")]
        if gone:
            shares = ", ".join(f"{label} {_share(gone, cohort, label)}" for label in cohort.classes)
            clauses.append(f"{name} is not stated in {len(gone):,} of {len(cohort.cases):,} cases ({shares})")
    if not clauses:
        return ()
    return (
        Finding(
            "missing entries",
            f"{_first(clauses)}.",
            question="Are the missing entries missing by chance?",
            advice="Say how missing entries were dealt with; compare the patients with and without them.",
        ),
    )


def association_findings(found: Sequence[Association]) -> tuple[Finding, ...]:
    """One finding on the properties that are associated with the label after Holm's correction."""
    clauses = [
        f"{one.name} is associated with the label ({one.clauses}; {one.test}, "
        f"{'p < 0.001' if one.p_holm < 0.001 else f'p = {one.p_holm:.3f}'} Holm-adjusted for {len(found)} properties)"
        for one in found
        if one.is_significant
    ]
    if not clauses:
        return ()
    it = "it" if len(clauses) == 1 else "them"
    return (
        acquisition_finding(
            "associated properties", f"{_first(clauses)}: a model can use {it} instead of the disease."
        ),
    )


def acquisition_finding(kind: str, title: str) -> Finding:
    """A finding that something of the acquisition is associated with the label or the site."""
    return Finding(
        kind,
        title,
        question="Could the model use the acquisition instead of the condition?",
        advice="Make these properties alike in all classes, compare within equal ones, or train on what the "
        "preparation "
        "leaves equal.",
    )


def _first(clauses: Sequence[str]) -> str:
    """Clauses in one sentence, the rest counted."""
    more = len(clauses) - MOST_CLAUSES
    return "; ".join(clauses[:MOST_CLAUSES]) + (f"; and {more} more" if more > 0 else "")


def _tested(
    values: Sequence[str | float | None], labels: np.ndarray, classes: Sequence[str], *, seed: int
) -> tuple[str, float, str]:
    from scipy import stats

    if all(value is None or isinstance(value, float) for value in values):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
        groups = [numbers[(labels == label) & ~np.isnan(numbers)] for label in classes]
        medians = [f"{np.median(g):g}" if len(g) else NOT_STATED for g in groups]
        values_in_words = ", ".join(f"median {m} in {c}" for m, c in zip(medians, classes, strict=True))
        groups = [group for group in groups if len(group)]
        if len(groups) < 2:
            return "Kruskal-Wallis", 1.0, values_in_words
        name = "Mann-Whitney" if len(groups) == 2 else "Kruskal-Wallis"
        if min(len(group) for group in groups) < FEWEST_FOR_RANKS:
            return f"{name} by permutation", _permuted_ranks(groups, seed=seed), values_in_words
        if len(groups) == 2:
            return name, float(stats.mannwhitneyu(*groups).pvalue), values_in_words
        return name, float(stats.kruskal(*groups).pvalue), values_in_words
    texts = np.array([NOT_STATED if value is None else str(value) for value in values])
    levels = sorted(set(texts))
    present = [label for label in classes if (labels == label).any()]
    table = np.array([[int(((texts == level) & (labels == label)).sum()) for label in present] for level in levels])
    values_in_words = "; ".join(
        f"{level}: " + ", ".join(f"{n} {c}" for n, c in zip(row, present, strict=True))
        for level, row in zip(levels[:4], table[:4], strict=True)
    ) + (f"; and {len(levels) - 4} more" if len(levels) > 4 else "")
    expected = stats.contingency.expected_freq(table)
    if expected.min() >= FEWEST_EXPECTED:
        return "chi-square", float(stats.chi2_contingency(table, correction=False).pvalue), values_in_words
    if table.shape == (2, 2):
        return "Fisher's exact test", float(stats.fisher_exact(table).pvalue), values_in_words
    return "chi-square by permutation", _permuted(texts, labels, seed=seed), values_in_words


def _permuted(texts: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """(1 + exchanges of the labels whose chi-square is at least as large) / (1 + exchanges)."""
    levels, classes = (np.unique(column, return_inverse=True)[1] for column in (texts, labels))
    width = int(classes.max()) + 1
    cells = (int(levels.max()) + 1) * width
    expected = np.outer(np.bincount(levels), np.bincount(classes)).ravel() / len(labels)

    def statistic(order: np.ndarray) -> float:
        seen = np.bincount(levels * width + order, minlength=cells)
        return float(((seen - expected) ** 2 / expected).sum())

    chance = np.random.default_rng(seed)
    own = statistic(classes)
    larger = sum(statistic(chance.permutation(classes)) >= own - 1e-9 for _ in range(PERMUTATIONS))
    return (1 + larger) / (1 + PERMUTATIONS)


def _permuted_ranks(groups: Sequence[np.ndarray], *, seed: int) -> float:
    """(1 + exchanges of the labels whose rank sums differ at least as much) / (1 + exchanges); Kruskal and Wallis."""
    from scipy.stats import rankdata

    ranks, sizes = rankdata(np.concatenate(groups)), np.array([len(group) for group in groups])
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    chance = np.random.default_rng(seed)
    own = float((np.add.reduceat(ranks, starts) ** 2 / sizes).sum())
    larger = 0
    for _ in range(PERMUTATIONS // AT_ONCE):
        drawn = chance.permuted(np.tile(ranks, (AT_ONCE, 1)), axis=1)
        statistics = np.add.reduceat(drawn, starts, axis=1) ** 2 @ (1.0 / sizes)
        larger += int(np.count_nonzero(statistics >= own - 1e-9 * own))
    return (1 + larger) / (1 + PERMUTATIONS)


def as_matrix(properties: Mapping[str, Sequence[str | float | None]]) -> Float[np.ndarray, "case column"]:
    """The properties as numbers: texts as one column a value, numbers with their median where missing and a flag."""
    columns: list[np.ndarray] = []
    for values in properties.values():
        if all(value is None or isinstance(value, float) for value in values):
            numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
            gone = np.isnan(numbers)
            columns.append(np.where(gone, np.nanmedian(numbers), numbers))
            columns.append(gone.astype(float))
        else:
            texts = [NOT_STATED if value is None else str(value) for value in values]
            columns += [np.array([text == level for text in texts], dtype=float) for level in sorted(set(texts))]
    return np.stack(columns, axis=1) if columns else np.empty((0, 0))


def _is_usable(values: Sequence[str | float | None]) -> bool:
    found = set(values)
    stated = found - {None}
    is_text = any(isinstance(value, str) for value in stated)
    return bool(stated) and len(found) > 1 and (not is_text or len(stated) <= MOST_LEVELS)


def _share(gone: Sequence[Case], cohort: Cohort, label: str) -> str:
    whole = sum(case.label == label for case in cohort.cases)
    return f"{100 * sum(case.label == label for case in gone) / whole:.0f} %" if whole else "none"
