"""A case, a cohort of cases, and those who were left out.

A *case* is one image with its label. A *patient* may have several cases and is the unit that is split, counted and
resampled. Values here are frozen and valid once they exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from medtl.findings import Finding, sentences
from medtl.outcomes import Outcome, outcome_of

Covariate = str | float | None


@dataclass(frozen=True)
class Case:
    """One image of one patient.

    `image` is absolute and lies under the data root. `line` is the manifest's line (the header is line 1).
    `mask` is a drawing of the lesion or organ on the image's own grid, None where there is none.
    `covariates` holds numbers as float and anything else as text; an empty cell is None.
    `split` is the cell of the column that folds are read from. `chance_key` names the case by the manifest's own ids,
    hashed: chance is drawn from it, so folds do not change with the pseudonym key. It is never written or shown.
    """

    case_id: str
    patient_id: str
    image: Path
    label: str
    line: int
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    split: str | None = None
    mask: Path | None = None
    chance_key: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"case {self.case_id} (manifest line {self.line})"


@dataclass(frozen=True)
class Exclusion:
    """A case that is not studied: `reason` is a short code for counting, `detail` a sentence for people."""

    case_id: str
    line: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Cohort:
    """The studied cases, those left out, and what was found about them.

    `classes` are in the study's order; with two classes the last one is the positive class.
    `covariates` are the names every case carries, in report order. Cases are in manifest order, ids are unique.
    `split_column` names the manifest column that `Case.split` came from. `limited` describes the sample when only some
    patients are studied. `is_phantom` is true when the manifest itself states that every image is a phantom.
    """

    cases: tuple[Case, ...]
    classes: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    findings: tuple[Finding, ...] = ()
    split_column: str | None = None
    limited: str | None = None
    is_phantom: bool = False

    @property
    def positive_class(self) -> str | None:
        """The class whose probability is the score, or None with more than two classes."""
        return self.outcome.positive_class

    @property
    def outcome(self) -> Outcome:
        """What is predicted: everything that depends on the kind of the classes is its business."""
        return outcome_of(self.classes)

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients, each once, in order of first appearance."""
        return tuple(dict.fromkeys(case.patient_id for case in self.cases))

    def without(self, exclusions: tuple[Exclusion, ...]) -> Cohort:
        """The same cohort with more cases left out by name."""
        gone = {exclusion.case_id for exclusion in exclusions}
        kept = tuple(case for case in self.cases if case.case_id not in gone)
        return replace(self, cases=kept, exclusions=self.exclusions + exclusions)

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings as sentences."""
        return sentences(self.findings)

    def with_findings(self, *findings: Finding) -> Cohort:
        """The same cohort with more findings."""
        return replace(self, findings=self.findings + findings)
