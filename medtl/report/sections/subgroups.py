"""For whom: the chosen model in each subgroup, drawn and told.

In: a run and its appraisal. Out: a forest figure, where there are groups, and sentences.
"""

from __future__ import annotations

from collections.abc import Iterator

from medtl.evaluation import Appraisal
from medtl.record.run import Run
from medtl.report.figures.clinical_use import ForestRow, forest_figure
from medtl.report.figures.from_predictions import predictions_behind
from medtl.report.html.blocks import Block, Figure, Prose
from medtl.report.html.numbers import count, p_value, plain
from medtl.report.html.page import Drawn
from medtl.report.html.section import Section
from medtl.report.html.theme import look_of
from medtl.report.results.judged import Judged
from medtl.report.results.view import View


def forest_drawn(run: Run, judged: Judged, found: Appraisal) -> Drawn | None:
    """The AUROC of the chosen model in each subgroup, drawn; None without subgroups."""
    rows = []
    for one in found.of(run.chosen_model).subgroups:
        if not one.groups:
            continue
        rows.append(ForestRow(one.covariate))
        for group in one.groups:
            auroc = group.auroc
            rows.append(ForestRow(group.name, group.patients, auroc.value, auroc.low, auroc.high, auroc.reason))
    if not rows:
        return None
    look, whole = look_of(run.chosen_model, run.models), judged.of(run.chosen_model, fold=None).auroc.value
    values = [row.value for row in rows if row.value is not None]
    spread = f"from {plain(min(values))} to {plain(max(values))}" if values else "not defined"
    finding = f"{look.name}: AUROC {spread} over the subgroups."
    drawing = forest_figure(rows, whole=whole, colour=look.colour, name="subgroups", finding=finding)
    return Drawn(
        drawing,
        f"{finding} Points with 95 % intervals; the dotted line is the whole cohort.",
        predictions_behind(run.folds, run.folder, fold=None),
    )


def subgroup_sentences(chosen_model: str, found: Appraisal) -> tuple[str, ...]:
    """Whether the AUROC differs between the groups of each covariate, and who lacks it."""
    clauses = found.of(chosen_model).subgroups
    if not clauses:
        return (
            "No covariate (site, sex, age or scanner) with more than one group is known, so there are no subgroups.",
        )
    sentences = []
    for one in clauses:
        missing = f" {count(one.missing, 'patient')} lack it." if one.missing else ""
        if one.adjusted is None or one.p_value is None:
            sentences.append(f"{one.covariate}: the groups are not tested, because {one.reason}.{missing}")
        else:
            differ = "differ" if one.adjusted < 0.05 else "are compatible with being equal"
            sentences.append(
                f"{one.covariate}: the AUROCs {differ} (Holm-adjusted {p_value(one.adjusted)}, unadjusted "
                f"{p_value(one.p_value)}).{missing}"
            )
    tests = sum(one.p_value is not None for one in clauses)
    sentences.append(
        f"{count(tests, 'covariate')} {'was' if tests == 1 else 'were'} tested (Cochran’s Q by permutation of "
        "patients between groups; groups with fewer than five patients of a class are listed without a test). "
        "In groups this small, a difference can be missed: read the width of the intervals."
    )
    return tuple(sentences)


def _blocks(view: View) -> Iterator[Block | None]:
    found = view.judged.appraisal
    if found is None:
        return
    forest = forest_drawn(view.run, view.judged, found)
    yield Figure(forest) if forest is not None else None
    yield Prose(subgroup_sentences(view.run.chosen_model, found))


FOR_WHOM = Section("whom", "For whom", _blocks)
