"""What the console says when a page is written is what the page says, with the next command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medtl.cli.command import app
from medtl.evaluation import evaluate
from medtl.record import read_run
from medtl.report import result_lines, write_study_page


def test_each_model_stands_with_its_interval_then_the_concern_the_page_and_what_to_do(small_run: Path) -> None:
    run = read_run(small_run)
    found = evaluate(run.predictions, resamples=run.study.resamples, seed=run.provenance.seed)
    page = write_study_page(run).read_text(encoding="utf-8")
    lines = result_lines(small_run)
    assert lines[0] == "AUROC out of fold, 40 patients:"
    for model, name in {"lp_ft": "Fine-tuned (LP-FT)", "probe": "Frozen probe", "scratch": "From scratch"}.items():
        auroc = found.of(model).patient.pooled.metrics["auroc"]
        line = next(one for one in lines if one.strip().startswith(name))
        assert line.endswith(f"  {auroc.value:.3f} (95 % CI {auroc.low:.3f}-{auroc.high:.3f})")
    assert lines[1].startswith("  Fine-tuned (LP-FT)"), "the model that the page speaks of comes first"
    concern = lines[-3].removeprefix("What speaks against it: ")
    assert concern in page.replace("\u00a0", " ")
    assert lines[-2].startswith(f"The report is {small_run / 'report.html'}, with ")
    assert lines[-2].count("question") == 1
    assert lines[-1] == f"Next: fill in {small_run / 'statements.yaml'} and run medtl report {small_run}."


def test_with_several_classes_the_metric_is_named_as_theirs(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    several = run_writer(tmp_path, run_recipe(classes=("a", "b", "c"), patients=30, fold_count=2, resamples=100))
    assert result_lines(several)[0].startswith("Macro AUROC out of fold, 30 patients:")


@pytest.mark.slow
def test_evaluate_and_compare_say_their_verdict_on_standard_error(small_run: Path, tmp_path: Path) -> None:
    table = small_run / "predictions.csv"
    done = CliRunner().invoke(
        app, ["evaluate", str(table), "--out", str(tmp_path / "judged"), "--resamples", "20"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "What speaks against it: " in done.stderr
    found = json.loads((tmp_path / "judged" / "metrics.json").read_text())["models"]
    assert any(f"{one['patient']['pooled']['metrics']['auroc']['value']:.3f}" in done.stderr for one in found)
    assert done.stdout.splitlines() == [str(tmp_path / "judged" / "report.html")]
    done = CliRunner().invoke(
        app,
        ["compare", str(small_run), "--model", "probe", "--model", "lp_ft", "--out", str(tmp_path / "compared"),
         "--resamples", "20"],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "What speaks against it: " in done.stderr
