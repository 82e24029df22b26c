"""One person under two ids would stand on both sides of a fold, so near twins are named and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtl.cohort import ManifestSettings, read_manifest
from medtl.cohort.patient_ids import difference, id_form, no_id, twins_among
from medtl.errors import DataRefused

TWINS = (
    ("7", "007", "in zeros in front"), ("7", "7.0", "in a .0 behind the number"), ("p07", "P07", "in capitals"),
    ("P7", "P007", "in zeros in front"), ("P07", "Ｐ０７", "in characters that cannot be seen or in their width"),
    ("12", "１２", "in characters that cannot be seen or in their width"), ("P07", "P\u200b07", "cannot be seen"),
    ("P07", "P07\ufeff", "cannot be seen"), ("P07", "P07 ", "in blanks"), ("P 07", "P07", ""), ("P-07", "P07", ""),
    ("P_07", "p7", ""), ("M\u00fcller", "Mu\u0308ller", "accents"), ("P07", "\u042007", "letters that look alike"),
    ("A\u20131", "A-1", ""), ("7,0", "7", ".0 behind"), ("Straße1", "STRASSE1", ""), ("a  b", "a b", "in blanks"),
)  # fmt: skip


@pytest.mark.parametrize(("one", "other", "how"), TWINS)
def test_ids_that_one_person_may_bear_have_one_form(one: str, other: str, how: str) -> None:
    assert id_form(one) == id_form(other)
    assert how in difference(one, other)
    assert twins_among([(2, one), (3, other), (4, other)]) == ((3, 2, difference(one, other)),)


@pytest.mark.parametrize(
    ("one", "other"),
    [("7", "70"), ("P1", "P2"), ("1-12", "11-2"), ("1.20", "1.2"), ("a07b", "a7c"), ("Müller", "Muller"), ("10", "1"),
     ("1.2.840.10", "1.2.840.1"), ("100", "1000"), ("P1L", "P1R"), ("-7", "7")],
)  # fmt: skip
def test_ids_of_two_people_have_two_forms(one: str, other: str) -> None:
    assert id_form(one) != id_form(other)


def test_ids_by_count_and_by_hash_are_no_twins() -> None:
    import hashlib

    counted = [f"person{n}_{kind}" for n in range(2000) for kind in ("virus", "bacteria")]
    hashed = [hashlib.sha256(str(n).encode()).hexdigest()[:12] for n in range(20_000)]
    assert not twins_among(enumerate([*counted, *hashed]))


@pytest.mark.parametrize("text", ["0", "7", "P07", "12e5", "a1e10", "1.2.840", "Nancy", "x"])
def test_an_ordinary_id_is_one(text: str) -> None:
    assert no_id(text) is None


HEAD = "patient_id,image,label\n"


@pytest.mark.parametrize(("one", "other"), [("7", "007"), ("p07", "P07"), ("P7", "Ｐ7"), ("7", "7.0"), ("P 07", "P07")])
def test_a_manifest_with_near_twins_is_refused_with_both_lines_unless_they_are_as_written(
    tmp_path: Path, one: str, other: str
) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(f"{HEAD}{one},1.png,ill\nQ,2.png,well\n{other},3.png,well\n{other},4.png,ill\n", encoding="utf-8")
    with pytest.raises(DataRefused) as caught:
        read_manifest(path)
    message = str(caught.value)
    assert "1 faulty line" in message
    assert "line 4: the patient in patient_id differs from the one in line 2 only in " in message
    assert "--ids-as-written (in a study file: ids_as_written: true)" in message
    assert read_manifest(path, ManifestSettings(ids_as_written=True)).patients == (one, "Q", other)
