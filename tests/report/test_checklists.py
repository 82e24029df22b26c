"""CLAIM and TRIPOD+AI: every item once, filled from the run where it can be, stated by the authors where it cannot."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.errors import ConfigurationError
from medtl.record import read_run
from medtl.report import write_reports, write_study_page
from medtl.report.manuscript.checklist_answers import answers_of
from medtl.report.manuscript.checklist_items import CLAIM, ITEMS, TRIPOD_AI
from medtl.report.manuscript.checklists import checklists_of
from medtl.report.manuscript.statements import (
    GROUPS,
    LARGEST_FORM,
    LONGEST_STATEMENT,
    Statements,
    form,
    read_statements,
    take_statements,
    write_form,
)
from medtl.report.pages.study_page import SECTIONS
from medtl.report.results.judged import evaluate_run

CLAIM_AUTO = "9 19 20 22 23 24 25 26 27 28 29 30 31 32 37 38 39"
"""The items that EVIDENCE (section 6.6) found a tool can fill alone."""

CLAIM_HUMAN = "1 2 3 4 5 6 7 8 11 14 15 16 17 18 34 40 41 42 44"
TRIPOD_AUTO = "7 12a 12c 12e 12g 13 15 21 22 23a"


def test_claim_has_44_items_and_tripod_27_in_their_order() -> None:
    assert [item.number for item in CLAIM] == [str(number) for number in range(1, 45)]
    mains = [int(re.sub(r"\D", "", item.number)) for item in TRIPOD_AI]
    assert sorted(set(mains)) == list(range(1, 28))
    assert mains == sorted(mains)
    for items in ITEMS.values():
        assert all(item.part and item.name for item in items)
        assert len({item.number for item in items}) == len(items)


def test_the_run_fills_what_a_run_can_know_and_leaves_the_rest_to_people(small_run: Path) -> None:
    run = read_run(small_run)
    answers = answers_of(run, evaluate_run(run))
    assert set(CLAIM_AUTO.split()) <= set(answers["claim"])
    assert not set(CLAIM_HUMAN.split()) & set(answers["claim"])
    assert set(TRIPOD_AUTO.split()) <= set(answers["tripod_ai"])
    sections = {section.anchor for section in SECTIONS}
    for found in answers.values():
        assert {answer.section for answer in found.values()} <= sections


def test_the_answers_numbers_are_those_of_the_files(small_run: Path) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    claim = answers_of(run, judged)["claim"]
    auroc = judged.of("lp_ft", fold=None).auroc
    assert f"{auroc.value:.3f} (95 % CI {auroc.low:.3f}-{auroc.high:.3f})" in claim["37"].answer
    assert f"± {(auroc.high - auroc.low) / 2:.3f}" in claim["21"].answer  # type: ignore[operator]
    roles = run.fold_table.groupby(["fold", "patient_id"])["role"].nunique()
    assert roles.max() == 1
    assert "no patient is in two parts" in claim["20"].answer
    assert f"of {run.locked_cases['patient_id'].nunique()} patients" in claim["35"].answer


def test_a_patient_in_two_parts_is_counted_and_not_denied(small_run: Path) -> None:
    run = read_run(small_run)
    leaky = run.fold_table.copy()
    patient = leaky.loc[leaky["role"] == "training", "patient_id"].iloc[0]
    leaky = pd.concat([leaky, leaky[leaky["patient_id"] == patient].assign(role="test")], ignore_index=True)
    answer = answers_of(replace(run, fold_table=leaky), evaluate_run(run))["claim"]["20"].answer
    assert "a patient is in two" in answer


def test_a_statement_fills_its_item_and_stands_on_the_page(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    folder = run_writer(tmp_path, run_recipe(patients=20, fold_count=2, resamples=100, with_saliency=False))
    (folder / "statements.yaml").write_text(
        'claim:\n  5: Retrospective.\n  21: Planned with 200 patients.\ntripod_ai:\n  "3a": In the ward.\n'
        "model_card:\n  intended_use: None in care.\n"
    )
    before = (folder / "statements.yaml").read_bytes()
    run = read_run(folder)
    html = write_study_page(run).read_text(encoding="utf-8")
    for told in ("Retrospective.", "Planned with 200 patients.", "In the ward."):
        assert told in html
    assert "None in care." in (folder / "model_card.md").read_text(encoding="utf-8")
    claim, _ = checklists_of(run, evaluate_run(run), read_statements(folder))
    rows = {row.item.number: row for row in claim.rows}
    assert (rows["5"].is_open, rows["6"].is_open, rows["21"].still) == (False, True, "")
    assert "the authors state 2, and" in claim.summary
    assert (folder / "statements.yaml").read_bytes() == before


def test_the_first_build_writes_the_form_and_no_later_one_touches_it(tmp_path: Path) -> None:
    write_form(tmp_path)
    text = (tmp_path / "statements.yaml").read_text(encoding="utf-8")
    assert read_statements(tmp_path) == Statements()
    for group, keys in GROUPS.items():
        places = [text.index(f'"{key}": ""', text.index(f"{group}:")) for key in keys]
        assert places == sorted(places)
    (tmp_path / "statements.yaml").write_text("claim: {5: mine}\n")
    write_form(tmp_path)
    assert (tmp_path / "statements.yaml").read_text() == "claim: {5: mine}\n"


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_statement_reads_back_as_it_was_written(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("form")
    stated = Statements({"claim": {"5": text.strip()}} if text.strip() else {})
    (folder / "statements.yaml").write_text(form(stated), encoding="utf-8")
    assert read_statements(folder).of("claim", "5") == (text.strip() or None)


def test_what_lies_beside_the_study_fills_what_the_run_leaves_empty(tmp_path: Path) -> None:
    run, beside = tmp_path / "run", tmp_path / "statements.yaml"
    run.mkdir()
    (run / "statements.yaml").write_text("claim: {5: of the run, 6: ''}\n")
    beside.write_text("claim: {5: of the study, 6: of the study}\n")
    found = take_statements(beside, run=run)
    assert (found.of("claim", "5"), found.of("claim", "6")) == ("of the run", "of the study")
    assert read_statements(run) == found
    with pytest.raises(
        ConfigurationError, match=r"There is no file gone\.yaml: give the statements.yaml that lies beside"
    ):
        take_statements(tmp_path / "gone.yaml", run=run)


def test_the_pages_take_what_lies_beside_the_study(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_writer(tmp_path, run_recipe(patients=20, fold_count=2, resamples=100, with_saliency=False))
    beside = tmp_path / "statements.yaml"
    beside.write_text("claim: {6: A feasibility study.}\n")
    pages = write_reports(folder, statements=beside)
    assert "A feasibility study." in pages[0].read_text(encoding="utf-8")
    assert "A feasibility study." in (folder / "statements.yaml").read_text(encoding="utf-8")
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ConfigurationError, match="A PDF needs WeasyPrint"):
        write_reports(folder, also="pdf")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("clam:\n  5: a\n", r"1 fault; no page was written:\n  - clam: no such group; did you mean claim\?"),
        ("claim:\n  45: a\n", r"claim.45: no such entry; did you mean"),
        (
            "tripod_ai:\n  3d: a\nclaim:\n  5: [a]\n",
            r"2 faults(.|\n)*3d: no such entry; did you mean 3(.|\n)*got a list",
        ),
        ("model_card:\n  intended_us: a\n", r"did you mean intended_use\?"),
        ("claim: text\n", "claim: should hold entries such as"),
        ("- a\n", "should hold groups such as `claim:`, found a list"),
        ("claim: &a {5: b}\ntripod_ai: *a\n", "aliases"),
        ("claim: {5: a}\nclaim: {6: b}\n", "stands there twice"),
        (f"claim: {{5: {'a' * (LONGEST_STATEMENT + 1)}}}\n", "longer than 4,000 letters"),
        ("claim: !!python/object/apply:os.system ['true']\n", "not YAML that can be read"),
        ("#" * (LARGEST_FORM + 1), "larger than 1,000,000 bytes; the form is a few pages"),
    ],
)
def test_a_form_that_is_not_one_is_refused_by_a_letter(tmp_path: Path, text: str, letter: str) -> None:
    (tmp_path / "statements.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=letter):
        read_statements(tmp_path)


def test_a_form_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "statements.yaml").write_bytes("claim: {5: é}".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read_statements(tmp_path)
