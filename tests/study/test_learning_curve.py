"""`medtl learning-curve`: from a study to its page, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medtl.record.learning_curve import read_learning_curve

pytestmark = pytest.mark.usefixtures("own_places")


def text_of(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))).split())


@pytest.mark.usefixtures("without_pages")
def test_a_study_gets_its_curve_and_the_value_of_the_whole_part_is_that_of_the_run(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    study, words = tiny.write(), ("--cases", "1,2,3,4,all", "--repeats", "12", "--reach", "0.8", "--half-width", "0.1")
    done = medtl("learning-curve", study, *words, "--out", tmp_path / "curve")
    assert done.code == 0, done.err
    refused, advice, page = done.out.strip().splitlines()
    assert refused == (
        "How many patients the frozen probe needs to reach AUROC 0.80 cannot be said from these data: there are 24 "
        "labelled patients, at least 50 are needed."
    )
    assert "test patients" in advice
    assert Path(page) == tmp_path / "curve" / "curve.html"

    shown = text_of(Path(page))
    for sentence in (
        refused,
        advice,
        "12 draws of each size in each of 2 folds",
        "What speaks against it. The bands are about which patients are learnt from",
        "The frozen probe is an L2-penalised",
    ):
        assert sentence in shown, sentence
    assert "Backtest: the law was fitted to 1, 2 and 3 patients a class alone" in shown
    assert "Meier" not in "".join(path.read_text("utf-8") for path in (tmp_path / "curve").glob("*.*"))
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', Path(page).read_text("utf-8"))

    curve = read_learning_curve(tmp_path / "curve")
    assert [point.patients for point in curve.models[0].points] == [1, 2, 3, 4]
    assert {one.model for one in curve.models} == {"probe", "centroid", "knn"}
    rows = pd.read_csv(tmp_path / "curve" / "curve.csv")
    assert len(rows) == 3 * (4 * 12 + 1)

    assert medtl("run", study, "--out", tmp_path / "run").code == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    for model in ("probe", "centroid"):
        (own,) = [one for one in metrics["models"] if one["model"] == model]
        (found,) = [one.whole for one in curve.models if one.model == model]
        assert found is not None
        assert found.value == pytest.approx(own["patient"]["pooled"]["metrics"]["auroc"]["value"], abs=1e-12)

    again = medtl("learning-curve", study, *words, "--out", tmp_path / "again")
    assert again.code == 0
    files = [path.relative_to(tmp_path / "curve") for path in (tmp_path / "curve").rglob("*") if path.is_file()]
    assert len(files) >= 8
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "curve" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--cases", "4,four"), "Expected numbers of patients of each class, or `all`, got four."),
        (("--cases", "all"), "Expected at least one size of 1 patient of each class or more beside `all`."),
        (("--cases", "0,4"), "Expected at least one size of 1 patient of each class or more beside `all`."),
        (("--repeats", "1"), "Expected at least 10 repeats, got 1: one draw of few patients says little"),
        (("--reach", "1.2"), "Expected an AUROC between 0.5 and 1 to reach, got 1.2."),
        (("--half-width", "0"), "Expected a half-width between 0 and 0.5, got 0."),
        (("--cases", "2,64"), "--cases asks for 64 patients of each class, but the training part of fold"),
        (("--set", "folds={foreign: true}"), "A learning curve draws its folds itself"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], words: tuple[str, ...], sentence: str
) -> None:
    done = medtl("learning-curve", tiny.write(), *words, "--out", tmp_path / "curve")
    assert done.code == 2
    assert sentence in " ".join(done.err.split())
    assert not (tmp_path / "curve").exists()


def test_a_folder_with_other_files_is_left_alone(tiny: Any, tmp_path: Path, medtl: Callable[..., Any]) -> None:
    (tmp_path / "curve").mkdir()
    (tmp_path / "curve" / "thesis.txt").write_text("all of it")
    done = medtl("learning-curve", tiny.write(), "--out", tmp_path / "curve")
    assert done.code == 2
    assert "holds files that `medtl learning-curve` did not write (thesis.txt)" in " ".join(done.err.split())


@pytest.mark.usefixtures("without_pages")
def test_a_scan_that_cannot_be_read_and_a_limit_are_named_on_console_and_page(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    study = tiny.write(limit_patients=10)
    for broken in sorted((tmp_path / "data").rglob("*.png"))[:3]:
        broken.write_bytes(broken.read_bytes()[:60])
    done = medtl("learning-curve", study, "--cases", "1,2", "--repeats", "10", "--out", tmp_path / "curve")
    assert done.code == 0, done.err
    (named,) = [line for line in done.out.splitlines() if line.startswith("Left out, ")]
    count = re.match(r"Left out, \w+: (\d+); the first, case \S+ in line \d+: The PNG file", named)
    assert count is not None
    shown = text_of(tmp_path / "curve" / "curve.html")
    assert named.removeprefix("Left out, ") in shown
    assert f"{count[1]} of the 20 in the manifest were left out" in shown
    assert "Limited run" in shown
    assert "limited to 10 patients a class" in shown
