"""A figure as an SVG file of its words, without layout and lines."""

from __future__ import annotations

from html import escape

from matplotlib.figure import Figure
from matplotlib.text import Text


def words_of(figure: Figure) -> bytes:
    """An SVG file with every word that the figure would show, those at its ticks among them."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_majorticklabels()  # writes the words to the ticks
    words = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    shown = "".join(f"<text>{escape(word)}</text>" for word in words if word)
    width, height = figure.get_size_inches() * 72
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">{shown}</svg>'.encode()
