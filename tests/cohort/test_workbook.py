"""Excel workbooks are read as the CSV that they would be: the sheet is named, no digit is lost, no cell is guessed."""

from __future__ import annotations

import datetime
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from medtl.cohort import read_manifest
from medtl.cohort.delimited import file_and_sheet, read_delimited
from medtl.errors import ConfigurationError, DataRefused

openpyxl = pytest.importorskip("openpyxl")

ROWS = [
    ("case_id", "patient_id", "image", "label", "age_years"),
    ("c1", "p1", "a.png", "well", 54),
    ("c2", "p2", "b.png", "ill", 61.5),
]


def workbook(path: Path, **sheets: list[tuple[Any, ...]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_gives_the_cohort_of_its_csv(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    book = workbook(tmp_path / "cases.xlsx", Patients=ROWS, Notes=[])
    csv = tmp_path / "cases.csv"
    csv.write_text("\n".join(",".join(map(str, row)) for row in ROWS) + "\n")
    assert read_manifest(book) == read_manifest(csv)
    assert "Of the workbook cases.xlsx, sheet 'Patients', one of 2 sheets, was read." in capfd.readouterr().err


def test_numbers_dates_and_codes_are_the_text_that_the_workbook_means(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    values = (7, 7.0, 0.1, 123456789012, datetime.date(2024, 3, 2), datetime.datetime(2024, 3, 2, 9, 30), True, "007",
              datetime.time(8, 5), 1e-7)  # fmt: skip
    sheet.append([f"c{number}" for number in range(len(values) + 1)])
    sheet.append([*values, 7])
    sheet.cell(2, len(values) + 1).number_format = "0000"
    book.save(tmp_path / "x.xlsx")
    (row,) = read_delimited(tmp_path / "x.xlsx", expected_columns=()).rows
    assert row.cells == ("7", "7", "0.1", "123456789012", "2024-03-02", "2024-03-02 09:30:00", "TRUE", "007",
                         "08:05:00", "1e-07", "0007")  # fmt: skip
    assert row.line == 2


def test_faults_are_named_by_the_line_that_excel_shows(tmp_path: Path) -> None:
    rows = [(), *ROWS, (), ("c1", "p3", "c.png", "ill", 3)]
    message = ""
    with pytest.raises(DataRefused, match="line 6: the id in case_id is already used in line 3") as caught:
        read_manifest(workbook(tmp_path / "cases.xlsx", Patients=rows))
    message = str(caught.value)
    assert "The manifest cases.xlsx has 1 faulty line" in message


def test_of_several_sheets_one_is_chosen_by_name_and_none_silently(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    book = workbook(tmp_path / "cases.xlsx", Patients=ROWS, Scanner=[("a",), ("b",)])
    with pytest.raises(ConfigurationError, match=r"has 2 sheets \('Patients', 'Scanner'\).*Name it: cases\.xlsx#Pat"):
        read_manifest(book)
    assert len(read_manifest(Path(f"{book}#Patients")).cases) == 2
    assert "sheet 'Patients', one of 2 sheets, was read" in capfd.readouterr().err
    with pytest.raises(ConfigurationError, match=r"no sheet 'Patient' that holds anything\. It has: 'Patients', 'Sc"):
        read_manifest(Path(f"{book}#Patient"))
    odd = tmp_path / "a#b.csv"
    odd.write_text("x\n1\n")
    assert file_and_sheet(odd) == (odd, None), "a sign in the name of another file is part of it"


def test_merged_cells_formulas_without_a_value_and_damaged_files_are_refused(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(workbook(tmp_path / "m.xlsx", Patients=ROWS))
    book.active.merge_cells("B2:B3")
    book.save(tmp_path / "m.xlsx")
    with pytest.raises(DataRefused, match=r"has merged cells \(B2:B3\): only the first of them has a value"):
        read_manifest(tmp_path / "m.xlsx")
    formula = workbook(tmp_path / "f.xlsx", Patients=[*ROWS, ("c3", "p3", "=A1", "ill", 3)])
    with pytest.raises(DataRefused, match=r"has formulas without a stored value \(C4\)\. Open it in Excel and save"):
        read_manifest(formula)
    damaged = tmp_path / "d.xlsx"
    damaged.write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(DataRefused, match=r"d\.xlsx is damaged: it begins like an Excel workbook and is none"):
        read_manifest(damaged)
    with zipfile.ZipFile(tmp_path / "z.xlsx", "w") as archive:
        archive.writestr("word.txt", "x")
    with pytest.raises(DataRefused, match=r"z\.xlsx cannot be read as an Excel workbook"):
        read_manifest(tmp_path / "z.xlsx")
    with pytest.raises(DataRefused, match=r"e\.xlsx is empty: none of its sheets holds anything"):
        read_manifest(workbook(tmp_path / "e.xlsx", Patients=[]))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = workbook(tmp_path / "cases.xlsx", Patients=ROWS)
    monkeypatch.setattr("medtl.cohort.workbook.LARGEST_UNPACKED_BYTES", 100)
    with pytest.raises(DataRefused, match=r"unpacks to [\d,]+ bytes; more than 100 are not read"):
        read_manifest(book)


def test_hidden_lines_are_read_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    book = openpyxl.load_workbook(workbook(tmp_path / "h.xlsx", Patients=ROWS))
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "h.xlsx")
    assert len(read_manifest(tmp_path / "h.xlsx").cases) == 2
    assert "1 of its lines are hidden, by a filter perhaps, and are read too." in capfd.readouterr().err


def test_without_openpyxl_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = workbook(tmp_path / "cases.xlsx", Patients=ROWS)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(
        ConfigurationError, match=r"openpyxl, which reads it, is not installed\. Install medtl\[excel\]"
    ):
        read_manifest(book)
