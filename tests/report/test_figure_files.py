"""The files beside a page: a CSV holds what scikit-learn finds, pictures are whole, cells are inert."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from medtl.evaluation import Estimate
from medtl.files import read_csv, write_csv
from medtl.record.run import read_run
from medtl.report import write_fold_page, write_study_page
from medtl.report.html.drawing import PNG_DOTS_PER_INCH, STYLE, draw, rendered, square_axes
from medtl.report.html.page import Cell, Row, Table, estimated
from medtl.report.pages.figure_files import as_frame


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


@pytest.fixture(scope="module", autouse=True)
def counted_once() -> None:
    """Everything is counted anew, since what is built again has to be the same."""


@pytest.fixture(scope="module", autouse=True)
def print_pictures() -> None:
    """Pictures for print as users get them."""


@pytest.fixture(scope="module")
def written(run_writer: Callable[..., Path], run_recipe: type, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its pages, whose site begins as a formula does."""
    recipe = run_recipe(patients=30, fold_count=2, resamples=100, mark="=1+1")
    folder = run_writer(tmp_path_factory.mktemp("written"), recipe)
    run = read_run(folder)
    write_study_page(run)
    write_fold_page(run, fold=1)
    return folder


def _tested(folder: Path, *, fold: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probability of each patient, out of fold, of the model that the page speaks of."""
    rows = read_csv(folder / "predictions.csv", text_columns=("patient_id", "truth"))
    rows = rows[(rows["role"] == "test") & (rows["model"] == "lp_ft")]
    rows = rows if fold is None else rows[rows["fold"] == fold]
    means = rows.groupby(["patient_id", "truth"])["p_pneumonia"].mean().reset_index()
    return (means["truth"] == "pneumonia").to_numpy(), means["p_pneumonia"].to_numpy()


@pytest.mark.parametrize("fold", [None, 1])
def test_the_roc_in_the_csv_is_scikit_learns(written: Path, fold: int | None) -> None:
    home = written if fold is None else written / f"fold_{fold}"
    table = read_csv(home / "figures" / "roc.csv", text_columns=("series",))
    own = table[table["series"] == "Fine-tuned (LP-FT)"]
    truth, score = _tested(written, fold=fold)
    rate, power, _ = roc_curve(truth, score, drop_intermediate=False)
    assert float(np.trapezoid(own["y"], own["x"])) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert set(zip(own["x"].round(9), own["y"].round(9), strict=True)) <= {
        *zip(rate.round(9), power.round(9), strict=True)
    }
    assert set(own["x_axis"]) == {"1 - specificity"}


def test_the_precision_in_the_csv_is_scikit_learns(written: Path) -> None:
    table = read_csv(written / "figures" / "pr.csv", text_columns=("series",))
    own = table[table["series"] == "Fine-tuned (LP-FT)"]
    precision, recall, _ = precision_recall_curve(*_tested(written))
    known = set(zip(recall.round(9), precision.round(9), strict=True))
    assert {point for point in zip(own["x"].round(9), own["y"].round(9), strict=True) if point[0] > 0} <= known


def test_the_band_and_the_folds_are_in_the_csv(written: Path) -> None:
    table = read_csv(written / "figures" / "roc.csv", text_columns=("series",))
    assert {"Fine-tuned (LP-FT), fold 0", "Fine-tuned (LP-FT), fold 1", "Frozen probe"} <= set(table["series"])
    band = table[table["series"] == "Fine-tuned (LP-FT), 95 % band"]
    assert (band["low"] <= band["high"]).all()
    assert not [name for name in table["series"] if name.startswith("_")]


def test_the_counts_in_the_csvs_are_those_of_the_tables(written: Path) -> None:
    folds = read_csv(written / "folds.csv", text_columns=("patient_id", "label"))
    drawn = read_csv(written / "figures" / "folds.csv", text_columns=("label",))
    for row in drawn.itertuples():
        own = folds[(folds["fold"] == row.fold) & (folds["role"] == row.role) & (folds["label"] == row.label)]
        assert own["patient_id"].nunique() == row.patients
    confusion = read_csv(written / "figures" / "confusion.csv")
    assert confusion["number"].sum() == folds["patient_id"].nunique()
    bins = read_csv(written / "figures" / "reliability-1.csv", text_columns=("what",))
    assert bins[bins["what"].str.startswith("patients")]["value"].sum() == folds["patient_id"].nunique()


def test_a_figure_is_a_whole_picture_on_white_and_an_svg_with_its_size(written: Path) -> None:
    for path in sorted((written / "figures").glob("*.png")):
        picture = Image.open(path)
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        root = ElementTree.fromstring(path.with_suffix(".svg").read_text(encoding="utf-8"))
        width, height = (float(root.get(side, "0pt").removesuffix("pt")) for side in ("width", "height"))
        assert picture.size == pytest.approx((width / 72 * PNG_DOTS_PER_INCH, height / 72 * PNG_DOTS_PER_INCH), abs=1)
        assert root.get("aria-label")
        assert not [one for one in root.iter() if one.tag.endswith(("script", "foreignObject"))]
        links = [text for one in root.iter() for name, text in one.attrib.items() if name.endswith("href")]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)


def test_the_same_painting_gives_the_same_files() -> None:
    def paint(figure: Figure) -> None:
        figure.subplots().plot([0, 1], [0, 1], label="a")

    first, second = (draw(paint, name="a", finding="x", inches=(2, 2)) for _ in range(2))
    assert first.as_png() == second.as_png()
    assert first.as_svg() == second.as_svg()
    assert Image.open(io.BytesIO(first.as_png())).size == (600, 600)


def test_bars_error_bars_bands_and_points_are_read_off_what_was_painted() -> None:
    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.barh([0, 1], [3, 4], label="counts")
        left.set_yticks([0, 1], ["North", "South"])
        left.axvline(0.5)
        right.errorbar([1], [5], yerr=[[1], [2]], label="estimate")
        right.scatter([2], [6], label="point")
        right.fill_between([0, 1], [0, 1], [1, 3], label="band")
        right.plot([0, 1], [9, 9])
        right.set_title("Right")

    table = draw(paint, name="a", finding="x", inches=(4, 2)).numbers
    rows = [tuple(row) for row in table[["series", "x", "y", "low", "high"]].astype(object).where(table.notna(), None)
            .itertuples(index=False)]  # fmt: skip
    assert rows == [
        ("counts", 3, "North", None, None), ("counts", 4, "South", None, None),
        ("estimate", 1.0, 5.0, 4.0, 7.0), ("point", 2.0, 6.0, None, None),
        ("band", 0.0, None, 0.0, 1.0), ("band", 1.0, None, 1.0, 3.0),
    ]  # fmt: skip
    assert list(table["panel"]) == ["panel 1"] * 2 + ["Right"] * 4


@pytest.mark.slow
def test_everything_beside_the_pages_has_the_same_bytes_when_built_again(written: Path) -> None:
    def files() -> dict[str, bytes]:
        return {
            path.relative_to(written).as_posix(): path.read_bytes() for path in written.rglob("*") if path.is_file()
        }

    before = files()
    assert {"model_card.md", "references.bib", "statements.yaml", "figures/roc.png", "tables/claim.csv"} <= set(before)
    run = read_run(written)
    write_study_page(run)
    write_fold_page(run, fold=1)
    assert files() == before


def test_a_painter_that_names_nothing_is_read_whole() -> None:
    table = draw(lambda figure: figure.subplots().plot([0, 1], [2, 3]), name="a", finding="x", inches=(2, 2)).numbers  # type: ignore[arg-type, return-value]
    assert list(table["series"]) == ["unnamed"] * 2
    assert list(table["y"]) == [2, 3]


def test_tables_are_files_without_a_cell_that_a_spreadsheet_would_run(written: Path) -> None:
    cohort = (written / "tables" / "cohort.csv").read_text(encoding="utf-8")
    assert "North=1+1" in cohort
    for path in (*written.glob("tables/*.csv"), *written.glob("figures/*.csv"), *written.glob("fold_1/*/*.csv")):
        for cell in pd.read_csv(path, dtype=str, keep_default_na=False, header=None).to_numpy().ravel():
            is_number = cell.lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()
            assert is_number or not cell.startswith(("=", "+", "-", "@")), (path.name, cell)
    risky = Table("t", ("=a", "b"), (Row("@b", (Cell("-0.1", beside="(x)"),)),))
    assert as_frame(risky).to_numpy().tolist() == [["@b", "-0.1 (x)"]]


def test_an_estimate_and_both_ends_of_its_interval_have_columns_of_their_own(tmp_path: Path) -> None:
    estimates = [
        Estimate(value=-1 / 3, low=-0.5, high=0.25, n=9),
        Estimate(value=0.5, reason="too few", n=9),
        Estimate(value=None, reason="one class", n=9),
    ]
    rows = tuple(Row(f"m{place}", (estimated(one), Cell("-0.04"))) for place, one in enumerate(estimates))
    alone = tuple(Row(f"m{place}", (estimated(one), Cell("-0.04"))) for place, one in enumerate(estimates[1:]))
    write_csv(tmp_path / "table.csv", as_frame(Table("t", ("Model", "Slope", "Shift"), rows)))
    back = pd.read_csv(tmp_path / "table.csv")
    assert list(back) == ["Model", "Slope", "Slope, low", "Slope, high", "Shift"]
    assert back["Slope"].tolist()[:2] == [-1 / 3, 0.5]
    assert (back["Slope, low"][0], back["Slope, high"][0], back["Shift"][0]) == (-0.5, 0.25, -0.04)
    assert back[["Slope, low", "Slope, high"]].isna().all(axis=1).tolist() == [False, True, True]
    assert list(as_frame(Table("t", ("Model", "Slope", "Shift"), alone))) == ["Model", "Slope", "Shift"]


def test_the_tables_hold_what_the_page_shows(written: Path) -> None:
    models = read_csv(written / "tables" / "models.csv", text_columns=("Model",))
    html = (written / "report.html").read_text(encoding="utf-8")
    assert len(models)
    for value in models["AUROC"]:
        assert re.search(rf"<td>{value:.3f}( <small>|</td>)", html), value
    for guideline, items in (("claim", 44), ("tripod_ai", 52)):
        assert len(read_csv(written / "tables" / f"{guideline}.csv", text_columns=("item",))) == items


@pytest.mark.parametrize("is_square", [True, False])
def test_a_figure_laid_out_once_is_the_one_that_matplotlibs_savefig_writes(is_square: bool) -> None:
    def paint(figure: Figure) -> None:
        axes = square_axes(figure) if is_square else figure.subplots(1, 2)[0]
        axes.semilogx([0.01, 1.0], [0.0, 1.0], label="a long name that the layout makes room for")
        axes.set(title="A title", xlabel="below", ylabel="beside")
        axes.legend()

    how: dict[str, dict[str, Any]] = {
        "svg": {"metadata": dict.fromkeys(("Date", "Creator", "Format", "Type"))},
        "png": {"metadata": {"Software": None}, "dpi": PNG_DOTS_PER_INCH, "facecolor": "white"},
    }
    written = {}
    with mpl.rc_context(STYLE):
        for kind, settings in how.items():
            figure, stream = Figure(figsize=(6, 4), layout="constrained"), io.BytesIO()
            paint(figure)
            figure.savefig(stream, format=kind, **settings)
            written[kind] = stream.getvalue()
        figure = Figure(figsize=(6, 4), layout="constrained")
        paint(figure)
        assert rendered(figure) == written["svg"]
    assert draw(paint, name="a", finding="x", inches=(6, 4)).as_png() == written["png"]
