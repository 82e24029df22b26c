"""Learning curves: the median over draws with its band for each model, the fitted law, and the whole training part.

In: curves as the record keeps them. Out: inline SVG, a panel for each model on the same axes.
"""

from __future__ import annotations

from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from medtl.record.learning_curve import FineTuned, LearningCurve, ModelCurve
from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.theme import INK, QUIET, look_of

CURVES_INCHES = (9.4, 3.5)
CHANCE = 0.5


def learning_curve_figure(curve: LearningCurve, *, name: str, finding: str) -> Drawing:
    """A panel for each model; the wanted AUROC is a dotted line, chance a dashed one.

    The last panel, where a network was fine-tuned, has a dot for each of its few draws.
    """
    tuned = curve.fine_tuned
    models = [one.model for one in curve.models] + ([] if tuned is None else [tuned.model])

    def paint(figure: Figure) -> None:
        panels = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)[0]
        for axes, one in zip(panels[: len(curve.models)], curve.models, strict=True):
            _paint(axes, one, colour=look_of(one.model, models).colour)
            axes.set(title=one.label, xlabel="Patients a class (log scale)")
        if tuned is not None:
            _paint_draws(panels[-1], tuned, colour=look_of(tuned.model, models).colour)
            panels[-1].set(title=tuned.label, xlabel="Patients a class (log scale)")
        for axes in panels:
            axes.axhline(CHANCE, color=QUIET, linewidth=0.6, dashes=(2, 3))
            axes.axhline(curve.reach, color=INK, linewidth=0.7, dashes=(1, 2))
            quiet_grid(axes, axis="y")
            _ticks(axes, curve.models[0])
        panels[0].set(ylabel="AUROC, out of fold by patient")

    return draw(paint, name=name, finding=finding, inches=CURVES_INCHES)


def _paint(axes: Axes, one: ModelCurve, *, colour: str) -> None:
    sizes = [point.patients for point in one.points]
    axes.set_xscale("log")
    axes.fill_between(sizes, [point.low for point in one.points], [point.high for point in one.points],
                      color=colour, alpha=0.18, linewidth=0, label=f"{one.label}, middle 95 % of draws")  # fmt: skip
    axes.plot(sizes, [point.median for point in one.points], color=colour, marker="o", markersize=4, linewidth=1.8,
              label=f"{one.label}, median of draws")  # fmt: skip
    if one.law is not None:
        axes.plot([point.patients for point in one.law.points], [point.value for point in one.law.points],
                  color=INK, linewidth=0.9, dashes=(4, 2), label=f"{one.label}, power law")  # fmt: skip
    if one.whole is not None and one.whole.value is not None:
        value = one.whole.value
        if one.whole.low is not None and one.whole.high is not None:
            axes.plot([one.whole.patients] * 2, [one.whole.low, one.whole.high], color=colour, linewidth=1.0,
                      label=f"{one.label}, whole part, 95 % interval")  # fmt: skip
        axes.plot([one.whole.patients], [value], color=colour, marker="D", markersize=5, markerfacecolor="white",
                  linestyle="none", label=f"{one.label}, whole part")  # fmt: skip


def _paint_draws(axes: Axes, tuned: FineTuned, *, colour: str) -> None:
    axes.set_xscale("log")
    sizes = [point.patients for point in tuned.points for _ in point.values]
    values = [value for point in tuned.points for value in point.values]
    axes.plot(sizes, values, color=colour, marker="o", markersize=3, linestyle="none", alpha=0.5,
              label=f"{tuned.label}, each draw")  # fmt: skip
    medians = {point.patients: median(point.values) for point in tuned.points}
    axes.plot(list(medians), list(medians.values()), color=colour, marker="_", markersize=14, linewidth=1.0,
              label=f"{tuned.label}, median of draws")  # fmt: skip


def _ticks(axes: Axes, one: ModelCurve) -> None:
    sizes = [point.patients for point in one.points]
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
