"""Does the page say of each control what its numbers say?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medtl.errors import IntegrityFailure
from medtl.evaluation import Estimate
from medtl.record.controls import BlindAuroc
from medtl.record.run import read_run
from medtl.report.findings.rules import findings_of
from medtl.report.results.judged import evaluate_run
from medtl.report.sections.controls import control_findings, controls_table

NULL = {
    "draws": 200,
    "observed": 0.8,
    "mean": 0.5,
    "sd": 0.04,
    "highest": 0.6,
    "p_value": 1 / 201,
    "unit": "patient",
    "n": 120,
}


def estimate(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": 120}


def copied(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / run.name))


@pytest.fixture
def told(small_run: Path, tmp_path: Path) -> Callable[..., tuple[dict[str, tuple[str, str]], list[str]]]:
    """The table's verdicts by control, and the titles of the findings, of a run with these controls."""

    def rows(**controls: Any) -> tuple[dict[str, tuple[str, str]], list[str]]:
        folder = copied(small_run, tmp_path)
        (folder / "controls.json").write_text(json.dumps(controls), encoding="utf-8")
        run = read_run(folder)
        judged = evaluate_run(run)
        table = controls_table(run, judged)
        assert table is not None
        verdicts = {row.name.split(":")[0]: (row.cells[0].text, row.cells[1].text) for row in table.rows}
        return verdicts, [finding.title for finding in control_findings(run, judged)]

    return rows


def test_a_null_at_a_half_that_the_truth_exceeds_is_a_pass(told: Callable[..., Any]) -> None:
    verdicts, findings = told(permuted_labels=NULL)
    number, verdict = verdicts["Permuted labels"]
    assert number == "0.500"
    assert verdict.startswith("Fails, as it must. With the true labels the same probe gives 0.800; none of 200 draws")
    assert "p = 0.005" in verdict
    assert findings == []


def test_a_null_away_from_a_half_is_leakage(told: Callable[..., Any]) -> None:
    verdicts, findings = told(permuted_labels=NULL | {"mean": 0.55})
    assert verdicts["Permuted labels"][1].startswith("Does not fail")
    assert findings == [
        "With permuted labels the test patients are still distinguished: something leaks between the folds."
    ]


def test_a_null_whose_mean_is_off_by_its_own_error_is_none(told: Callable[..., Any]) -> None:
    _, findings = told(permuted_labels=NULL | {"mean": 0.54, "sd": 0.3})
    assert findings == []


def test_a_truth_within_the_null_is_chance(told: Callable[..., Any]) -> None:
    verdicts, findings = told(permuted_labels=NULL | {"observed": 0.52, "p_value": 61 / 201})
    assert "60 of 200 draws reach what the true labels give (0.520, p = 0.30)" in verdicts["Permuted labels"][1]
    assert findings == ["Frozen features rank the patients no better than they rank permuted labels."]


@pytest.mark.parametrize(
    ("found", "words", "titles"),
    [
        (estimate(0.58, 0.49, 0.66), "Fails, as it must.", 0),
        (estimate(0.58, 0.52, 0.64), "Tells the classes apart a little", 0),
        (estimate(0.65, 0.55, 0.75), "Does not fail.", 1),
        (estimate(0.99, 0.98, 1.0), "does not exceed it.", 1),
        ({"value": None, "reason": "one class", "n": 0}, "Not known: one class.", 0),
    ],
)
def test_a_control_is_judged_by_its_interval(
    told: Callable[..., Any], found: dict[str, Any], words: str, titles: int
) -> None:
    verdicts, findings = told(controls=[{"name": "thumbnail", "auroc": found}])
    assert words in verdicts["Thumbnail"][1]
    assert len(findings) == titles


@pytest.mark.parametrize(
    ("p_value", "words", "evidence"),
    [
        (0.004, "Does not fail (p = 0.004 by permuted labels; no interval: 7 patients of ill).", True),
        (0.08, "Too few patients to say (p = 0.08 by permuted labels; no interval: 7 patients of ill).", False),
    ],
)
def test_metadata_without_an_interval_are_judged_by_permuted_labels(
    small_run: Path, p_value: float, words: str, evidence: bool
) -> None:
    run = read_run(small_run)
    auroc = Estimate(value=0.82, reason="no interval: 7 patients of ill", n=40)
    run = replace(
        run,
        cohort=run.cohort.model_copy(
            update={"without_scans": BlindAuroc(properties=("site",), auroc=auroc, p_value=p_value)}
        ),
    )
    judged = evaluate_run(run)
    table = controls_table(run, judged)
    assert table is not None
    (row,) = (row for row in table.rows if row.name.startswith("Metadata only"))
    assert row.cells[1].text.startswith(words)
    told = [one.evidence for one in findings_of(run, judged) if "from site alone" in one.evidence]
    assert bool(told) == evidence
    assert all("AUROC 0.820 (p = 0.004 by permuted labels; too few patients for an interval)" in one for one in told)


def test_an_image_level_split_is_told_as_a_demonstration_beside_the_probe(told: Callable[..., Any]) -> None:
    verdicts, findings = told(
        controls=[
            {"name": "image_level_split", "auroc": estimate(0.99, 0.98, 1.0)},
            {"name": "thumbnail", "auroc": estimate(0.5, 0.4, 0.6)},
        ]
    )
    assert "would have claimed" in verdicts["Image-level split"][1]
    assert "Kept apart by patient it is" in verdicts["Image-level split"][1]
    assert findings == []


def test_changed_controls_are_refused_by_name(small_run: Path, tmp_path: Path) -> None:
    folder = copied(small_run, tmp_path)
    (folder / "controls.json").write_text('{"controls": [{"name": "astrology"}]}', encoding="utf-8")
    with pytest.raises(IntegrityFailure, match=r"controls\.json .* does not say what the controls found"):
        read_run(folder)
