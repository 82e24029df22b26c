"""A study from Python is the same as from the command line, and results are read without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from medtl import Results, Study, open_run, run
from medtl.errors import ConfigurationError
from medtl.record.metrics import read_study_metrics

pytestmark = pytest.mark.usefixtures("own_places")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "notebook.md"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, own_places: None, new_cohort: Callable[[Path], Any]) -> Results:
    """A run that was made from Python."""
    folder = tmp_path_factory.mktemp("notebook")
    return run(new_cohort(folder / "data").write(), out=folder / "run")


@pytest.mark.slow
def test_a_run_from_python_has_the_bytes_of_one_from_the_command_line(
    ran: Results, medtl: Callable[..., Any], tmp_path: Path, new_cohort: Callable[[Path], Any]
) -> None:
    done = medtl("run", new_cohort(tmp_path / "data").write(), "--out", tmp_path / "run")
    assert done.code == 0, done.err
    for name in ("predictions.csv", "metrics.json", "folds.csv"):
        assert (ran.folder / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name
    assert str(ran) in done.err.replace(str(tmp_path / "run"), str(ran.folder)), "what the console said at the end"


def test_every_line_of_the_page_works_on_a_run(ran: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    made, opened = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    asked: list[Study] = []
    (ran.folder.parent / "runs").mkdir()
    (ran.folder.parent / "runs" / "first").symlink_to(ran.folder)
    monkeypatch.chdir(ran.folder.parent)
    found: dict[str, Any] = {"medtl": sys.modules["medtl"]}
    exec(opened, found)  # noqa: S102  (the page's own lines)
    assert found["run"].report.read_bytes() == ran.report.read_bytes()
    package = SimpleNamespace(Study=Study, run=lambda study, out: asked.append(study))
    exec(made.replace("import medtl", ""), {"medtl": package})  # noqa: S102
    assert asked[0].preparation.size_px == (224, 224)


def test_numbers_figures_and_tables_are_those_of_the_folder(ran: Results) -> None:
    auroc = ran.metrics.query("model == 'probe' and metric == 'auroc'").iloc[0]
    written = read_study_metrics(ran.folder).of("probe").patient.pooled.metrics["auroc"]
    assert auroc["value"] == written.value
    assert (auroc["low"], auroc["high"]) == (written.low, written.high)
    assert len(ran.predictions) == len(pd.read_csv(ran.folder / "predictions.csv"))
    assert ran.tables["models"]["Model"].tolist() == ["Frozen probe", "Nearest centroid"]
    roc = ran.figures["roc"]
    picture = roc._repr_html_()
    assert picture.startswith('<img alt="roc" src="data:image/svg+xml;base64,')
    assert b64decode(picture.split("base64,")[1].rstrip('">')) == roc.svg.read_bytes()
    assert roc.csv.is_file()
    assert len(ran.left_out) == 0
    assert ran._repr_html_().startswith("<pre>")
    with pytest.raises(KeyError, match=r"'rox' is no figure of this run; there are .*roc"):
        ran.figures["rox"]
    with pytest.raises(KeyError, match=r"'model' is no table of this run; there are .*models"):
        ran.tables["model"]


def test_a_folder_that_is_no_run_or_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is no run folder: give the folder that medtl run made"):
        open_run(tmp_path)
    (tmp_path / "study.yaml").write_text("name: x\n")
    with pytest.raises(ConfigurationError, match=r"is not finished\. medtl status says how far it is; medtl run with"):
        open_run(tmp_path)


def test_opening_results_needs_no_torch(ran: Results) -> None:
    code = (
        "import sys, medtl; run = medtl.open_run(sys.argv[1]); str(run), run.metrics, run.predictions, "
        "run.figures['roc'], run.tables['models']; print('torch' in sys.modules, 'monai' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ran.folder)], capture_output=True, text=True, check=True, cwd=ran.folder
    )
    assert done.stdout.split() == ["False", "False"]
