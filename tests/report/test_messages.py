"""A page that cannot be written is answered with the file, the model or the option at fault, and what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from medtl.cli.evaluation_options import evaluation_settings, rule_for
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.predictions import read_external
from medtl.report.html.embedded_picture import LARGEST_PICTURE_BYTES, picture_at
from medtl.report.html.pdf import refuse_without_weasyprint, write_pdf
from medtl.report.html.result_folder import claimed, refuse_occupied
from medtl.report.manuscript.statements import LARGEST_FORM, read_statements, take_statements
from medtl.report.pages.predictions_page import write_predictions_page
from medtl.report.results.compared_models import models_to_compare

HEAD = "case_id,patient_id,fold,truth,p_no,p_yes\n"


def table(folder: Path, name: str = "theirs.csv") -> Path:
    rows = "".join(f"c{n},p{n},0,{('no', 'yes')[n % 2]},{0.6 - n / 20},{0.4 + n / 20}\n" for n in range(8))
    (folder / name).write_text(HEAD + rows)
    return folder / name


# Pictures and PDF


def test_a_picture_that_was_not_copied_is_named_with_the_file_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"pairs/1\.png is missing: audit\.json names it\. If the run was copied, copy it whole",
    ):
        picture_at(tmp_path / "1.png", name="pairs/1.png", named_by="audit.json")


def test_a_picture_that_was_cut_off_is_given_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(
        IntegrityFailure,
        match=rf"not a whole PNG of at most {LARGEST_PICTURE_BYTES:,} bytes \(8 bytes\): .* Restore it, or run again",
    ):
        picture_at(tmp_path / "1.png", name="pairs/1.png", named_by="audit.json")


def test_a_pdf_without_its_library_is_answered_with_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(
        ConfigurationError, match=r"open report\.html in a browser and print it: .* for A4\. \(ModuleNotFoundError\)"
    ):
        refuse_without_weasyprint()


def test_a_pdf_is_made_of_a_page(tmp_path: Path) -> None:
    (tmp_path / "study-1").mkdir()
    with pytest.raises(
        ConfigurationError, match=r"study-1 has no report\.html\. Write it first with medtl report study-1"
    ):
        write_pdf(tmp_path / "study-1")


# The folder of a result


def test_a_folder_of_somebody_else_is_named_with_three_of_its_files(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).write_text("")
    with pytest.raises(
        ConfigurationError, match=r"that `medtl compare` did not write \(a, b, c\)\. Choose an empty or new folder"
    ):
        refuse_occupied(tmp_path, sign="comparison.json", verb="compare")


def test_a_file_is_no_folder_of_results(tmp_path: Path) -> None:
    (tmp_path / "judged").write_text("")
    with pytest.raises(ConfigurationError, match=r"judged cannot be used as a folder for results \(Not a directory\)"):
        refuse_occupied(tmp_path / "judged", sign="metrics.json", verb="evaluate")


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"judged cannot be used .* \(Not a directory\)\. Choose another with --out"
    ):
        claimed(tmp_path / "file" / "judged", sign="metrics.json", verb="evaluate")


# Comparisons


def test_a_model_is_not_compared_with_itself(tmp_path: Path) -> None:
    path = table(tmp_path)
    with pytest.raises(ConfigurationError, match=r"theirs\.csv is named twice; .* Name each run or table once"):
        models_to_compare([path, path])


def test_a_source_without_the_model_is_answered_with_its_models(tmp_path: Path) -> None:
    paths = [table(tmp_path), table(tmp_path, "ours.csv")]
    with pytest.raises(
        ConfigurationError,
        match=r"theirs\.csv has no model lp_ft, full; there is model\. Name another with --model, or leave",
    ):
        models_to_compare(paths, models=("lp_ft", "full"))


def test_one_model_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"takes 2 to 8 models, got 1: .*\. Give further run folders, or several"
    ):
        models_to_compare([table(tmp_path)])


# Options of an evaluation


def test_a_rule_needs_validation_rows(tmp_path: Path) -> None:
    found = read_external(table(tmp_path)).table
    with pytest.raises(
        ConfigurationError,
        match=r"rule youden chooses .* Add validation rows \(column role\), or give .* --threshold 0\.5",
    ):
        rule_for(found, "youden")


def test_options_that_do_not_fit_are_all_named_with_what_came() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"cannot be judged so:\n  - threshold: the rule sensitivity needs at_least, such as 0\.9, got .*\n"
        r"  - prevalence\.0: Input should be less than 1, got 2\nA threshold is .*; shares lie between 0 and 1",
    ):
        evaluation_settings("sensitivity", prevalence=(2,))


def test_a_subgroup_is_a_column_of_the_table(tmp_path: Path) -> None:
    found = read_external(table(tmp_path))
    with pytest.raises(
        ConfigurationError, match=r"no covariate .*site.*; there is none\. A subgroup is a column of the"
    ):
        write_predictions_page(
            found, source=tmp_path / "theirs.csv", out=tmp_path / "judged",
            settings=evaluation_settings("0.5", subgroups=("site",)), resamples=0, seed=0, threshold_declared=True,
        )  # fmt: skip


# Statements


def stated(folder: Path, text: str) -> Path:
    (folder / "statements.yaml").write_text(text)
    return folder


def test_statements_that_are_not_there_are_answered_with_where_they_lie(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no file gone\.yaml: give the statements\.yaml that lies beside the study"
    ):
        take_statements(tmp_path / "gone.yaml", run=tmp_path)


def test_a_form_of_a_book_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"statements\.yaml is larger than 1,000,000 bytes; the form is a few pages"
    ):
        read_statements(stated(tmp_path, "#" * (LARGEST_FORM + 1)))


def test_a_list_of_statements_is_called_a_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"should hold groups such as `claim:`, found a list"):
        read_statements(stated(tmp_path, "- a\n"))


def test_a_group_that_is_spelled_wrongly_is_answered_with_the_closest(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"has 1 fault; no page was written:\n  - clam: no such group; did you mean claim\?"
    ):
        read_statements(stated(tmp_path, "clam:\n  5: a\n"))
