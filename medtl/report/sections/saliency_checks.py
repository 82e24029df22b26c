"""Whether the maps are worth looking at, in words: pass or fail, what each check measured, and what a failure means.

In: a run with what its checks found. Out: the table, the words above a gallery, and a finding. Nothing is ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtl.findings import Finding, Severity
from medtl.record.run import Run
from medtl.record.saliency_checks import CheckVerdict, LesionNumbers, SaliencyChecks
from medtl.report.html.numbers import count, interval, joined, percent, plain
from medtl.report.html.page import Bounds, Cell, Row, Table

WHAT = {
    "randomisation": (
        "Randomised weights",
        "likeness (SSIM) of a map to itself after the network’s weights were replaced, head first, to the last; must "
        "be below that of maps of different cases",
        "replacing the network’s weights with random ones did not clearly change them",
    ),
    "repeatability": (
        "Repeatability",
        "likeness (SSIM) of a case’s maps by two folds’ models; must be above that of maps of different cases",
        "two models trained alike did not clearly highlight the same regions in the same case",
    ),
    "random_masks": (
        "Deletion and insertion",
        "the drop in probability when the highest-ranked regions are removed, and the rise when they are brought "
        "in; must exceed that of random regions",
        "the regions they highlight did not clearly matter more to the model than random ones",
    ),
    "centre": (
        "Against the middle",
        "the same, against regions ordered by their distance from the middle of the scan",
        "the regions they highlight did not clearly matter more to the model than the middle of the scan",
    ),
    "outside": (
        "Outside the body",
        "share of the map outside the body; must not be more than that of a flat map",
        "they highlight regions outside the body, where no disease can be",
    ),
    "border": (
        "At the border",
        "share of the map in the outer eighth of every side; must not be more than that of a flat map",
        "they highlight the border, where markers and collimation lie",
    ),
    "lesions": (
        "On the reference masks",
        "average precision of the map on the masks of the reference standard; must be above that of a spot in the "
        "middle",
        "they did not clearly find the annotated lesions better than a spot in the middle",
    ),
}
"""Name, what is measured and what it has to do, and what a failure means, of each check."""


@dataclass(frozen=True)
class ChecksBlocks:
    """`warning` stands above the gallery and `brief` with each of its rows; both are empty where all is well."""

    warning: str = ""
    brief: str = ""
    sentences: tuple[str, ...] = ()
    table: Table | None = None


def checks_blocks(saliency_checks: SaliencyChecks | None) -> ChecksBlocks:
    """The study's checks, on the intervals over all checked patients."""
    found = saliency_checks
    if found is None:
        return NOT_CHECKED
    cases = sum(len(one.cases) for one in found.folds)
    scope = f"{count(cases, 'out-of-fold case')}, drawn before any map was made"
    return ChecksBlocks(
        warning=_warning(found.verdicts),
        brief=BRIEF if _warning(found.verdicts) else "",
        sentences=_lesion_sentence(found.lesions),
        table=_table(found.verdicts, scope=scope),
    )


def fold_checks_blocks(saliency_checks: SaliencyChecks | None, *, fold: int) -> ChecksBlocks:
    """One fold's checks in a sentence; few cases, so the study's verdict counts and is repeated."""
    found = saliency_checks
    own = found.of(fold) if found is not None else None
    if found is None or own is None:
        return NOT_CHECKED
    warning = _warning(found.verdicts)
    failed = [WHAT[one.name][0].lower() for one in own.verdicts if one.passes is False]
    passed = [WHAT[one.name][0].lower() for one in own.verdicts if one.passes]
    clauses = [f"{verb} {joined(names)}" for verb, names in (("passed", passed), ("failed", failed)) if names]
    sentence = f"Checks of {count(len(own.cases), 'case')} of this fold: {'; '.join(clauses) or 'none could be made'}."
    return ChecksBlocks(warning=warning, brief=BRIEF if warning else "", sentences=(sentence,))


def map_findings(run: Run) -> tuple[Finding, ...]:
    """A finding where maps are shown that failed, or that nobody checked."""
    if not any(record.saliency for record in run.folds):
        return ()
    question = "Can the saliency maps be believed?"
    found = run.saliency_checks
    if found is None:
        return (
            Finding(
                "unchecked maps",
                "The saliency maps were not checked, so nothing shows that they follow what the network learned.",
                "There is no record of checks in this run.",
                advice="Run with saliency: {checks: true} before showing a map to anybody.",
                question=question,
                severity=Severity.WEAKNESS,
            ),
        )
    failed = [one for one in found.verdicts if one.passes is False]
    if not failed:
        return ()
    numbers = [f"{WHAT[one.name][0].lower()} {plain(one.ours)} against {plain(one.against)}" for one in failed]
    return (
        Finding(
            "failed maps",
            "The saliency maps failed a check: they are no evidence of where the condition is.",
            f"Failed: {joined(numbers)}.",
            advice="Do not interpret the maps and print none of them as an explanation.",
            question=question,
            severity=Severity.WEAKNESS,
        ),
    )


BRIEF = "Do not interpret."
NOT_CHECKED = ChecksBlocks(sentences=("These maps were not checked; whether they are worth looking at is not known.",))


def _warning(verdicts: Sequence[CheckVerdict]) -> str:
    failed = [WHAT[one.name][2] for one in verdicts if one.passes is False]
    if failed:
        return f"Do not interpret these maps: {joined(failed)}."
    if all(one.passes is None for one in verdicts):
        return "Do not interpret these maps: no check of them could be made."
    return ""


def _table(verdicts: Sequence[CheckVerdict], *, scope: str) -> Table:
    rows = []
    for one in verdicts:
        name, what, meaning = WHAT[one.name]
        bounds = interval(one.difference.low, one.difference.high)
        verdict = "Passes." if one.passes else f"Fails: {meaning}."
        if one.passes is None:
            verdict = f"Not known: {one.why}."
        rows.append(
            Row(
                f"{name}: {what}",
                (
                    Cell(plain(one.ours)),
                    Cell(plain(one.against)),
                    Cell(
                        plain(one.difference.value),
                        beside=f"({bounds})" if bounds else "",
                        bounds=Bounds(one.difference.value, one.difference.low, one.difference.high),
                    ),
                    Cell(verdict, is_text=True),
                ),
                kind="" if one.passes is not False else "chosen",
            )
        )
    note = (
        f"On {scope}. Numbers are means over patients, differences with 95 % intervals over patients; a check passes "
        "where its whole interval lies on the right side (outside the body and at the border: where the mean does). "
        "Passing is needed and proves nothing: a map that passes may still point at the wrong place. Methods are not "
        "ranked by these numbers."
    )
    heads = ("Check", "Map", "Compared with", "Difference", "Verdict")
    return Table("Is the map worth looking at?", heads, tuple(rows), (note,), kind="verdicts", name="saliency-checks")


def _lesion_sentence(found: LesionNumbers | None) -> tuple[str, ...]:
    if found is None:
        return ()
    overlap = ""
    if found.overlap is not None and found.centre_overlap is not None:
        overlap = (
            f" Intersection over union {plain(found.overlap)} (spot in the middle {plain(found.centre_overlap)}), at "
            "the threshold that was best on the other folds."
        )
    return (
        f"Of {count(found.patients, 'patient')} with a mask, the strongest point of the map for the reference "
        f"standard’s class lies in the mask in {percent(found.points_at, 1)} (a point in the middle: "
        f"{percent(found.centre_points_at, 1)}).{overlap}",
    )
