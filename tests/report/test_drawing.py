"""A figure has the same bytes each time, clashes with no other, and says what it found."""

from __future__ import annotations

import logging
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from medtl.report.figures.confusion import confusion_figure
from medtl.report.figures.models import ModelPoint, models_figure
from medtl.report.figures.training import history_figure
from medtl.report.html.drawing import draw
from medtl.report.html.theme import look_of, short_label


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


def _paint(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], marker="o", label="$x^2$ <script>alert(1)</script>")
    axes.fill_between([0, 1], [0, 1], [1, 2], hatch="//")
    axes.set_title('id="title" url(#nothing) "quotes" & \\frac{')
    axes.legend()


def test_the_same_painting_gives_the_same_bytes() -> None:
    first = draw(_paint, name="a", finding="x", inches=(3, 2))
    assert first == draw(_paint, name="a", finding="x", inches=(3, 2))
    assert "Date" not in first
    assert "matplotlib" not in first.lower()


def test_two_figures_on_a_page_share_no_id_and_every_reference_is_inside() -> None:
    ids = []
    for name in ("a", "b"):
        root = ElementTree.fromstring(draw(_paint, name=name, finding="x", inches=(3, 2)))
        own = [element.get("id") for element in root.iter() if element.get("id")]
        wanted = [value[1:] for e in root.iter() for key, value in e.attrib.items() if key.endswith("href")]
        assert wanted
        assert set(wanted) <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_text_stays_text_and_nothing_in_it_is_markup() -> None:
    drawing = draw(_paint, name="a", finding='It found "<b>"', inches=(3, 2))
    root = ElementTree.fromstring(drawing)
    assert root.get("aria-label") == 'It found "<b>"'
    assert root.get("role") == "img"
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "$x^2$ &lt;script&gt;" in drawing
    assert "font-family" not in drawing


def test_global_settings_of_matplotlib_are_given_back() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(_paint, name="a", finding="x", inches=(3, 2))
    assert dict(mpl.rcParams) == before


def test_no_font_is_missed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        confusion_figure(np.array([[3, 1], [0, 2]]), ("a", "b"), title="t", name="n", finding="f")
    assert not caplog.records


def test_an_undefined_model_is_a_row_and_not_a_point() -> None:
    points = [ModelPoint("probe", 0.8, 0.7, 0.9, (0.7, 0.9)), ModelPoint("lp_ft", None, None, None, ())]
    assert "not defined" in models_figure(points, metric="AUROC", name="m", finding="f")


def test_an_empty_class_has_an_empty_row() -> None:
    drawing = confusion_figure(np.array([[3, 1], [0, 0]]), ("a", "b"), title="t", name="n", finding="f")
    assert "nan" not in drawing


def test_further_models_get_the_palettes_next_colours() -> None:
    models = ("probe", "their <net>", "another")
    looks = [look_of(model, models) for model in models]
    assert looks[0].name == "Frozen probe"
    assert len({look.colour for look in looks}) == 3


def test_long_labels_and_control_characters_are_shortened() -> None:
    assert short_label("a\x00b\n c") == "a b c"
    assert len(short_label("x" * 90)) == 22


@pytest.mark.parametrize("epochs", [1, 6])
def test_the_gap_between_training_and_validation_is_drawn(epochs: int) -> None:
    history = pd.DataFrame(
        {
            "epoch": range(1, epochs + 1),
            "training_loss": np.linspace(0.7, 0.2, epochs),
            "validation_loss": np.linspace(0.7, 0.5, epochs),
        }
    )
    drawing = history_figure([history, history], colour="#D55E00", name="h", finding="f")
    assert "Gap: validation minus training loss" in drawing
    assert "nan" not in drawing
