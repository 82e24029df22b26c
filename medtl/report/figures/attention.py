"""How a network that reads slice by slice weighed the slices: a small curve for each case that the page shows.

In: the cases of the gallery. Out: inline SVG with its caption, or nothing where no case has weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtl.axes import ENDS, NORMAL, Plane
from medtl.record.view import Weights
from medtl.report.figures.gallery import GalleryCase, GalleryRow
from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.numbers import count
from medtl.report.html.page import Drawn
from medtl.report.html.theme import QUIET, look_of, short_label

CURVES_PER_ROW = 4
WIDTH_INCHES, ROW_INCHES = 9.4, 1.75

NEAR_MM = 10.0
"""Two slices at most so far apart are called close: about two slices of a usual clinical scan."""


@dataclass(frozen=True)
class WeightedCase:
    """The weights of one case, and where along their axis the map is strongest, in mm."""

    name: str
    weights: Weights
    peak_mm: float | None

    @property
    def relative(self) -> np.ndarray:
        """Weights as multiples of what each slice would have if all counted alike."""
        values = np.array(self.weights.values)
        return values * len(values) / max(float(values.sum()), 1e-12)

    @property
    def heaviest_mm(self) -> float:
        """Where the slice with the largest weight lies."""
        return self.weights.positions_mm[int(np.argmax(self.weights.values))]


def attention_drawn(chosen_model: str, models: tuple[str, ...], rows: Sequence[GalleryRow]) -> Drawn | None:
    """The curves of all cases of the gallery that have weights."""
    shown = [case for row in rows for case in row.shown]
    weighted = [found for case in shown for found in [_weighted(case)] if found is not None]
    if not weighted:
        return None
    planes = {case.weights.plane for case in weighted}
    slice_ = f"{weighted[0].weights.plane} slice" if len(planes) == 1 else "slice"
    placed = [abs(case.heaviest_mm - case.peak_mm) <= NEAR_MM for case in weighted if case.peak_mm is not None]
    finding = (
        f"In {sum(placed)} of {count(len(placed), 'case')} the {slice_} with the largest weight lies within "
        f"{NEAR_MM:g} mm of the map's strongest point."
    )
    if not placed:
        finding = f"The maps of {count(len(weighted), 'case')} have no strongest point to compare the weights with."
    drawing = attention_figure(weighted, colour=look_of(chosen_model, models).colour, finding=finding)
    caption = (
        f"{finding} Weight of each {slice_} in the pooled features, as a multiple of equal weights (dotted); the "
        "triangle is where the map is strongest. A weight says which slices were used, not what was found in them."
    )
    return Drawn(drawing, caption, ())


def attention_figure(cases: Sequence[WeightedCase], *, colour: str, finding: str) -> Drawing:
    """A panel for each case, all with the same height of axis."""
    lines = -(-len(cases) // CURVES_PER_ROW)
    highest = max(float(case.relative.max()) for case in cases)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(lines, CURVES_PER_ROW, sharey=True, squeeze=False).ravel()
        for panel, case in zip(panels[: len(cases)], cases, strict=True):
            _paint_curve(panel, case, colour=colour, highest=highest)
        for panel in panels[::CURVES_PER_ROW]:
            panel.set_ylabel("Weight")
        for panel in panels[len(cases) :]:
            panel.set_axis_off()

    return draw(paint, name="attention", finding=finding, inches=(WIDTH_INCHES, ROW_INCHES * lines + 0.2))


def _paint_curve(axes: Axes, case: WeightedCase, *, colour: str, highest: float) -> None:
    index, height = np.array(case.weights.positions_mm), case.relative
    axes.axhline(1, color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.fill_between(index, 0, height, color=colour, alpha=0.12, linewidth=0)
    axes.plot(index, height, color=colour, linewidth=1.6, marker="o" if len(index) == 1 else "", markersize=3,
              label="weight")  # fmt: skip
    if case.peak_mm is not None:
        axes.plot([case.peak_mm], [0], marker="^", color="black", markersize=5, clip_on=False, linestyle="",
                  label="strongest point of the map")  # fmt: skip
    axes.set_ylim(0, highest * 1.08)
    axes.set_title(f"Case {short_label(case.name)}")
    axes.set_xlabel(_axis_words(case.weights.plane))
    axes.locator_params(nbins=4)
    quiet_grid(axes, axis="y")


def _axis_words(plane: Plane) -> str:
    lower, upper = ENDS[NORMAL[plane]]
    return f"mm, {lower} below 0, {upper} above"


def _weighted(case: GalleryCase) -> WeightedCase | None:
    view = case.volume.view if case.volume else None
    if view is None or view.slice_weights is None:
        return None
    plane = view.slice_weights.plane
    peak_mm = None if view.peak is None else view.along_normal_mm(plane, view.peak[NORMAL[plane]])
    return WeightedCase(case.case_id, view.slice_weights, peak_mm)
