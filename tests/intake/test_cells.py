"""What an intake writes into a manifest, `check` takes: markers, ages, sexes and tables as people keep them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medtl.cohort import read_manifest
from medtl.errors import DataRefused
from medtl.intake.cells import id_faults, in_manifest_form, refuse_twin_patients
from medtl.intake.offer import Cell, Offer
from medtl.intake.tables import read_table

Intake = Callable[..., Any]


def offer(name: str = "a", *, label: str = "", patient: str = "", **covariates: Cell) -> Offer:
    return Offer(f"file:{name}", patient or name, (), lambda: None, label=label, covariates=covariates)  # type: ignore[arg-type, return-value]


def test_missing_markers_are_left_empty_and_reported_once_for_all_columns() -> None:
    labels = ["ill", "NA", "n/a", "1.0", "1", "?", "", "unknown"]
    formed, notes = in_manifest_form([offer(str(n), label=label, site=label) for n, label in enumerate(labels)])
    assert [one.label for one in formed] == ["ill", "", "", "1", "1", "", "", ""]
    assert [one.covariates["site"] for one in formed] == ["ill", None, None, "1.0", "1", None, None, None]
    note, others = notes
    assert note.startswith("Missing markers among the labels were left empty: 'NA' (1), 'n/a' (1), '?' (1)")
    assert 'is declared together with all others: --classes "NA,B".' in note
    assert others.startswith("Missing markers were left empty: site 'NA' (1)")


def test_ages_and_sexes_take_the_manifests_form_and_what_is_none_is_counted_and_never_shown() -> None:
    ages = ["89+", "51,5", "40Y", "045Y", "018M", "Young Child", "n/a", "63", 57.0, "Meier, Anna", "200"]
    formed, notes = in_manifest_form([offer(str(n), age_years=age) for n, age in enumerate(ages)])
    assert [one.covariates["age_years"] for one in formed] == [
        "89", "51.5", "40", "45", "1.5", None, None, "63", 57.0, None, None,
    ]  # fmt: skip
    note = " ".join(notes)
    assert "3 cells of age_years are no age of a human in years" in note
    assert "1 age is known only to be at least as high as written (89+): that age was taken." in note
    assert "Meier" not in note
    formed, notes = in_manifest_form([offer(str(n), sex=sex) for n, sex in enumerate(["M", "weiblich", "1", "n/a"])])
    assert [one.covariates["sex"] for one in formed] == ["M", "F", None, None]
    assert any("1 cell of sex is no word for a sex" in note for note in notes)


def test_labels_that_a_study_would_refuse_are_reported_at_intake() -> None:
    _, (note,) = in_manifest_form([offer("a", label="Ill"), offer("b", label="ill"), offer("c", label="well")])
    assert note.startswith("Labels that differ only in capitals, blanks or the like: Ill and ill. A study refuses them")
    formed, notes = in_manifest_form([offer("a", label="x" * 201), offer("b", site="a\u200bb", label="ill")])
    assert (formed[0].label, formed[1].covariates["site"]) == ("", None)
    assert len([note for note in notes if "cannot be seen" in note]) == 2


@pytest.mark.parametrize(("one", "other"), [("7", "007"), ("p07", "P07"), ("Ｐ7", "P7"), ("A 1", "A1")])
def test_near_twins_among_patients_are_refused_by_their_form_and_never_named(one: str, other: str) -> None:
    with pytest.raises(DataRefused) as caught:
        refuse_twin_patients([offer("a", patient=one), offer("b", patient="Q9"), offer("c", patient=other)])
    message = str(caught.value)
    assert message.startswith("1 patient ids may be another one of the collection written otherwise: one of the form ")
    assert "--ids-as-written" in message
    assert one not in message
    refuse_twin_patients([offer("a", patient=one), offer("b", patient=one), offer("c", patient="Q9")])


def table(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_patients_of_a_labels_file_are_no_markers_no_cut_numbers_and_no_twins(tmp_path: Path) -> None:
    rows = read_table(table(tmp_path, "case,patient_id\na,7\nb,NA\nc,1.23E+11\nd,007\ne,\n")).rows
    assert id_faults(rows, column="patient_id", ids_as_written=False) == [
        "line 3: column patient_id is 'NA', which stands for a missing value, not for an id",
        "line 4: column patient_id is a number as a spreadsheet shows it (such as 1.23E+11): its last digits are lost. "
        "Format the column as text where the table was made, and export it again",
        "line 5: the patient in patient_id differs from the one in line 2 only in zeros in front",
    ]
    assert len(id_faults(rows, column="patient_id", ids_as_written=True)) == 2


def test_a_table_with_row_names_and_one_with_a_loose_delimiter_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"Every row has one cell more: R's write\.table .*row\.names = FALSE"):
        read_table(table(tmp_path, '"case" "label"\n"1" "a" "ill"\n"2" "b" "well"\n'.replace(" ", "\t")))
    with pytest.raises(DataRefused, match=r"has 1 row with another number of cells than its header \(2\), line 3"):
        read_table(table(tmp_path, "case,label\na,ill\nb,ill,x\n"))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """As in a public data set whose participants.tsv names participant_id twice."""
    with pytest.raises(DataRefused, match=r"two columns named 'participant_id': which one is meant cannot be known"):
        read_table(table(tmp_path, "participant_id\tparticipant_id\tsex\nsub-001\tCQ2\tF\n", "participants.tsv"))


def test_rows_of_one_person_say_only_what_they_say_in_common(tmp_path: Path) -> None:
    """As in a public data set with a row, and so another age, for each session."""
    people = read_table(table(tmp_path, "participant_id,session,age,sex\ns1,a,10,F\ns1,b,19,F\ns2,a,17,M\ns2,b,17,M\n"))
    assert people.row_of("participant_id", "s1") == {"participant_id": "s1", "session": "", "age": "", "sex": "F"}
    assert people.row_of("participant_id", "s2")["age"] == "17"
    assert people.row_of("participant_id", "s3") == {}
    assert people.disagreeing("participant_id", ("sex", "age")) == 1


def pictures(folder: Path, count: int = 12) -> Path:
    folder.mkdir()
    for number in range(1, count + 1):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


EXCEL = "case;patient_id;label;age_years\r\n" + "".join(
    f"{n:03d};P{n:02d};{('gutartig', 'bösartig')[n % 2]};{50 + n},5\r\n" for n in range(1, 13)
)
R = '"case","patient_id","label"\n' + "".join(f'"{n:03d}","P{n}",{("NA", "1", "0")[n % 3]}\n' for n in range(1, 13))


@pytest.mark.parametrize(
    ("text", "labelled", "ages"),
    [
        ("sep=;\r\n" + EXCEL, 12, ["51.5", "52.5"]),
        ("\ufeff" + EXCEL + ";;;\r\n", 12, ["51.5", "52.5"]),
        (EXCEL.replace("\r\n", ";;\r\n"), 12, ["51.5", "52.5"]),
        (EXCEL.replace(";", "\t").encode("utf-16"), 12, ["51.5", "52.5"]),
        (EXCEL.replace("51,5", "89+").replace("52,5", "Adult"), 12, ["89", ""]),
        (R, 8, None),
    ],
    ids=["sep", "bom and blank line", "empty columns", "utf-16", "capped and unknown ages", "R"],
)
def test_a_table_of_excel_or_r_is_joined_and_its_manifest_is_taken(
    tmp_path: Path, intake: Intake, text: str | bytes, labelled: int, ages: list[str] | None
) -> None:
    taken = intake(pictures(tmp_path / "pictures"), "--labels", table(tmp_path, text))
    assert sum(bool(row["label"]) for row in taken.cases) == labelled
    cohort = read_manifest(taken.manifest)
    assert len(cohort.cases) == labelled
    assert len(cohort.classes) == 2
    if ages is not None:
        assert [row["age_years"] for row in taken.cases][:2] == ages
    if labelled < 12:
        assert any("Missing markers among the labels were left empty: 'NA' (4)" in note for note in taken.notes)


def test_a_redcap_export_with_several_events_is_called_one(tmp_path: Path, intake: Intake) -> None:
    text = "patient_id,redcap_event_name,label\n" + "".join(
        f"{n:03d},baseline_arm_1,{n % 2}\n{n:03d},followup_arm_1,\n" for n in range(1, 13)
    )
    message = intake(pictures(tmp_path / "pictures"), "--labels", table(tmp_path, text), code=3).stderr
    assert "says something else of the same patient_id than line 2" in message
    assert "a row for each of the REDCap events of a record (column redcap_event_name)" in message
    assert "Export only the event that holds the label" in message


def test_a_workbook_is_called_one(tmp_path: Path, intake: Intake) -> None:
    message = intake(
        pictures(tmp_path / "p", 3), "--labels", table(tmp_path, b"PK\x03\x04" + bytes(50), "l.xlsx"), code=3
    )
    assert "The table l.xlsx is damaged: it begins like an Excel workbook and is none" in message.stderr


def test_bids_participants_without_a_group_have_no_label(tmp_path: Path, intake: Intake) -> None:
    import nibabel

    folder = tmp_path / "bids"
    lines = ["participant_id\tage\tsex\tgroup"]
    for n in range(1, 10):
        anat = folder / f"sub-{n:02d}" / "anat"
        anat.mkdir(parents=True)
        voxels = np.random.default_rng(n).integers(0, 200, (8, 8, 8)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), anat / f"sub-{n:02d}_T1w.nii.gz")
        age = {1: "89+", 2: "n/a", 3: "40Y"}.get(n, str(40 + n))
        lines.append(f"sub-{n:02d}\t{age}\t{('M', 'female', 'n/a')[n % 3]}\t{('control', 'patient', 'n/a')[n % 3]}")
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    taken = intake(folder, "--label-column", "group")
    assert sorted(row["label"] for row in taken.cases) == [""] * 3 + ["control"] * 3 + ["patient"] * 3
    assert [row["age_years"] for row in taken.cases][:4] == ["89", "", "40", "44"]
    assert {row["sex"] for row in taken.cases} == {"M", "F", ""}
    assert len(read_manifest(taken.manifest).cases) == 6
    with taken.manifest.open(encoding="utf-8", newline="") as stream:
        assert "n/a" not in {cell for row in csv.reader(stream) for cell in row}
