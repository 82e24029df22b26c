"""The numbers in a figure, read off what was painted, so that the CSV and the picture cannot disagree.

In: a painted figure. Out: a table with a row per point, bar or step of a band. Only what carries a label is data;
lines without one are chance, grids and guides. Where a painter labels nothing, everything is read.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import ScalarFormatter

COLUMNS = ("panel", "series", "x", "y", "low", "high", "x_axis", "y_axis")
"""`low` and `high` bound y; `x_axis` and `y_axis` say what x and y are."""

Point = tuple[str, object, object, object, object]
"""Series, x, y, low, high."""


def numbers_of(figure: Figure) -> pd.DataFrame:
    """Every labelled number of a figure, panel by panel in the order of painting."""
    rows: list[tuple[object, ...]] = []
    for number, axes in enumerate(figure.axes, start=1):
        panel = axes.get_title(loc="left") or axes.get_title() or f"panel {number}"
        points = list(_points(axes))
        named = [point for point in points if point[0] and not point[0].startswith("_")]
        names_of_x, names_of_y = _categories(axes.xaxis), _categories(axes.yaxis)
        for series, x, y, low, high in named or points:
            sentence = series if not series.startswith("_") else "unnamed"
            index = (names_of_x.get(_rounded(x), x), names_of_y.get(_rounded(y), y), low, high)
            rows.append((panel, sentence, *index, axes.get_xlabel(), axes.get_ylabel()))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _points(axes: Axes) -> Iterator[Point]:
    inside: set[int] = set()
    for container in axes.containers:
        label = str(container.get_label() or "_")
        if isinstance(container, BarContainer):
            yield from _bars(container, label)
        elif isinstance(container, ErrorbarContainer):
            yield from _errorbars(container, label)
            inside |= {id(line) for line in (container[0], *container[1])}
    for line in axes.lines:
        if id(line) not in inside and line.get_transform().contains_branch(axes.transData):
            yield from _line(line)
    for shape in axes.collections:
        label = str(shape.get_label() or "_")
        if isinstance(shape, PathCollection):
            yield from ((label, float(x), float(y), None, None) for x, y in np.asarray(shape.get_offsets()))
        elif isinstance(shape, PolyCollection):
            yield from _band(shape, label)


def _bars(container: BarContainer, label: str) -> Iterator[Point]:
    is_upright = container.orientation != "horizontal"
    for bar in container.patches:
        if is_upright:
            yield label, bar.get_x() + bar.get_width() / 2, bar.get_height(), None, None
        else:
            yield label, bar.get_width(), bar.get_y() + bar.get_height() / 2, None, None


def _errorbars(container: ErrorbarContainer, label: str) -> Iterator[Point]:
    line, _, bars = container
    ends = [segment[:, 1] for segment in bars[-1].get_segments()] if bars else []
    for index, (x, y) in enumerate(line.get_xydata()):
        low, high = (float(ends[index].min()), float(ends[index].max())) if index < len(ends) else (None, None)
        yield label, float(x), float(y), low, high


def _line(line: Line2D) -> Iterator[Point]:
    label = str(line.get_label() or "_")
    for x, y in np.asarray(line.get_xydata(), dtype=float):
        yield label, float(x), float(y), None, None


def _band(shape: PolyCollection, label: str) -> Iterator[Point]:
    for path in shape.get_paths():
        corners = np.asarray(path.vertices, dtype=float)
        for x in np.unique(corners[:, 0]):
            heights = corners[corners[:, 0] == x, 1]
            yield label, float(x), None, float(heights.min()), float(heights.max())


def _categories(axis: Axis) -> dict[object, str]:
    """The names that an axis writes at its ticks, where it writes words and not numbers."""
    if isinstance(axis.get_major_formatter(), ScalarFormatter):
        return {}
    written = [label.get_text() for label in axis.get_majorticklabels()]
    names = zip((_rounded(float(index)) for index in axis.get_majorticklocs()), written, strict=True)
    return {index: name for index, name in names if name and not _is_number(name)}


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()
