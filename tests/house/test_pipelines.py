"""A pipeline is one clinical question: a docstring, a Study and one call, with the options of `medtl run`."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medtl.study.settings import read_study

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = sorted((ROOT / "pipelines").glob("*.py"))
RUN = ("--out", "--set", "--device", "--limit-patients", "--resume")


def call(path: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The script with arguments, started in `folder`."""
    return subprocess.run(
        [sys.executable, path, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "MEDTL_WEIGHTS": str(folder / "weights")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_a_pipeline_is_a_docstring_a_study_and_one_call(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    rest = [node for node in tree.body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
    assert len(rest) == 1
    (step,) = rest
    assert isinstance(step, ast.Expr)
    assert isinstance(step.value, ast.Call)
    assert ast.unparse(step.value.func) == "pipeline"
    assert ast.unparse(step.value.args[0]).startswith("Study(")


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_it_takes_the_options_of_medtl_run(path: Path, tmp_path: Path) -> None:
    done = call(path, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert [option for option in (*RUN, "--manifest", "--print-study") if option not in done.stdout] == []


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_the_study_it_prints_is_read_back_as_the_same_study(path: Path, tmp_path: Path) -> None:
    printed = call(path, "--print-study", "--set", "recipe.epochs=3", folder=tmp_path)
    assert printed.returncode == 0, printed.stderr
    (tmp_path / "study.yaml").write_text(printed.stdout)
    study = read_study(tmp_path / "study.yaml")
    assert study.recipe.epochs == 3
    assert study.question in re.sub(r"\s+", " ", printed.stdout)
    again = call(path, "--print-study", "--set", "recipe.epochs=3", folder=tmp_path)
    assert again.stdout == printed.stdout


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_without_its_data_it_says_how_to_name_them(path: Path, tmp_path: Path) -> None:
    done = call(path, "--set", "encoder=resnet18", folder=tmp_path)
    assert done.returncode == 2
    assert "The manifest manifest.csv does not exist" in done.stderr
    assert "--manifest" in done.stderr
