"""Folders are classes when their names are clear or the user says so; names of persons stay at home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from picture_tree import put_pictures

from medtl.errors import ConfigurationError
from medtl.intake.class_folders import class_level
from medtl.intake.copies import nested_copies
from medtl.intake.folder_levels import levels_of, split_in
from medtl.intake.folder_names import may_name_somebody, split_of

Intake = Callable[..., Any]


def level(*folders: str, count: int = 6, labels_from: str | None = None) -> int | None:
    """The level taken for the classes, with so many images in each folder."""
    every = [tuple(folder.split("/")) for folder in folders for _ in range(count)]
    return class_level(levels_of(every), labels_from=labels_from).number


@pytest.mark.parametrize(
    ("folders", "number"),
    [
        (("NORMAL", "PNEUMONIA"), 1), (("benign", "malignant", "normal"), 1), (("CNV", "DME", "DRUSEN", "NORMAL"), 1),
        (("train/NORMAL", "train/PNEUMONIA", "test/NORMAL", "test/PNEUMONIA"), 2),
        (("set/glioma", "set/meningioma", "set/notumor", "set/pituitary"), 2), (("No_DR", "Mild", "Severe"), 1),
        (("COVID-19", "Viral Pneumonia", "Lung_Opacity"), 1), (("healthy", "ill"), 1), (("grade 1", "grade 2"), 1),
        (("Squamous_Cell", "Adenocarcinoma"), 1), (("yes", "no"), 1), (("basal cell carcinoma", "nevus"), 1),
    ],
)  # fmt: skip
def test_names_of_classes_are_known(folders: tuple[str, ...], number: int) -> None:
    assert level(*folders) == number


@pytest.mark.parametrize(
    "folders",
    [
        ("DOE_JANE", "ROE_RICK"), ("Erika Mustermann", "Jan Novak", "normal"), ("Doe, Jane", "benign"),
        ("2021-03-04", "2021-05-06"), ("20210304", "normal"), ("P001", "P002", "control"), ("12345", "12346"),
        ("Anna", "Bert", "Carl"), ("left", "right"), ("t1", "t2"), ("train", "test"), ("images", "benign_images"),
        ("hospital A", "hospital B"), ("baseline", "followup"), ("0", "1"),
        ("MEYER_A/normal", "MEYER_A/ill", "NOVAK_B/normal", "NOVAK_B/ill"),
    ],
)  # fmt: skip
def test_names_that_may_be_persons_dates_ids_or_sites_are_not(folders: tuple[str, ...]) -> None:
    chosen = level(*folders)
    assert chosen is None or folders[0].startswith("MEYER")
    if chosen is not None:
        assert chosen == 2


def test_few_images_in_a_folder_or_many_folders_make_no_classes() -> None:
    assert level("normal", "pneumonia", count=4) is None
    assert level(*(f"grade {n}" for n in range(11))) is None
    assert level("normal/mild", "pneumonia/severe") is None


def test_the_user_may_request_it() -> None:
    assert level("Anna", "Bert", labels_from="folder") == 1
    assert level("train/a", "test/b", labels_from="folder") == 2
    assert level("x/a", "y/b", labels_from="folder:2") == 2
    with pytest.raises(ConfigurationError, match=r"folder:1 with 2 names and 6 images in each; folder:2 with 2 names"):
        level("Anna/a", "Bert/b", labels_from="folder")
    with pytest.raises(ConfigurationError, match=r"--labels-from folder:3: expected folder:N"):
        level("x/a", "y/b", labels_from="folder:3")


def test_a_person_is_no_class_but_a_class_may_have_two_words() -> None:
    names = (
        "DOE_JANE",
        "Doe Jane",
        "Doe^Jane",
        "Lee, A",
        "1990-02-03",
        "P7",
        "viral pneumonia",
        "No_DR",
        "stage 3",
        "Anna",
    )
    assert [name for name in names if may_name_somebody(name)] == list(names[:6])


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        ("train", "train"), ("Training", "train"), ("imagesTs", "test"), ("images_val", "validation"),
        ("test_set", "test"),
        ("training 2", ""), ("trainer", ""), ("normal", ""), ("val", "validation"),
    ],
)  # fmt: skip
def test_parts_of_a_split_are_known_by_their_names(folder: str, part: str) -> None:
    assert split_of(folder) == part


def test_a_split_of_one_part_is_none() -> None:
    levels = levels_of([("train", "a"), ("train", "b")])
    assert split_in(("train", "a"), levels) == ""
    levels = levels_of([("x", "train"), ("x", "val")])
    assert split_in(("x", "val"), levels) == "validation"


def test_a_copy_of_the_collection_inside_itself_is_named_and_refused(tmp_path: Path, intake: Intake) -> None:
    names = [f"{part}/{label}/{label}-{part}-{n}.png" for part in ("train", "test") for label in ("NORMAL", "PNEUMONIA")
             for n in range(5)]  # fmt: skip
    folder = put_pictures(tmp_path / "set", names)
    for name in names:
        copy = folder / "chest_xray" / "again" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((folder / name).read_bytes())
    taken = intake(folder)
    assert taken.counts == (40, 20, 20)
    assert Counter(row["label"] for row in taken.cases) == {"NORMAL": 10, "PNEUMONIA": 10}
    assert Counter(row["official_split"] for row in taken.cases) == {"train": 10, "test": 10}
    assert {row["reason"] for row in taken.refusals} == {"copy"}
    assert any("The collection holds a copy of itself, or of a part of it: 20 files" in note for note in taken.notes)
    assert any(note.startswith("The classes are the names of 2 folders: ") for note in taken.notes)


def test_equal_files_elsewhere_are_left_to_check(tmp_path: Path) -> None:
    folder = put_pictures(tmp_path / "set", ["train/a/1.png", "b/train/a/1.png"])
    (folder / "test" / "a").mkdir(parents=True)
    (folder / "test" / "a" / "1.png").write_bytes((folder / "train" / "a" / "1.png").read_bytes())
    assert nested_copies(sorted(folder.rglob("*.png")), folder) == ()


@pytest.mark.parametrize("name", ["set copy", "set (1)", "Copy of set", "set - Kopie", "set_backup", "set copy 2"])
def test_a_folder_beside_that_is_called_a_copy_is_one_where_the_bytes_are_the_same(name: str, tmp_path: Path) -> None:
    folder = put_pictures(tmp_path, ["set/normal/1.png", "set/normal/2.png", f"{name}/normal/1.png"])
    (folder / name / "normal" / "2.png").write_bytes((folder / "set" / "normal" / "2.png").read_bytes())
    (copy,) = nested_copies(sorted(folder.rglob("*.png")), folder)
    assert copy.files == (folder / name / "normal" / "2.png",)
    (folder / "set" / "abnormal").mkdir()
    (folder / "set1" / "normal").mkdir(parents=True)
    (folder / "set1" / "normal" / "2.png").write_bytes((folder / "set" / "normal" / "2.png").read_bytes())
    (folder / "set" / "abnormal" / "1.png").write_bytes((folder / "set" / "normal" / "1.png").read_bytes())
    assert len(nested_copies(sorted(folder.rglob("*.png")), folder)) == 1


def test_names_that_were_not_taken_are_in_no_output(tmp_path: Path, intake: Intake) -> None:
    names = [f"CANARY_{who}/IM{number}{n}.png" for number, who in enumerate(("ANNA", "BERT", "CARL")) for n in range(6)]
    folder = put_pictures(tmp_path / "set", names)
    taken = intake(folder, "--patients-from", "folder:1")
    assert {row["label"] for row in taken.cases} == {""}
    assert any("No folder was taken for a class, so no case has a label: folder:1 with 3 names and 6 images" in note
               for note in taken.notes)  # fmt: skip
    heard = [taken.stdout.encode(), taken.stderr.encode()]
    heard += [file.read_bytes() for file in taken.manifest.parent.rglob("*") if file.is_file()]
    assert not any(b"CANARY" in text for text in heard)
    requested = intake(folder, "--labels-from", "folder", "--patients-from", "file", out=tmp_path / "b" / "m.csv")
    assert Counter(row["label"] for row in requested.cases) == dict.fromkeys(
        ("CANARY_ANNA", "CANARY_BERT", "CANARY_CARL"), 6
    )
    assert any("3 of them may be names of persons, dates or ids; they now stand in the manifest" in note
               for note in requested.notes)  # fmt: skip
