"""A matplotlib figure as an inline SVG: the same bytes each time, text that stays text, ids that never clash.

In: a function that paints, a name that is unique on the page, and a sentence that states the finding. Out: markup
that also knows its numbers, and can be had as a file of its own: SVG, PNG or a table.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from medtl.report.html.figure_numbers import numbers_of
from medtl.report.html.theme import FONT_POINTS, HAIRLINE, INK, QUIET

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "medtl",
    "text.parse_math": False,
    "font.size": FONT_POINTS,
    "axes.titlesize": FONT_POINTS,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": FONT_POINTS,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": FONT_POINTS - 1,
    "ytick.labelsize": FONT_POINTS - 1,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "grid.color": HAIRLINE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": FONT_POINTS - 0.5,
    "hatch.linewidth": 0.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
"""The look of every figure. Labels come from users: dollar signs in them are no formulas."""

POINTS_PER_INCH = 72
PNG_DOTS_PER_INCH = 300
"""What journals ask of figures with lines and letters, at the size they are printed."""

FILE_FONT = "'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"

REFERENCE = re.compile(r"url\(#([^)]+)\)")
FONT_FAMILY = re.compile(r"font-family:[^;]*;?\s*")

ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)


class Drawing(Markup):
    """The markup of a figure for a page. `numbers` is the table of what it shows, `name` names its files."""

    name: str
    numbers: pd.DataFrame
    inches: tuple[float, float]
    paint: Callable[[Figure], None]

    def as_svg(self) -> str:
        """A file of its own: with its size, a white ground and letters that any program has."""
        width, height = (side * POINTS_PER_INCH for side in self.inches)
        own = f'<svg width="{width:g}pt" height="{height:g}pt" style="background:#fff" font-family="{FILE_FONT}" '
        return '<?xml version="1.0" encoding="utf-8"?>\n' + str(self).replace("<svg ", own, 1) + "\n"

    def as_png(self) -> bytes:
        """A picture of it, on white, fine enough for print; the same bytes each time."""
        with mpl.rc_context(STYLE):  # type: ignore[arg-type]
            stream = io.BytesIO()
            figure = Figure(figsize=self.inches, layout="constrained")
            self.paint(figure)
            figure.set_facecolor("white")
            canvas = FigureCanvasAgg(figure)
            lay_out(figure, dots_per_inch=PNG_DOTS_PER_INCH)
            canvas.print_png(stream, metadata={"Software": None})
        return stream.getvalue()


def draw(
    paint: Callable[[Figure], None],
    *,
    name: str,
    finding: str,
    inches: tuple[float, float],
    numbers: pd.DataFrame | None = None,
) -> Drawing:
    """Paint on an empty figure and give it back as SVG with `finding` as its alternative text.

    `name` begins every id in the figure, so it has to be unique on the page: letters, digits and hyphens. `numbers` is
    the table of what is shown, where what is painted does not hold it; otherwise it is read off the figure.
    """
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=inches, layout="constrained")
        paint(figure)
        data = rendered(figure)
    drawing = Drawing(_inline(data, name=name, finding=finding))
    drawing.name, drawing.inches, drawing.paint = name, inches, paint
    drawing.numbers = numbers_of(figure) if numbers is None else numbers
    return drawing


def rendered(figure: Figure) -> bytes:
    """The figure as an SVG file."""
    stream, canvas, dots_per_inch = io.BytesIO(), FigureCanvasSVG(figure), figure.dpi
    lay_out(figure, dots_per_inch=POINTS_PER_INCH)
    figure.dpi = dots_per_inch
    canvas.print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return stream.getvalue()


def lay_out(figure: Figure, *, dots_per_inch: float) -> None:
    """Place what the figure holds, once for all; `savefig` paints everything twice for this, to the same bytes."""
    figure.dpi = dots_per_inch
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def quiet_grid(axes: Axes, *, axis: str = "both") -> None:
    """Hairlines behind the data."""
    axes.grid(visible=True, axis=axis)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


LEFT_INCHES, FOOT_INCHES, SQUARE_INCHES = 0.54, 0.5, 2.52
"""Where the square of a pair's figure stands; what is right of it holds the labels."""


def square_axes(figure: Figure, *, foot_inches: float = FOOT_INCHES, side_inches: float = SQUARE_INCHES) -> Axes:
    """A unit square at the left of the figure, always at the same place, so that pairs align."""
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    axes = figure.add_axes((LEFT_INCHES / width, foot_inches / height, side_inches / width, side_inches / height))
    unit_square(axes)
    return axes


def unit_square(axes: Axes) -> None:
    """Axes from 0 to 1 with equal aspect, as for ROC, precision-recall and calibration curves."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    quiet_grid(axes)


def _inline(data: bytes, *, name: str, finding: str) -> Markup:
    root = ElementTree.fromstring(data)
    wanted = {target for element in root.iter() for target in _references(element)}
    for element in root.iter():
        _own_ids(element, wanted=wanted, name=name)
        style = element.get("style")
        if style and "font-family" in style:
            element.set("style", FONT_FAMILY.sub("", style))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-label", finding)
    root.set("class", "figure")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _references(element: ElementTree.Element) -> list[str]:
    href = element.get(f"{{{XLINK}}}href", "")
    targets = [href[1:]] if href.startswith("#") else []
    return targets + [
        found for key in ("clip-path", "style", "fill") for found in REFERENCE.findall(element.get(key, ""))
    ]


def _own_ids(element: ElementTree.Element, *, wanted: set[str], name: str) -> None:
    own = element.attrib.pop("id", None)
    if own in wanted:
        element.set("id", f"{name}-{own}")
    href = element.get(f"{{{XLINK}}}href", "")
    if href.startswith("#"):
        element.set(f"{{{XLINK}}}href", f"#{name}-{href[1:]}")
    for key in ("clip-path", "style", "fill"):
        value = element.get(key)
        if value and "url(#" in value:
            element.set(key, REFERENCE.sub(lambda found: f"url(#{name}-{found.group(1)})", value))
