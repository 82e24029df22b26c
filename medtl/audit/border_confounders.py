"""Border confounders, which are associated with the label or the site: burned-in marks, frames, brightness.

In: a cohort and the border of each picture. Out: suspects, each with its position, its numbers by group, a p value and
examples, and sentences. A model can read such things instead of the disease (Zech 2018, DeGrave 2021). What is found
is no proof: people look at the examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float

from medtl.audit.border_grid import Box, GreyGrid, MarkerGrid, position_in_words
from medtl.audit.border_test import PERMUTATIONS, explained
from medtl.audit.confounding import MOST_LEVELS, acquisition_finding
from medtl.audit.multiplicity import holm
from medtl.cohort.case import Case, Cohort
from medtl.findings import Finding

SIGNIFICANT = 0.01
"""Stricter than for the properties of files: pixels offer many more ways to differ, and a crop costs image."""

LEAST_DIFFERENCE = 0.05
"""Of a group's patients: a smaller difference in marks is no suspect."""

LEAST_EXPLAINED = 0.06
"""Share of the spread of a frame's width or of brightness that is worth a warning: a medium effect (Cohen 1988), since
the body itself reaches to the border."""

OFTEN = 0.05
"""Share of the pictures with a mark in one cell from which marks are reported, whatever they go with."""

FEWEST_PATIENTS = 5
"""A group with fewer cannot show what recurs in it."""

MOST_SUSPECTS = 4
EXAMPLES = 3

FRAMES = tuple(f"{colour} frame at the {side}" for colour in ("black", "white")
               for side in ("top", "right", "bottom", "left"))  # fmt: skip
FRAME_BOXES: tuple[Box, ...] = (
    (0.0, 0.0, 0.06, 1.0),
    (0.0, 0.94, 1.0, 1.0),
    (0.94, 0.0, 1.0, 1.0),
    (0.0, 0.0, 1.0, 0.06),
)
"""Where an example points; a frame may be wider or narrower."""

What = Literal["marks", "frame", "brightness"]
HEADINGS: dict[What, str] = {
    "marks": "Small bright marks near the border, such as letters,",
    "frame": "The width of a frame (of the side, on average)",
    "brightness": "The brightness near the border (in standard deviations of the picture)",
}
TO_DO = {
    "label": "A model can read this instead of the disease: crop or cover it in all pictures, or see what is left "
    "without it.",
    "site": "A model can tell the site by it: see whether the sites differ in their classes.",
}


class BorderFacts(Protocol):
    """The border of one picture; imaging's fits."""

    @property
    def grey(self) -> str:
        """Mean brightness of the border's cells."""
        ...

    @property
    def marks(self) -> tuple[Box, ...]:
        """Small bright marks near the border."""
        ...

    @property
    def black_frame(self) -> tuple[float, float, float, float]:
        """Widths of black borders as shares of the side."""
        ...

    @property
    def white_frame(self) -> tuple[float, float, float, float]:
        """Widths of white borders as shares of the side."""
        ...


@dataclass(frozen=True)
class Suspect:
    """One cell of the border that is associated with the label or the site.

    `values` are by group: the share of patients with a mark, the frame's mean width, or the mean brightness in standard
    deviations of the picture. `examples` are case ids by group, those that show it first. `box` is where.
    """

    what: What
    against: str
    position: str
    box: Box
    values: tuple[tuple[str, float], ...]
    explained: float
    p_holm: float
    examples: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def values_in_words(self) -> str:
        """The numbers by group."""
        if self.what == "brightness":
            return ", ".join(f"{value:+.2f} in {group}" for group, value in self.values)
        digits = 0 if self.what == "marks" else 1
        return ", ".join(f"{100 * value:.{digits}f} % in {group}" for group, value in self.values)


@dataclass(frozen=True)
class BorderAudit:
    """All suspects, the label's first; how many pictures were looked at, how many have marks, and where most often."""

    pictures: int = 0
    with_marks: int = 0
    commonest: str = ""
    at_commonest: int = 0
    questions: int = 0
    suspects: tuple[Suspect, ...] = ()

    @property
    def in_words(self) -> str:
        """The test, in words."""
        tested = f"{self.questions} question{'s' if self.questions != 1 else ''}"
        return (
            f"permutation test over all positions, {PERMUTATIONS:,} exchanges between patients, Holm-adjusted for "
            f"{tested}"
        )


def border_audit(
    cohort: Cohort, borders: Mapping[str, BorderFacts | None], *, seed: int, permutations: int = PERMUTATIONS
) -> BorderAudit:
    """Test whether marks, frames and brightness are associated with the label, or with one of several sites.

    Of a patient with several pictures in a group the mean counts. Each question compares the largest of its cells
    with exchanged groups; Holm's correction is for all questions.
    """
    cases = [case for case in cohort.cases if borders.get(case.case_id) is not None]
    found = [border for case in cases if (border := borders[case.case_id]) is not None]
    if not found:
        return BorderAudit()
    features: dict[What, np.ndarray] = {
        "marks": MarkerGrid.of([border.marks for border in found]),
        "frame": np.array([[*border.black_frame, *border.white_frame] for border in found]),
        "brightness": GreyGrid.of([border.grey for border in found]),
    }
    tested: list[tuple[float, What, str, np.ndarray, _Units, np.ndarray]] = []
    for against in ("label", "site"):
        units = _Units.of(cases, against=against)
        if units is None:
            continue
        for what, values in features.items():
            if np.ptp(values, axis=0).any():
                means = units.means(values)
                seen = explained(means, units.groups, seed=seed, permutations=permutations)
                tested.append((float(seen.p_value.min()), what, against, seen.share, units, seen.p_value))
    tested.sort(key=lambda one: one[0])
    corrected = holm([one[0] for one in tested])
    suspects: list[Suspect] = []
    for (smallest, what, against, share, units, p_values), fixed in zip(tested, corrected, strict=True):
        if fixed < SIGNIFICANT:
            factor = fixed / smallest
            suspects += _suspects(
                cases, features[what], units, what=what, against=against, share=share,
                p_holm=np.minimum(1, np.maximum(fixed, p_values * factor)),
            )  # fmt: skip
    suspects.sort(key=lambda one: (one.against != "label", one.p_holm, -one.explained))
    at = features["marks"].sum(axis=0)
    most = int(at.argmax())
    return BorderAudit(
        pictures=len(cases),
        with_marks=sum(bool(border.marks) for border in found),
        commonest=position_in_words(MarkerGrid.box(most)),
        at_commonest=int(at[most]),
        questions=len(tested),
        suspects=tuple(suspects),
    )


def border_findings(audit: BorderAudit) -> tuple[Finding, ...]:
    """What is associated with the label, what with the site, then that there are marks at all."""
    found = []
    for what, against in dict.fromkeys((one.what, one.against) for one in audit.suspects):
        own = [one for one in audit.suspects if (one.what, one.against) == (what, against)]
        values_in_words = "; ".join(f"{one.position} {one.values_in_words}" for one in own)
        found.append(
            acquisition_finding(
                f"border {what}",
                f"{HEADINGS[what]} {'are' if what == 'marks' else 'is'} associated with the {against}: "
                f"{values_in_words} "
                f"({_p(max(one.p_holm for one in own))}; {audit.in_words}). {TO_DO[against]}",
            )
        )
    if audit.pictures and audit.at_commonest >= OFTEN * audit.pictures:
        found.append(
            Finding(
                "burned-in marks",
                f"Small bright marks such as letters, arrows or electrodes stand near the border of "
                f"{audit.with_marks:,} "
                f"of "
                f"{audit.pictures:,} pictures, most often {audit.commonest} in {audit.at_commonest:,}. They may name a "
                "side, a site or a person: look at the pictures before they are shown to others.",
                question="Do burned-in marks name a side, a site or a person?",
                advice="Look at the pictures; cover the marks, and read what the control border only can do.",
            )
        )
    return tuple(found)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


@dataclass(frozen=True)
class _Units:
    """Patients, once for each group they have pictures in: `rows` are their indices among the cases."""

    names: tuple[str, ...]
    groups: np.ndarray
    rows: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, cases: Sequence[Case], *, against: str) -> _Units | None:
        """None where there is nothing to compare: fewer than two groups of enough patients, or too many groups."""
        rows: dict[tuple[str, str], list[int]] = {}
        for index, case in enumerate(cases):
            value = case.label if against == "label" else case.covariates.get(against)
            if value not in (None, ""):
                rows.setdefault((str(value), case.patient_id), []).append(index)
        sizes: dict[str, int] = {}
        for name, _ in rows:
            sizes[name] = sizes.get(name, 0) + 1
        names = sorted(name for name, size in sizes.items() if size >= FEWEST_PATIENTS)
        if not 2 <= len(names) <= MOST_LEVELS:
            return None
        kept = {key: own for key, own in rows.items() if key[0] in names}
        return cls(tuple(names), np.array([names.index(name) for name, _ in kept]), tuple(map(np.array, kept.values())))

    def means(self, values: Float[np.ndarray, "case cell"]) -> Float[np.ndarray, "unit cell"]:
        """The mean of each unit's cases."""
        return np.stack([values[own].mean(axis=0) for own in self.rows])


def _suspects(
    cases: Sequence[Case],
    values: np.ndarray,
    units: _Units,
    *,
    what: What,
    against: str,
    share: np.ndarray,
    p_holm: np.ndarray,
) -> list[Suspect]:
    """The cells that stand out, the strongest first; what touches one that is listed already is left out."""
    means = units.means(values)
    by_group = np.stack([means[units.groups == group].mean(axis=0) for group in range(len(units.names))])
    large = np.ptp(by_group, axis=0) >= LEAST_DIFFERENCE if what == "marks" else share >= LEAST_EXPLAINED
    found: list[Suspect] = []
    for cell in np.argsort(-share, kind="stable"):
        if not large[cell] or p_holm[cell] >= SIGNIFICANT or len(found) == MOST_SUSPECTS:
            continue
        box = _box(what, int(cell))
        if any(_touch(box, other.box) for other in found):
            continue
        shown = []
        for group, name in enumerate(units.names):
            own = np.concatenate([rows for rows, of in zip(units.rows, units.groups, strict=True) if of == group])
            order = own[np.argsort(-values[own, cell], kind="stable")][:EXAMPLES]
            shown.append((name, tuple(cases[row].case_id for row in order)))
        numbers = tuple((name, float(by_group[group, cell])) for group, name in enumerate(units.names))
        where = FRAMES[cell] if what == "frame" else position_in_words(box)
        found.append(
            Suspect(what, against, where, box, numbers, float(share[cell]), float(p_holm[cell]), tuple(shown))
        )  # fmt: skip
    return found


def _box(what: What, cell: int) -> Box:
    if what == "frame":
        return FRAME_BOXES[cell % len(FRAME_BOXES)]
    return MarkerGrid.box(cell) if what == "marks" else GreyGrid.box(cell)


def _touch(one: Box, other: Box) -> bool:
    near = 1e-6
    return (
        one[0] <= other[2] + near and other[0] <= one[2] + near and one[1] <= other[3] + near
        and other[1] <= one[3] + near
    )  # fmt: skip
