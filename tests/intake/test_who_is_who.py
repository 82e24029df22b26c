"""Who is who: nobody stands on two sides of a fold for want of an id, and no two people become one in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_phantom as phantoms
import numpy as np
import pytest

from medtl.imaging.for_intake import ImageHeader, known_date
from medtl.intake.person import is_placeholder, names_agree, person_of
from medtl.intake.who_is_who import who_is_who

Intake = Callable[..., Any]
KEY = bytes(range(32))


def shown(study: str, **elements: str) -> ImageHeader:
    return ImageHeader(study_uid=study, **elements)


def patients(*headers: ImageHeader) -> list[int]:
    """The number of each header's patient, in the order of first appearance."""
    keys = [who_is_who(headers, key=KEY).patient_of(header) for header in headers]
    return [list(dict.fromkeys(keys)).index(key) for key in keys]


def notes(*headers: ImageHeader) -> str:
    return " ".join(who_is_who(headers, key=KEY).notes)


JANE = {"patient_name": "ROWE^JANE", "birth_date": "19500203"}
JOHN = {"patient_name": "SMITH^JOHN", "birth_date": "20010405"}
MARY = {"patient_name": "KING^MARY", "birth_date": "19800706"}

DECISIONS: dict[str, tuple[list[ImageHeader], list[int], str]] = {
    "an id": ([shown("1", patient_id="7", **JANE), shown("2", patient_id="7", **JANE)], [0, 0], ""),
    "an id and nothing else": ([shown("1", patient_id="7"), shown("2", patient_id="8")], [0, 1], ""),
    "one id written in two ways": (
        [shown("1", patient_id="P07", **JANE), shown("2", patient_id="p007", **JANE), shown("3", patient_id="P07")],
        [0, 0, 0],
        "1 patient id is written in several ways",
    ),
    "ids that only look alike": (
        [shown("1", patient_id="P07", **JANE), shown("2", patient_id="p7", **JOHN)], [0, 1], ""
    ),
    "a new surname": (
        [shown("1", patient_id="7", **JANE), shown("2", patient_id="7", **{**JANE, "patient_name": "HALL^JANE"})],
        [0, 0],
        "1 patient id stands for names, or birth dates, that differ (a new surname, a typing mistake): taken as one",
    ),
    "a birth date typed wrongly": (
        [shown("1", patient_id="7", **JANE), shown("2", patient_id="7", **{**JANE, "birth_date": "19500302"})],
        [0, 0],
        "(a new surname, a typing mistake)",
    ),
    "one id from two issuers": (
        [shown("1", patient_id="7", issuer_of_id="A", **JANE), shown("2", patient_id="7", issuer_of_id="B", **JOHN)],
        [0, 1],
        "1 patient id stands for people of several issuers, whose names and birth dates differ",
    ),
    "one person with one id from two issuers": (
        [shown("1", patient_id="7", issuer_of_id="A", **JANE), shown("2", patient_id="7", issuer_of_id="B", **JANE)],
        [0, 0],
        "",
    ),
    "one id of two people": (
        [shown("1", patient_id="7", **JANE), shown("2", patient_id="7", **JOHN)],
        [0, 0],
        "1 patient id stands for two names with two birth dates: probably two people. They are taken as one patient",
    ),
    "one id of two people by sex": (
        [shown("1", patient_id="7", patient_name="ROWE^JANE", sex="F"),
         shown("2", patient_id="7", patient_name="SMITH^JOHN", sex="M")],
        [0, 0],
        "probably two people",
    ),
    "one id of three people": (
        [shown("1", patient_id="STUDY1", **JANE), shown("2", patient_id="STUDY1", **JOHN),
         shown("3", patient_id="STUDY1", **MARY), shown("4", patient_id="STUDY1", **JANE)],
        [0, 1, 2, 0],
        "1 patient id stands for three or more people (names and birth dates differ), and is no identity.",
    ),
    "no id, one person in two studies": (
        [shown("1", **JANE), shown("2", patient_name="  rowe  jane^^ ", birth_date="1950.02.03")],
        [0, 0],
        "2 studies have no patient id. Names and birth dates, compared as hashes, tell 1 patient apart",
    ),
    "no id, a middle name, accents and another order": (
        [shown("1", patient_name="MÜLLER^ZOË", birth_date="19500203"),
         shown("2", patient_name="Zoe Anna MUELLER", birth_date="19500203"),
         shown("3", patient_name="MULLER^ZOE=漢字", birth_date="19500203")],
        [0, 0, 0],
        "tell 1 patient apart",
    ),
    "no id, two people in one study": (
        [shown("1", **JANE), shown("1", **JOHN)], [0, 1], "1 study has no patient id."
    ),
    "no id, the same name and another birth date": (
        [shown("1", **JANE), shown("2", **{**JANE, "birth_date": "19900203"})], [0, 1], "tell 2 patients apart"
    ),
    "no id, a full name without a birth date": (
        [shown("1", patient_name="ROWE^JANE"), shown("2", **JANE), shown("3", patient_name="ROWE")],
        [0, 0, 1],
        "1 study has neither a usable id nor name and birth date",
    ),
    "no id, nothing": (
        [shown("1"), shown("1", **JANE), shown("2"), shown("3", birth_date="19500203")],
        [0, 0, 1, 2],
        "2 studies have neither a usable id nor name and birth date; each such study is taken as one patient",
    ),
    "no id in one study, an id in the other": (
        [shown("1", patient_id="7", **JANE), shown("2", **JANE), shown("1")],
        [0, 0, 0],
        "2 studies have images without a usable id that by name and birth date, or by the study, belong to a patient",
    ),
    "two ids with one name": (
        [shown("1", patient_id="7", **JANE), shown("2", patient_id="801", **JANE)],
        [0, 1],
        "1 pair of patient ids with the same name and birth date: probably one person with two ids",
    ),
    "placeholders": (
        [shown("1", patient_id="ANONYMOUS", patient_name="ANONYMOUS", birth_date="19500101"),
         shown("2", patient_id="ANONYMOUS", patient_name="ANONYMOUS", birth_date="19500101")],
        [0, 1],
        "2 studies have a placeholder such as ANONYMOUS or 0000 as patient id, which is no identity.",
    ),
    "placeholders beside real names": (
        [shown("1", patient_id="ANONYMOUS", **JANE), shown("2", patient_id="000000", **JANE),
         shown("3", patient_id="***", **JOHN)],
        [0, 0, 1],
        "3 studies have a placeholder",
    ),
    "birth dates that software fills in": (
        [shown("1", patient_name="ROWE^JANE", birth_date="19000101"),
         shown("2", patient_name="SMITH^JOHN", birth_date="19000101")],
        [0, 1],
        "tell 2 patients apart",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DECISIONS)
def test_who_is_who_is_decided_by_the_table_and_reported(case: str) -> None:
    headers, expected, words = DECISIONS[case]
    assert patients(*headers) == expected
    found = notes(*headers)
    assert words in found if words else found == ""
    assert not found or found.endswith(
        "give --labels with a column series_uid, study_uid or folder and a column patient_id."
    )
    for name in ("ROWE", "SMITH", "JANE", "1950", "STUDY1", "P07"):
        assert name not in found


@pytest.mark.parametrize("case", DECISIONS)
def test_what_is_decided_does_not_depend_on_the_order_of_files(case: str) -> None:
    headers, *_ = DECISIONS[case]
    there, back = who_is_who(headers, key=KEY), who_is_who(headers[::-1], key=KEY)
    assert [there.patient_of(header) for header in headers] == [back.patient_of(header) for header in headers]
    assert there.notes == back.notes


def test_the_key_of_a_patient_holds_the_id_alone_or_a_hash() -> None:
    headers = [shown("1", patient_id="MRN-7", **JANE), shown("2", **JOHN)]
    first, second = (who_is_who(headers, key=KEY).patient_of(header) for header in headers)
    assert first == "MRN-7"
    assert second.startswith("person n-")
    assert "smith" not in second.casefold()
    assert second != who_is_who(headers, key=bytes(32)).patient_of(headers[1])


PLACEHOLDERS = (
    "ANONYMOUS", "Anon", "anonymized", "Anonymised", "UNKNOWN", "unknown^unknown", "0", "000000", "NONE", "N/A", "nan",
    "TEST", "Test Patient", "PATIENT", "XXX", "xxxxxx", "***", "---", "?", "9999", "No Name", "NN", "de-identified",
    "John Doe", "Removed", "",
)  # fmt: skip
REAL = ("P001", "1", "11", "99", "12345", "ANON-0012", "sub-01", "LIDC-IDRI-0001", "TEST07", "A", "Rowe^Jane", "Xu^Xi")


def test_placeholders_stand_for_nobody_and_numbers_for_somebody() -> None:
    assert [text for text in PLACEHOLDERS if not is_placeholder(text)] == []
    assert [text for text in REAL if is_placeholder(text)] == []
    assert person_of(shown("1", patient_name="ANONYMOUS^^", birth_date="00010101")).name == ()


def test_names_agree_with_a_middle_name_but_not_by_one_word() -> None:
    assert names_agree(("doe", "jane"), ("anna", "doe", "jane"))
    assert not names_agree(("doe",), ("doe", "jane"))
    assert not names_agree(("doe", "john"), ("doe", "jane"))


@pytest.mark.parametrize(
    ("text", "date"),
    [("20200201", "20200201"), ("2020.02.01", "20200201"), ("2020-02-01", "20200201"), ("19000101", ""),
     ("19700101", ""), ("99991231", ""), ("20200230", ""), ("***", ""), ("", ""), ("20200201120000", "20200201"),
     ("00000000", ""), ("17771231", "")],
)  # fmt: skip
def test_a_date_is_a_day_on_which_somebody_lived(text: str, date: str) -> None:
    assert known_date(text) == date


def radiograph(folder: Path, number: int, **tags: str) -> None:
    pixels = np.random.default_rng(number).integers(0, 4096, (12, 10)).astype(np.uint16)
    dataset = phantoms.image(pixels, uid=f"9.{number}", sop_class=phantoms.CR, modality="CR")
    dataset.StudyInstanceUID, dataset.PatientID = f"1.2.826.0.3.{number + 1}", ""
    for name, value in tags.items():
        setattr(dataset, name, value)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}").write_bytes(phantoms.as_bytes(dataset))


def test_people_without_ids_are_distinguished_by_the_command_and_no_name_is_written(
    tmp_path: Path, intake: Intake
) -> None:
    folder = tmp_path / "pacs"
    for number, (name, born) in enumerate([("CANARY^JANE", "19501112"), ("CANARY^JOHN", "19610203")] * 2):
        radiograph(folder, number, PatientName=name, PatientBirthDate=born)
    taken = intake(folder)
    assert len({row["patient_id"] for row in taken.cases}) == 2
    assert "4 studies have no patient id." in taken.notes
    written = [
        path.read_bytes() for path in [*taken.manifest.parent.rglob("*"), *taken.home.rglob("*")] if path.is_file()
    ]
    for word in (b"CANARY", b"canary", b"19501112", b"19610203"):
        assert not any(word in content for content in [*written, taken.stdout.encode(), taken.stderr.encode()])


def test_dates_that_software_fills_in_have_no_interval_and_are_reported(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pacs"
    for number, day in enumerate(("20200101", "2020.02.01", "19000101", "", "20200301")):
        radiograph(folder, number, PatientID="7", StudyDate=day)
    radiograph(folder, 6, PatientID="7", StudyDate="20200401", AcquisitionDate="19000101")
    taken = intake(folder, "--interval")
    assert sorted(row["interval_days"] for row in taken.cases) == ["", "", "0.0", "31.0", "60.0", "91.0"]
    assert any(note.startswith("2 cases have no date but what software fills in") for note in taken.notes)
