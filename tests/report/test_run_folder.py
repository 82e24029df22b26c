"""A run folder is read whole, or refused by the name of the file that is missing or broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.record.run import read_run
from medtl.record.typed_files import flattened, read_mapping, text_of, without_folders

NEEDED = (
    "study.yaml", "cohort.json", "manifest.lock.csv", "folds.csv", "exclusions.csv", "environment.json",
)  # fmt: skip


@pytest.fixture
def copy(small_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run, tmp_path / small_run.name))


def test_everything_that_the_pages_need_is_read(small_run: Path) -> None:
    run = read_run(small_run)
    assert run.planned_folds == (0, 1, 2)
    assert run.is_finished
    assert run.classes == ("normal", "pneumonia")
    assert run.chosen_model == "lp_ft"
    assert run.study.resamples == 200
    assert run.folds[0].probe is not None
    assert run.folds[0].probe.penalty_inverse == 0.1
    assert {case.truth for record in run.folds for case in record.saliency} == {"normal", "pneumonia"}


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        read_run(copy)


def test_a_folder_that_does_not_exist_is_refused_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no run folder nowhere") as refused:
        read_run(tmp_path / "nowhere")
    assert str(tmp_path) not in str(refused.value)


def test_a_run_without_a_finished_fold_has_nothing_to_report(copy: Path) -> None:
    for done in copy.glob("fold_*/DONE.json"):
        done.unlink()
    with pytest.raises(ConfigurationError, match=r"No fold of .* is finished"):
        read_run(copy)


def test_an_unfinished_run_is_read_up_to_its_finished_folds(copy: Path) -> None:
    (copy / "fold_1" / "DONE.json").unlink()
    (copy / "predictions.csv").unlink()
    run = read_run(copy)
    assert [record.fold for record in run.folds] == [0, 2]
    assert run.predictions.folds == (0, 2)
    assert not run.is_finished
    with pytest.raises(ConfigurationError, match=r"Fold 1 of .* is not finished; finished are: 0, 2"):
        run.fold(1)


def test_a_finished_fold_without_predictions_is_refused(copy: Path) -> None:
    (copy / "predictions.csv").unlink()
    (copy / "fold_2" / "predictions.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"predictions\.csv is missing in fold_2"):
        read_run(copy)


@pytest.mark.parametrize("text", ['{"files": 3', "[1, 2]", '"words"'])
def test_a_broken_json_is_refused_by_name(copy: Path, text: str) -> None:
    (copy / "cohort.json").write_text(text)
    with pytest.raises(IntegrityFailure, match=r"cohort\.json .*(cannot be read|holds a)"):
        read_run(copy)


@pytest.mark.parametrize(
    "text", ["a: [1", "!!python/object/apply:os.system ['true']", "x: &a [*a", "name: " + "y" * 1_000_001]
)
def test_a_study_that_is_no_typed_files_is_refused(copy: Path, text: str) -> None:
    (copy / "study.yaml").write_text(text)
    with pytest.raises(IntegrityFailure, match=r"study\.yaml .* (cannot be read|bytes; at most)"):
        read_run(copy)


def test_predictions_of_another_run_are_refused(copy: Path) -> None:
    cohort = json.loads((copy / "cohort.json").read_text())
    (copy / "cohort.json").write_text(json.dumps({**cohort, "classes": ["benign", "malignant"]}))
    with pytest.raises(
        IntegrityFailure, match=r"speaks of the classes normal, pneumonia, cohort\.json of benign, malignant"
    ):
        read_run(copy)


def test_the_declared_policy_is_told_even_when_another_does_better(copy: Path) -> None:
    settings = yaml.safe_load((copy / "study.yaml").read_text())
    settings["adaptation"] = {"policy": ["scratch"]}
    (copy / "study.yaml").write_text(yaml.safe_dump(settings))
    assert read_run(copy).chosen_model == "scratch"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("read /home/jane/scans/a.png twice", "read a.png twice"),
        (r"C:\Users\Jane Doe\x.png", "x.png"),
        ("~/data/x.csv", "x.csv"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("and/or 3 / 4", "and/or 3 / 4"),
        ("2026/11/24", "2026/11/24"),
    ],
)
def test_places_on_a_disk_are_cut_from_texts(said: str, kept: str) -> None:
    assert without_folders(said) == kept


def test_plain_values_are_written_as_people_write_them(tmp_path: Path) -> None:
    assert text_of([1e-3, True, None, {"a": False}]) == "0.001, yes, none, a: no"
    assert flattened({"a": {"b": 1, "c": {"d": "x"}}, "e": {}}) == (("a.b", "1"), ("a.c.d", "x"), ("e", ""))
    (tmp_path / "a.json").write_text('{"k": 1}')
    assert read_mapping(tmp_path / "a.json") == {"k": 1}
