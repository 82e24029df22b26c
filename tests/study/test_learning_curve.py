"""`medtl learning-curve`: from a study to its page, and what it refuses."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medtl.adaptation import probe
from medtl.errors import Interrupted
from medtl.record.learning_curve import read_learning_curve
from medtl.sources import fine_tuned_draws
from medtl.training.drawn_fit import DrawnCases, fit_on_draw
from medtl.training.study_data import StudyData
from medtl.training.variant import Variant

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


def test_three_classes_have_a_curve_of_their_mean_auroc_and_no_number_of_test_patients(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    for number, row in enumerate(tiny.rows):
        row["label"] = ("well", "ill", "unclear")[number % 3]
    study = tiny.write(classes=["well", "ill", "unclear"], positive_class=None)
    done = medtl("learning-curve", study, "--cases", "1,2,3,all", "--repeats", "10", "--out", tmp_path / "curve")
    assert done.code == 0, done.err
    sentence = "How many test patients an interval needs is worked out for two classes, and there are more."
    assert sentence in done.out
    curve = read_learning_curve(tmp_path / "curve")
    assert (curve.test_patients, len(curve.patients_of_class)) == (None, 3)
    assert all(0 <= point.median <= 1 for one in curve.models for point in one.points)
    assert sentence in text_of(tmp_path / "curve" / "curve.html")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--cases", "4,four"), "Expected numbers of patients of each class, or `all`, got four."),
        (("--cases", "all"), "Expected at least one size of 1 patient of each class or more beside `all`."),
        (("--cases", "0,4"), "Expected at least one size of 1 patient of each class or more beside `all`."),
        (("--repeats", "1"), "Expected at least 10 repeats, got 1: one draw of few patients says little"),
        (("--reach", "1.2"), "Expected an AUROC between 0.5 and 1 to reach, got 1.2."),
        (("--half-width", "0"), "Expected a half-width between 0 and 0.5, got 0."),
        (("--lp-ft", "all"), "--lp-ft takes numbers of patients of each class, as in --lp-ft 16,64."),
        (
            ("--cases", "2,4", "--lp-ft", "3,4"),
            "--lp-ft asks for 3 patients of each class, which --cases does not draw: the network is compared on the "
            "same draws. Give some of 2, 4.",
        ),
        (
            ("--cases", "2,4", "--lp-ft", "2", "--lp-ft-repeats", "1"),
            "Expected 5 to 50 draws to fine-tune on (--repeats gives the most), got 1: one draw of few patients",
        ),
        (
            ("--cases", "2,4", "--lp-ft", "2", "--repeats", "10", "--lp-ft-repeats", "11"),
            "Expected 5 to 10 draws to fine-tune on (--repeats gives the most), got 11",
        ),
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


@pytest.mark.usefixtures("without_pages")
def test_a_network_is_fine_tuned_on_the_draws_of_the_probe_and_an_interruption_loses_none(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write()
    words = ("--cases", "2,3,all", "--repeats", "10", "--lp-ft", "2,3")
    seen: list[DrawnCases] = []

    def interrupted(
        policy: str, data: StudyData, variant: Variant, draw: DrawnCases, *, start: probe.Probe
    ) -> np.ndarray:
        if len(seen) == 3:
            raise Interrupted("the machine was needed")
        seen.append(draw)
        return fit_on_draw(policy, data, variant, draw, start=start)

    monkeypatch.setattr(fine_tuned_draws, "fit_on_draw", interrupted)
    stopped = medtl("learning-curve", study, *words, "--out", tmp_path / "curve")
    assert stopped.code == 4
    assert "LP-FT: 20 networks to fine-tune, 2 epochs of" in stopped.err
    assert "less than a minute on this cpu, by the time of one step. Interrupted, the same command" in stopped.err
    assert not (tmp_path / "curve").exists()
    seen.clear()
    monkeypatch.setattr(
        fine_tuned_draws, "fit_on_draw", lambda *given, **named: seen.append(given[3]) or fit_on_draw(*given, **named)
    )
    done = medtl("learning-curve", study, *words, "--out", tmp_path / "curve")
    assert done.code == 0, done.err
    assert "3 of 20 are there from an interrupted run." in done.err
    assert len(seen) == 17
    for draw in seen:
        assert not set(draw.training) & set(draw.test)
        assert len(draw.training) in (4, 6)

    curve = read_learning_curve(tmp_path / "curve")
    assert curve.fine_tuned is not None
    rows = pd.read_csv(tmp_path / "curve" / "curve.csv")
    for point in curve.fine_tuned.points:
        for model, values in (("lp_ft", point.values), *point.others.items()):
            own = rows[(rows["n"] == str(point.patients)) & (rows["model"] == model) & (rows["repeat"] < 5)]
            assert own["auroc"].tolist() == list(values)
    assert (rows["model"] == "lp_ft").sum() == 10
    shown = text_of(tmp_path / "curve" / "curve.html")
    for sentence in (
        *[line for line in done.out.splitlines() if line.startswith("With ")],
        "Fine-tuned (LP-FT) − Frozen probe",
        "They do not show which model is better",
        "(2 epochs) to its end; no patient beyond the draw chooses an epoch.",
    ):
        assert sentence in shown, sentence
    expected = (
        r"With 2 patients a class the fine-tuned network \(LP-FT\) had a higher AUROC than the frozen probe on \d of"
    )
    assert re.search(expected, shown)

    again = medtl("learning-curve", study, *words, "--out", tmp_path / "again")
    assert "LP-FT: every one of 20 networks is there from an earlier run." in again.err
    assert (tmp_path / "again" / "curve.json").read_bytes() == (tmp_path / "curve" / "curve.json").read_bytes()
    torn = max((Path(os.environ["MEDTL_CACHE"]) / "learning-curve").glob("*.json"), key=lambda one: one.name)
    torn.write_text("[[0.1, 0.9]")
    seen.clear()
    assert medtl("learning-curve", study, *words, "--out", tmp_path / "mended").code == 0
    assert len(seen) == 1
    assert (tmp_path / "mended" / "curve.json").read_bytes() == (tmp_path / "curve" / "curve.json").read_bytes()
    without = medtl("learning-curve", study, *words[:4], "--out", tmp_path / "without")
    assert without.code == 0
    assert "Fine-tuned" not in text_of(tmp_path / "without" / "curve.html")
    assert read_learning_curve(tmp_path / "without").models == curve.models


def test_without_a_step_fine_tuning_says_what_the_probe_of_the_draw_says(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    """At a learning rate of nothing the network is the probe that it starts from: the same draws, the same patients."""
    study = tiny.write(recipe={"epochs": 1, "batch_size": 8, "learning_rate": 1e-12})
    done = medtl(
        "learning-curve", study, "--cases", "3,4", "--repeats", "10", "--lp-ft", "3", "--out", tmp_path / "curve"
    )
    assert done.code == 0, done.err
    found = read_learning_curve(tmp_path / "curve").fine_tuned
    assert found is not None
    (point,) = found.points
    assert point.values == pytest.approx(point.others["probe"], abs=1e-9)


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


def test_usual_sizes_that_a_cohort_is_too_small_for_are_left_out_and_that_is_said(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    done = medtl("learning-curve", tiny.write(), "--repeats", 10, "--out", tmp_path / "curve")
    assert done.code == 0, done.err
    assert "so that no more than 4 of each class are drawn; --cases names other sizes." in done.err
    table = pd.read_csv(tmp_path / "curve" / "curve.csv", dtype={"n": str})
    assert set(table["n"]) == {"4", "all"}
