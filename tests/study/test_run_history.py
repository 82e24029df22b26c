"""`medtl runs`: the history of a project from its records alone, and two runs beside each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medtl.record.metrics import read_study_metrics
from medtl.record.run import read_run
from medtl.report.findings.run_history import COLUMNS, history_of

pytestmark = pytest.mark.usefixtures("own_places")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, medtl: Callable[..., Any], new_cohort: Any) -> Iterator[Path]:
    """A folder with a finished run, the same with another recipe, one that was only prepared, and a foreign folder."""
    folder = tmp_path_factory.mktemp("project")
    study = new_cohort(folder / "data").write(question="Is it ill?", identifiers="as_in_manifest")
    runs = folder / "runs"
    first = medtl("run", study, "--out", runs / "first")
    assert first.code == 0, first.err
    shutil.copytree(runs / "first", runs / "second")
    settings = runs / "second" / "study.yaml"
    settings.write_text(settings.read_text().replace("resamples: 100", "resamples: 200"))
    (runs / "second" / "DONE.json").unlink()  # a copy with another setting, as an earlier medtl left it
    prepared = medtl("run", study, "--out", runs / "third", "--prepare-only")
    assert prepared.code == 0, prepared.err
    (runs / "notes").mkdir()
    yield runs
    shutil.rmtree(folder)


def test_each_run_is_listed_with_the_numbers_of_its_own_metrics(project: Path, medtl: Callable[..., Any]) -> None:
    done = medtl("runs", project)
    assert done.code == 0, done.err
    header, *lines = done.out.splitlines()
    assert re.split(r"\s{2,}", header) == list(COLUMNS)
    run = read_run(project / "first")
    found = next(run for run in history_of(project).runs if run.name == "first")
    assert (found.model, found.models, found.patients) == (run.chosen_model, run.models, 24)
    assert found.date == (run.provenance.finished_utc or "")[:10]
    counted = read_study_metrics(project / "first").of(found.model).patient.pooled.metrics["auroc"]
    assert float(found.result.split()[0]) == pytest.approx(counted.value, abs=0.0051)
    assert "    Is it ill?" in lines
    assert any(line.startswith("    Strongest concern: ") for line in lines)
    assert found.concerns >= 1
    assert re.search(r"^third +\d{4}-\d\d-\d\d +unfinished, 0 folds done +not judged yet", done.out, flags=re.M)


def test_foreign_and_broken_folders_are_named_and_stop_nothing(
    project: Path, medtl: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copytree(project, tmp_path / "runs")
    table = tmp_path / "runs" / "first" / "predictions.csv"
    table.write_text(table.read_text().replace("0.", "0.1", 1))
    done = medtl("runs", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "Not listed: notes: it holds no run (no study.yaml with environment.json)." in done.out
    (line,) = (line for line in done.out.splitlines() if line.startswith("Not listed: first: "))
    assert "first is not what the run published" in line
    assert "predictions.csv" in line
    assert re.search(r"^second ", done.out, flags=re.M)
    (tmp_path / "runs" / "second" / "environment.json").write_text("{")
    assert "Not listed: second: " in medtl("runs", tmp_path / "runs").out


def test_two_runs_stand_side_by_side_with_the_settings_that_differ_and_no_other(
    project: Path, medtl: Callable[..., Any]
) -> None:
    done = medtl("runs", project / "first", project / "second")
    assert done.code == 0, done.err
    differing = done.out.split("Settings that differ:\n")[1].split("\n\n")[0]
    assert differing.split() == ["resamples", "100", "200"]
    assert f"medtl compare {project / 'first'} {project / 'second'} --out compared" in done.out
    assert "No setting differs." in medtl("runs", project / "first", project / "third").out


def test_the_page_links_every_finished_run_and_is_the_same_each_time(
    project: Path, medtl: Callable[..., Any], tmp_path: Path
) -> None:
    done = medtl("runs", project, "--page")
    page = project / "runs.html"
    assert done.out.splitlines()[-1] == str(page)
    before = page.read_bytes()
    assert {"first/report.html", "second/report.html"} <= set(re.findall(r'href="([^"#]+)"', before.decode()))
    assert all((project / link).is_file() for link in re.findall(r'href="([^"#:]+)"', before.decode()))
    assert "Is it ill?" in before.decode()
    assert "it holds no run" in before.decode()
    medtl("runs", project, "--page")
    assert page.read_bytes() == before
    page.write_text("mine")
    refused = medtl("runs", project, "--page")
    assert (refused.code, page.read_text()) == (2, "mine")
    assert "medtl runs did not write it: nothing was written over" in refused.err
    page.unlink()


def test_what_is_no_folder_of_runs_is_refused_with_what_to_give(
    project: Path, medtl: Callable[..., Any], tmp_path: Path
) -> None:
    assert "There is no folder" in medtl("runs", tmp_path / "nowhere").err
    assert "holds no run: there is no folder in it" in medtl("runs", tmp_path).err
    assert "holds no run. Give the folder that medtl run made" in medtl("runs", tmp_path, project / "first").err
    assert "Give one folder that holds runs, or two runs" in medtl("runs", tmp_path, tmp_path, tmp_path).err
    assert "--page is for a folder of runs" in medtl("runs", tmp_path, tmp_path, "--page").err


def test_the_history_is_read_without_torch(
    project: Path, medtl_without_torch: Callable[..., subprocess.Popen[str]]
) -> None:
    out, err = medtl_without_torch("runs", project).communicate(timeout=600)
    assert "first" in out, err
