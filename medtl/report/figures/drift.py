"""Gain against drift: what a network ranks better than the probe, and how far its encoder moved for it.

In: a point a model. Out: inline SVG; gain upwards with its interval, drift to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.theme import QUIET, look_of, short_label

DRIFT_INCHES = (9.4, 2.8)


@dataclass(frozen=True)
class DriftPoint:
    """A model: 1 - CKA of its last stage, and its gain over the reference with the interval, or why there is none."""

    model: str
    drift: float
    gain: float
    low: float | None
    high: float | None
    reason: str | None = None


def drift_figure(
    points: Sequence[DriftPoint], *, models: Sequence[str], metric: str, name: str, finding: str
) -> Drawing:
    """One mark per model."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for point in points:
            look = look_of(point.model, models)
            if point.low is not None and point.high is not None:
                axes.plot([point.drift] * 2, [point.low, point.high], color=look.colour, linewidth=1.4)
            axes.plot([point.drift], [point.gain], look.marker, color=look.colour, markersize=6, clip_on=False)
            axes.annotate(short_label(look.name), (point.drift, point.gain), xytext=(6, 3), textcoords="offset points",
                          color=look.colour, annotation_clip=False)  # fmt: skip
        axes.axhline(0, color=QUIET, linewidth=0.6, dashes=(2, 3))
        axes.set_xlim(0.0, max(0.05, 1.25 * max(point.drift for point in points)))
        axes.set(xlabel="Drift: 1 - CKA of the last stage, mean of the folds", ylabel=f"{metric} over the probe")
        quiet_grid(axes)

    return draw(paint, name=name, finding=finding, inches=DRIFT_INCHES)
