"""What a page says of maps that pass, fail, could not be checked, or were not: the words follow the record alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from medtl.errors import IntegrityFailure
from medtl.record.run import read_run
from medtl.report import write_reports
from medtl.report.sections.saliency_checks import WHAT, checks_blocks, fold_checks_blocks, map_findings


def copied(run: Path, folder: Path, passes: Mapping[str, bool | None] | None) -> Path:
    """A copy of the run in which each check has this verdict; without any record for None."""
    copy = folder / "run"
    shutil.copytree(run, copy)
    (copy / "saliency_checks.json").unlink(missing_ok=True)
    if passes is not None:
        verdicts = [
            {
                "name": name,
                "passes": verdict,
                "ours": 0.4,
                "against": 0.1,
                "difference": {"value": 0.3, "low": 0.2, "high": 0.4, "patients": 12},
                "why": "nobody could be asked" if verdict is None else "",
            }
            for name, verdict in passes.items()
        ]
        case = {"case_id": "c", "patient_id": "p", "target_class": "x", "strength": 1.0}
        folds = [
            {"fold": fold, "made_from": "x", "model": "probe", "stage": "layer4", "cases": [case], "verdicts": verdicts}
            for fold in read_run(run).planned_folds
        ]
        found = {"method": "hirescam", "cases_per_fold": 1, "seed": 1, "folds": folds, "verdicts": verdicts}
        (copy / "saliency_checks.json").write_text(json.dumps(found))
    return copy


ALL_PASS: dict[str, bool | None] = dict.fromkeys((name for name in WHAT if name != "lesions"), True)


def test_maps_that_pass_carry_no_warning(small_run: Path, tmp_path: Path) -> None:
    run = copied(small_run, tmp_path, ALL_PASS)
    pages = [path.read_text() for path in write_reports(run)]
    assert not [page for page in pages if "Do not interpret" in page]
    assert pages[0].count("Passes.") == len(ALL_PASS)
    assert "Passing is needed and proves nothing" in pages[0]
    assert "Checks of 1 case of this fold: passed randomised weights" in pages[1]
    assert map_findings(read_run(run)) == ()


@pytest.mark.parametrize("name", list(ALL_PASS))
def test_a_single_failure_stands_above_and_within_every_gallery(small_run: Path, tmp_path: Path, name: str) -> None:
    run = copied(small_run, tmp_path, {**ALL_PASS, name: False})
    told = read_run(run)
    for words in (
        checks_blocks(told.saliency_checks),
        *(fold_checks_blocks(told.saliency_checks, fold=fold) for fold in told.planned_folds),
    ):
        assert words.warning == f"Do not interpret these maps: {WHAT[name][2]}."
        assert words.brief == "Do not interpret."
    (finding,) = map_findings(told)
    assert "failed a check" in finding.title
    assert f"{WHAT[name][0].lower()} 0.400 against 0.100" in finding.evidence


def test_the_words_of_a_failure_are_on_the_pages(small_run: Path, tmp_path: Path) -> None:
    pages = [path.read_text() for path in write_reports(copied(small_run, tmp_path, {**ALL_PASS, "centre": False}))]
    for page in pages:
        assert page.count('<b class="alarm">Do not interpret.</b>') == page.count('<section class="kind')
        assert page.index("Do not interpret these maps:") < page.index('<b class="alarm">')
    assert "Can the saliency maps be believed?" in pages[0]


def test_what_the_maps_find_of_the_reference_masks_is_told_with_the_middle_beside_it(
    small_run: Path, tmp_path: Path
) -> None:
    run = copied(small_run, tmp_path, {**ALL_PASS, "lesions": False})
    found = json.loads((run / "saliency_checks.json").read_text())
    found["lesions"] = {
        "points_at": 0.25, "centre_points_at": 0.4, "overlap": 0.1, "centre_overlap": 0.2, "patients": 8
    }  # fmt: skip
    (run / "saliency_checks.json").write_text(json.dumps(found))
    page = write_reports(run)[0].read_text().replace("\u00a0", " ")
    assert "On the reference masks: average precision" in page
    assert "Of 8 patients with a mask" in page
    assert "lies in the mask in 25 % (a point in the middle: 40 %)" in page
    assert "Intersection over union 0.100 (spot in the middle 0.200), at the threshold" in page
    assert f"Do not interpret these maps: {WHAT['lesions'][2]}." in page


def test_maps_that_could_not_be_checked_are_not_to_be_interpreted(small_run: Path, tmp_path: Path) -> None:
    run = read_run(copied(small_run, tmp_path, dict.fromkeys(ALL_PASS, None)))
    told = checks_blocks(run.saliency_checks)
    assert told.warning == "Do not interpret these maps: no check of them could be made."
    assert told.table is not None
    assert {row.cells[-1].text for row in told.table.rows} == {"Not known: nobody could be asked."}


def test_a_run_without_a_record_says_that_its_maps_were_not_checked(small_run: Path, tmp_path: Path) -> None:
    run = read_run(copied(small_run, tmp_path, None))
    assert checks_blocks(run.saliency_checks).sentences == (
        "These maps were not checked; whether they are worth looking at is not known.",
    )
    assert "were not checked" in map_findings(run)[0].title


def test_a_record_that_was_changed_is_refused(small_run: Path, tmp_path: Path) -> None:
    run = copied(small_run, tmp_path, ALL_PASS)
    path = run / "saliency_checks.json"
    path.write_text(path.read_text().replace('"randomisation"', '"randomization"'))
    with pytest.raises(
        IntegrityFailure, match=r"saliency_checks\.json in run does not say what the checks of the maps found"
    ):
        read_run(run)
