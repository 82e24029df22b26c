"""What changed in the encoder: how far each network moved from its pretrained weights, and what it gained by that."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from medtl.record.fold import FoldRecord
from medtl.record.retention import StageChange
from medtl.record.run import Run
from medtl.report.figures.drift import DriftPoint, drift_figure
from medtl.report.html.blocks import Block, Figure, Prose, folded
from medtl.report.html.numbers import count, in_words, plain
from medtl.report.html.page import Cell, Drawn, Link, Row, Table
from medtl.report.html.section import Section
from medtl.report.html.theme import look_of
from medtl.report.results.judged import Judged, metric_name
from medtl.report.results.view import View

NOTES = (
    "CKA compares what the pretrained and the adapted network make of the same test cases (Kornblith et al. 2019, "
    "estimated without bias after Nguyen et al. 2021): 1 is the same but for rotation and scale, 0 is unrelated. "
    "Weights: the length of their change as a share of their own. Both were measured after training and served no "
    "choice."
)


def changes_of(folds: tuple[FoldRecord, ...]) -> dict[str, dict[str, list[StageChange]]]:
    """The changes of each model by stage, one a fold; empty where no pretrained network was trained."""
    found: dict[str, dict[str, list[StageChange]]] = {}
    for record in folds:
        for change in record.retention.models if record.retention is not None else ():
            for stage in change.stages:
                found.setdefault(change.model, {}).setdefault(stage.stage, []).append(stage)
    return found


def _mean_cka(stages: list[StageChange]) -> float | None:
    defined = [one.cka for one in stages if one.cka is not None]
    return fmean(defined) if defined else None


def _table(run: Run, changes: dict[str, dict[str, list[StageChange]]]) -> Table:
    stages = list(next(iter(changes.values())))
    rows = []
    for model, by_stage in changes.items():
        look = look_of(model, run.models)
        cka = tuple(Cell(plain(_mean_cka(by_stage[stage]))) for stage in stages)
        moved = tuple(Cell(plain(fmean(one.distance for one in by_stage[stage]))) for stage in stages)
        rows.append(Row(f"{look.name}: CKA", cka, colour=look.colour))
        rows.append(Row(f"{look.name}: weights", moved))
    seen = min(record.retention.cases for record in run.folds if record.retention is not None)
    note = f"Means over {count(len(run.folds), 'fold')}, each seen on {count(seen, 'test case')} or more. {NOTES}"
    return Table("What changed in the encoder, by stage", ("Model", *stages), tuple(rows), (note,), name="retention")


def _points(run: Run, judged: Judged, changes: dict[str, dict[str, list[StageChange]]]) -> list[DriftPoint]:
    points = []
    for one in judged.differences:
        by_stage = changes.get(one.model)
        cka = None if by_stage is None else _mean_cka(by_stage[list(by_stage)[-1]])
        if cka is not None and one.difference.value is not None:
            points.append(
                DriftPoint(
                    one.model,
                    drift=1 - cka,
                    gain=one.difference.value,
                    low=one.difference.low,
                    high=one.difference.high,
                    reason=one.difference.reason,
                )
            )
    return points


def _drawn(run: Run, points: list[DriftPoint]) -> Drawn:
    metric = metric_name(run.classes)
    sentences = [
        f"{look_of(one.model, run.models).name}: the last stage drifted by {plain(one.drift)}, and the {metric} "
        f"differs from the probe's by {in_words(one.gain, one.low, one.high, reason=one.reason)}"
        for one in points
    ]
    finding = f"{'; '.join(sentences)}."
    links = tuple(Link(f"fold {one.fold}", f"fold_{one.fold}/retention.json") for one in run.folds if one.retention)
    drawing = drift_figure(points, models=run.models, metric=metric, name="drift", finding=finding)
    return Drawn(drawing, f"{finding} Drift is 1 - CKA of the last stage, the mean of the folds.", links)


def _blocks(view: View) -> Iterator[Block | None]:
    changes = changes_of(view.run.folds)
    if not changes:
        return
    points = _points(view.run, view.judged, changes)
    drawn = _drawn(view.run, points) if points else None
    yield Prose((drawn.caption,)) if drawn is not None else None
    figure = None if drawn is None else Figure(drawn)
    yield folded("Drift and gain, and each stage of the encoder", (figure, _table(view.run, changes)))


RETENTION = Section("retention", "What changed in the encoder", _blocks)
