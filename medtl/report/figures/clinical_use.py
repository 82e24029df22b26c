"""The decision curve and the forest of subgroups.

In: an appraisal's numbers. Out: inline SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.numbers import DIGITS, in_table
from medtl.report.html.theme import ALONE_INCHES, INK, PAIR_INCHES, QUIET, look_of, short_label

CHANCE = 0.5
LOWEST_SHOWN = 0.4
INCHES_PER_ROW, INCHES_AROUND = 0.26, 0.75
FLOOR = -0.1
"""Net benefit below this is cut: there treating all is absurd and only hides the rest."""


@dataclass(frozen=True)
class BenefitLine:
    """One model's decision curve; the band is empty, or None at a risk, where there is none."""

    model: str
    risks: Sequence[float]
    benefit: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]


@dataclass(frozen=True)
class ForestRow:
    """A row of the forest: a heading where `patients` is None, else a group with its counts and its number."""

    name: str
    patients: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


def decision_figure(
    lines: Sequence[BenefitLine], treat_all: Sequence[float], *, models: Sequence[str], name: str, finding: str
) -> Drawing:
    """The first line thick with its band, the others quiet; treating all and none as references."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        risks = np.array(lines[0].risks)
        axes.plot(risks, treat_all, color=QUIET, linewidth=0.9, dashes=(4, 2), label="Treat all")
        axes.plot(risks, np.zeros_like(risks), color=QUIET, linewidth=0.9, label="Treat none")
        for index, line in enumerate(lines):
            look = look_of(line.model, models)
            if index == 0 and len(line.low):
                low, high = (np.array(ends, dtype="float64") for ends in (line.low, line.high))
                axes.fill_between(risks, low, high, color=look.colour, alpha=0.15, linewidth=0)
            style = "-" if index == 0 else look.dash
            axes.plot(
                risks, line.benefit, color=look.colour, linestyle=style, linewidth=1.8 if index == 0 else 1.0,
                label=short_label(look.name),
            )  # fmt: skip
        top = max(*treat_all, *(max(line.benefit) for line in lines), 0.05)
        axes.set(
            xlim=(0, 1), ylim=(FLOOR, 1.15 * top), xlabel="Threshold risk", ylabel="Net benefit per patient",
            title="Decision curve",
        )  # fmt: skip
        figure.legend(loc="outside lower left", ncols=2)
        quiet_grid(axes)

    columns: dict[str, Sequence[float | None]] = {"threshold_risk": lines[0].risks, "treat_all": treat_all}
    for line in lines:
        columns[line.model] = line.benefit
        if len(line.low):
            columns |= {f"{line.model}_low": line.low, f"{line.model}_high": line.high}
    return draw(paint, name=name, finding=finding, inches=PAIR_INCHES, numbers=pd.DataFrame(columns))


def forest_figure(rows: Sequence[ForestRow], *, whole: float | None, colour: str, name: str, finding: str) -> Drawing:
    """Groups under their covariate; the dotted line is the whole cohort."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, row in enumerate(rows):
            if row.patients is None:
                continue
            if row.value is None:
                axes.text(LOWEST_SHOWN + 0.01, index, f"not defined: {row.reason}", va="center", color=QUIET)
                continue
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [index, index], color=colour, linewidth=1.6)
            axes.plot([row.value], [index], "o", color=colour, markersize=5, clip_on=False)
            axes.text(1.012, index, in_table(row.value, row.low, row.high, digits=DIGITS), va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
        if whole is not None:
            axes.axvline(whole, color=INK, linewidth=0.6, dashes=(2, 3))
        seen = [value for row in rows for value in (row.low, row.value) if value is not None]
        axes.set_xlim(max(0.0, min([LOWEST_SHOWN, *(value - 0.02 for value in seen)])), 1.0)
        labels = [
            short_label(row.name) if row.patients is None else f"{short_label(row.name)} (n = {row.patients:,})"
            for row in rows
        ]
        axes.set_yticks(range(len(rows)), labels)
        for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("bold" if row.patients is None else "normal")
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("AUROC")
        quiet_grid(axes, axis="x")

    inches = (ALONE_INCHES[0], INCHES_AROUND + INCHES_PER_ROW * len(rows))
    cells = [(row.name, row.patients, row.value, row.low, row.high) for row in rows]
    table = pd.DataFrame(cells, columns=["group", "patients", "auroc", "low", "high"])
    return draw(paint, name=name, finding=finding, inches=inches, numbers=table)
