"""What a fold left behind is read whole, or refused by file and column."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import write_csv, write_json
from medtl.record.fold import read_fold
from medtl.record.run import read_run
from medtl.report.figures.gallery import gallery, picture
from medtl.report.results.judged import evaluate_run
from medtl.report.results.scores import scores_of
from medtl.report.results.worst_errors import worst_errors


@pytest.fixture
def fold(small_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run / "fold_0", tmp_path / "fold_0"))


@pytest.fixture
def copy(small_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run, tmp_path / small_run.name))


def _change(path: Path, **columns: object) -> None:
    write_csv(path, pd.read_csv(path).assign(**columns))


def test_a_fold_of_the_probe_alone_has_neither_curves_nor_maps(fold: Path) -> None:
    for name in ("history.csv", "probe.json"):
        (fold / name).unlink()
    shutil.rmtree(fold / "saliency")
    record = read_fold(fold, fold=0)
    assert (record.history, record.probe, record.saliency) == (None, None, ())


def test_an_empty_history_is_no_history(fold: Path) -> None:
    write_csv(fold / "history.csv", pd.read_csv(fold / "history.csv").head(0))
    assert read_fold(fold, fold=0).history is None


def test_a_history_without_its_columns_is_refused(fold: Path) -> None:
    write_csv(fold / "history.csv", pd.DataFrame({"model": ["lp_ft"], "epoch": [1]}))
    with pytest.raises(IntegrityFailure, match=r"fold_0/history\.csv lacks training_loss, validation_loss"):
        read_fold(fold, fold=0)


@pytest.mark.parametrize("facts", [{"C_grid": [1.0]}, {"C": "much"}, {"C": 1.0, "C_grid": ["x"]}])
def test_a_probe_without_numbers_is_refused(fold: Path, facts: dict[str, object]) -> None:
    write_json(fold / "probe.json", facts)
    with pytest.raises(IntegrityFailure, match=r"probe\.json in fold_0 (lacks|does not say what the probe chose)"):
        read_fold(fold, fold=0)


def test_a_choice_at_the_edge_of_the_grid_is_seen(fold: Path) -> None:
    write_json(
        fold / "probe.json",
        {"C": 10.0, "C_grid": [0.1, 1.0, 10.0], "inner_log_loss": [], "inner_folds": 3, "converged": True},
    )
    probe = read_fold(fold, fold=0).probe
    assert probe is not None
    assert probe.at_the_edge


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "deeper/x.png"])
def test_a_picture_outside_the_folds_folder_is_refused(fold: Path, name: str) -> None:
    _change(fold / "saliency" / "saliency.csv", scan_png=name)
    with pytest.raises(IntegrityFailure, match=r"names a picture outside its own folder"):
        read_fold(fold, fold=0)


def test_a_link_is_not_followed(fold: Path, tmp_path: Path) -> None:
    first = str(pd.read_csv(fold / "saliency" / "saliency.csv").scan_png[0])
    secret = tmp_path / "secret.png"
    (fold / "saliency" / first).rename(secret)
    (fold / "saliency" / first).symlink_to(secret)
    with pytest.raises(IntegrityFailure, match="outside its own folder"):
        read_fold(fold, fold=0)


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"fold_3/saliency/gone\.png is missing"):
        picture(tmp_path / "gone.png", fold=3)


@pytest.mark.parametrize("data", [b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(30)])
def test_a_picture_that_is_no_png_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(IntegrityFailure, match=r"fold_0/saliency/a\.png is not a whole PNG"):
        picture(tmp_path / "a.png", fold=0)


def test_the_pixels_of_a_runs_picture_are_square(fold: Path) -> None:
    scan = next((fold / "saliency").glob("*_scan.png"))
    assert picture(scan, fold=0).aspect == pytest.approx(220 / 256, abs=1e-4)


def test_maps_of_cases_that_nobody_predicted_are_refused(copy: Path) -> None:
    _change(copy / "fold_0" / "saliency" / "saliency.csv", case_id="stranger")
    with pytest.raises(IntegrityFailure, match=r"maps case stranger, which predictions\.csv does not know"):
        gallery(read_run(copy), folds=(0,), judged=evaluate_run(read_run(copy)))


def test_the_gallery_shows_what_the_declared_threshold_calls_and_the_surest_of_each_kind(small_run: Path) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    rows = gallery(run, folds=(0, 1, 2), judged=judged)
    assert [row.title for row in rows] == [
        "Right: called pneumonia",
        "Right: called normal",
        "Wrong: called pneumonia",
        "Wrong: called normal",
    ]
    tested = run.predictions.of(model="lp_ft", role="test").rows.set_index(["case_id", "fold"])["p_pneumonia"]
    for row in rows:
        for shown in row.shown:
            threshold = judged.of("lp_ft", fold=shown.fold).threshold
            assert threshold is not None
            risk = tested.loc[shown.case_id, shown.fold]
            assert shown.decision == ("pneumonia" if risk >= threshold else "normal")
            assert shown.decision in row.title or "right" in row.title
        assert len({(shown.truth, shown.decision) for shown in row.shown}) <= 1


def test_what_is_called_follows_a_low_threshold_in_the_gallery_and_among_the_errors(small_run: Path) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    low = {
        model: {fold: replace(one, threshold=0.001) for fold, one in folds.items()}
        for model, folds in judged.by_fold.items()
    }
    judged = replace(judged, by_fold=low)
    shown = [case for row in gallery(run, folds=(0, 1, 2), judged=judged) for case in row.shown]
    assert {case.decision for case in shown} == {"pneumonia"}
    scores = scores_of(judged.patients, model="lp_ft")
    errors = worst_errors(scores, thresholds=judged.thresholds("lp_ft"))
    assert {(one.truth, one.called) for one in errors} == {("normal", "pneumonia")}
