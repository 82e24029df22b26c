"""Who the patient is: one reading is taken and noted, several are a question with counts; a request is followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_tree import put_pictures
from shared_data import SHARED

from medtl.errors import ConfigurationError, DataRefused
from medtl.intake.class_folders import ClassLevel, class_level
from medtl.intake.file_offer import file_offer
from medtl.intake.patient_pattern import patient_pattern
from medtl.intake.patient_readings import reduced_name
from medtl.intake.patients import Resolved, collected, with_patients
from medtl.intake.sequences import with_sequences

Intake = Callable[..., Any]
ROOT = Path("/collection")
CHASE = SHARED / "data" / "chase_db1"


def resolved(paths: list[str], *, patients_from: str | None = None, ids: tuple[str, ...] = ()) -> Resolved:
    found = collected([file_offer(ROOT / path, ROOT) for path in paths])
    classes = class_level(found.levels, labels_from=None)
    return with_patients(found, patients_from=patients_from, classes=classes, ids=ids)


def sizes(paths: list[str], **options: Any) -> list[int]:
    """How many images each patient has, the largest first."""
    return sorted(Counter(offer.patient for offer in resolved(paths, **options).offers).values(), reverse=True)


def question(paths: list[str]) -> str:
    with pytest.raises(DataRefused) as caught:
        resolved(paths)
    return str(caught.value)


ONE_READING: dict[str, tuple[list[str], list[int]]] = {
    "sequences in folders": ([f"P{p}/{s}.nii.gz" for p in range(4) for s in ("t1", "t2", "flair")], [3] * 4),
    "brats 2020": ([f"B20_{p:03d}/B20_{p:03d}_{s}.nii" for p in range(6) for s in ("t1", "t1ce", "t2")], [3] * 6),
    "brats 2023": ([f"GLI-{p:05d}-000/GLI-{p:05d}-000-{s}.nii.gz" for p in range(3) for s in ("t1n", "t2f")], [2] * 3),
    "two radiographs": ([f"{p}_{v}.png" for p in range(5) for v in ("frontal", "lateral")], [2] * 5),
    "sequences as folders": ([f"{s}/{p:03d}.nii.gz" for p in range(5) for s in ("t1", "FLAIR")], [2] * 5),
    "a number": ([f"hippocampus_{p:03d}.nii.gz" for p in (1, 3, 4)], [1] * 3),
    "isic": ([f"ISIC_{p:07d}.jpg" for p in range(5)], [1] * 5),
    "one file in each folder": ([f"case_{p:02d}/imaging.nii.gz" for p in range(4)], [1] * 4),
    "classes": ([f"{c}/{c} ({n}).png" for c in ("benign", "normal") for n in range(5)], [1] * 10),
    "classes and splits with numbers anew": (
        [f"{s}/{c}/{n}.png" for s in ("train", "test") for c in ("healthy", "pneumonia") for n in range(6)], [1] * 24),
    "places of images": ([f"images/p{n}.png" for n in range(4)], [1] * 4),
    "uuids": (["550e8400-e29b.png", "6ba7b810-9dad.png", "7d444840-9dc0.png"], [1] * 3),
    "one file": (["a.png"], [1]),
    "one patient alone": (["t1.nii.gz", "t2.nii.gz"], [2]),
    "signs alone": (["__.png", "(1).png", "a*[b.png"], [1] * 3),
}  # fmt: skip


@pytest.mark.parametrize("kind", ONE_READING)
def test_the_only_reading_is_taken_and_reported(kind: str) -> None:
    paths, expected = ONE_READING[kind]
    assert sizes(paths) == expected
    (note,) = resolved(paths).notes
    assert f"({len(paths)} images of {len(expected)} patients)" in note
    assert "which allow one reading" in note
    assert "Decide otherwise with --patients-from" in note


PERSONS = ("smith", "doe", "roe", "may", "lee", "ray", "kim", "fox", "cox", "day", "orr")
SEVERAL: dict[str, tuple[list[str], list[str]]] = {
    "kermany": ([f"train/P/person{p}_virus_{10 * p + k}.jpeg" for p in range(3) for k in range(p + 1)],
                ["file: 6 patients of 1 image", "name: 3 patients of 1 to 3 images"]),
    "odir": ([f"{p}_{side}.jpg" for p in range(7, 12) for side in ("left", "right")],
             ["file: 10 patients of 1 image", "name: 5 patients of 2 images"]),
    "chase": ([f"Image_{p:02d}{side}.jpg" for p in range(3) for side in "LR"],
              ["file: 6 patients of 1 image", "name: 3 patients of 2 images"]),
    "chest x-rays 14": ([f"{p:08d}_{k:03d}.png" for p in range(3) for k in range(2)],
                        ["file: 6 patients", "name: 3 patients of 2 images"]),
    "chexpert": ([f"patient{p:05d}/study{s}/view{v}.jpg" for p in range(3) for s in (1, 2) for v in (1, 2)],
                 ["file: 12 patients of 1", "folder:1: 3 patients of 4", "folder:2: 6 patients of 2"]),
    "numbered in folders of names": ([f"{n}/{k}.png" for n in ("DOE_JANE", "ROE_RICK") for k in range(3)],
                                     ["file: 6 patients of 1", "folder:1: 2 patients of 3",
                                      '"**/{patient}": 3 patients of 2']),
    "visits": ([f"{v}/{p:03d}.nii.gz" for v in ("baseline", "followup") for p in range(4)],
               ["file: 8 patients of 1", '"**/{patient}": 4 patients of 2', "folder:1: 2 patients of 4"]),
    "two hospitals": ([f"{h}/{p}/1.png" for h in ("north", "south") for p in ("001", "002")],
                      ["file: 4 patients of 1", '"*/{patient}/**": 2 patients of 2']),
    "both eyes at two sites": ([f"site{h}/{p}_{side}.jpg" for h in (1, 2) for p in (1, 2) for side in ("L", "R")],
                               ["file: 8 patients of 1", "name: 4 patients of 2"]),
    "octs": ([f"{s}/{c}/{c}-{p}-{k}.jpeg" for s in ("train", "test") for c in ("CNV", "NORMAL") for p in (1, 2)
              for k in range(3)], ["file: 24 patients of 1", "name: 4 patients of 6"]),
    "joints": ([f"XR_ELBOW/patient{p:05d}/study1_negative/image{k}.png" for p in range(4) for k in (1, 2)],
               ["file: 8 patients of 1", "folder:2: 4 patients of 2"]),
    "frames of a heart": ([f"patient{p:03d}_frame{k:02d}.nii.gz" for p in (1, 2) for k in (1, 12)],
                          ["file: 4 patients", "name: 2 patients of 2"]),
    "studies of a patient": ([f"{p}_{p}{s}.nii.gz" for p in (10, 11) for s in (0, 1)],
                             ["file: 4 patients", "name: 2 patients of 2"]),
    "visits in folder names": ([f"P{p:02d}_{v}/{s}.nii" for p in (1, 2) for v in ("a", "b") for s in ("t1", "t2")],
                               ["file: 4 patients of 2", "2 patients of 4"]),
    "names of persons": ([f"{n}_{k}.png" for n in PERSONS
                          for k in (1, 2)], ["file: 22 patients", "name: 11 patients of 2"]),
    "deeper parts": ([f"OAS1_{p:04d}_MR{k}_x.nii" for p in (1, 2) for k in (1, 2)],
                     ["file: 4 patients", "{patient:2}*\": 2 patients of 2"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_readings_are_a_question_with_counts_and_without_a_name(kind: str) -> None:
    paths, readings = SEVERAL[kind]
    message = question(paths)
    assert message.startswith("Who is the patient?")
    for reading in readings:
        assert reading in message
    assert "--patients-from" in message
    assert "patient_id" in message
    assert "Nothing was written." in message
    for word in ("DOE", "JANE", "smith", "north", "baseline", "person1", "OAS1"):
        assert word not in message


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("file", [1] * 6), ("folder", [3, 3]), ("folder:1", [3, 3]), ("{patient}/*", [3, 3]),
        ("**/{patient}", [2, 2, 2]), ("{site}/{patient}", [1] * 6),
    ],
)  # fmt: skip
def test_what_is_requested_is_done_and_reported(how: str, expected: list[int]) -> None:
    paths = [f"{name}/{k}.png" for name in ("DOE_JANE", "ROE_RICK") for k in range(3)]
    assert sizes(paths, patients_from=how) == expected
    assert f"{len(expected)} patients of 6 images" in resolved(paths, patients_from=how).notes[0]


@pytest.mark.parametrize(
    ("how", "path", "patient"),
    [
        ("{patient}_*", "x/12_left.jpg", "12"), ("Image_{patient}?", "Image_01L", "01"),
        ("person{patient}_*", "t/person7_virus_3", "7"), ("{patient:2}*", "IM-0115-0001", "IM-0115"),
        ("*/{patient}/*", "a/P1/x.png", "P1"), ("**/{patient}/*.png", "a/b/P1/x.png", "P1"),
        ("{site}/{patient}_*", "north/1_2", "north/1"), ("{patient}.png", "a.b.png", "a.b"),
        ("{patient}_*", "nothing", ""), ("*/{patient}/*", "a/x", ""), ("({patient})*", "(3).png", "3"),
    ],
)  # fmt: skip
def test_a_pattern_finds_the_patient(how: str, path: str, patient: str) -> None:
    assert patient_pattern(how).patient_in(path) == patient


@pytest.mark.parametrize(
    "how", ["patient", "{p}_*", "{patient}{patient}", "{patient", "{Patient}_*", "folders:1", "{patient:0}"]
)
def test_a_pattern_without_one_patient_is_refused(how: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected folder, folder:N, file, name, or a pattern that holds"):
        patient_pattern(how)


def test_files_that_do_not_fit_are_refused_by_name_and_counted() -> None:
    found = resolved(["person1_virus_6.png", "person1_virus_7.png", "IM-7-1.png"], patients_from="person{patient}_*")
    assert [offer.patient for offer in found.offers] == ["1", "1"]
    assert [one.reason for one in found.refusals] == ["no_patient_in_path"]
    assert "Its path is not as --patients-from says" in found.refusals[0].sentence
    assert (
        "1 files do not fit --patients-from and were refused (no_patient_in_path); their names have the form A-9-9"
        in (found.notes[1])
    )
    with pytest.raises(ConfigurationError, match=r"fits none of the 1 files\. Their paths have the form a9 \(1\)"):
        resolved(["x1.png"], patients_from="{patient}_*")
    with pytest.raises(ConfigurationError, match="the folders here have 1 levels"):
        resolved(["a/x1.png"], patients_from="folder:2")


def test_the_patients_of_a_labels_file_choose_among_readings() -> None:
    paths = [f"{p}_{side}.jpg" for p in range(7, 12) for side in ("left", "right")]
    assert sizes(paths, ids=("7", "8", "11")) == [2] * 5
    assert sizes(paths, ids=("7_left",)) == [1] * 10
    with pytest.raises(DataRefused, match="Who is the patient"):
        resolved(paths, ids=("7", "8_left"))


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("12_left", "12"), ("Image_01L", "Image_01"), ("IM-0115-0001", "IM-0115"), ("person1_virus_6", "person1"),
        ("NORMAL2-IM-0450-0001", "NORMAL2-IM-0450"), ("patient001_frame01", "patient001"), ("00000013_005", "00000013"),
        ("sub01_ses02_T1w", "sub01"), ("hippocampus_001", "hippocampus"), ("p01", ""), ("case_p01", ""), ("scan", ""),
        ("smith_2", "smith"), ("0123456_V01-Aug00_001", "0123456"), ("B20_001_flair", "B20_001"), ("01R_3", "01"),
    ],
)  # fmt: skip
def test_what_numbers_the_images_of_a_patient_goes_from_the_end(name: str, left: str) -> None:
    assert reduced_name(name) == left


def test_one_sequence_is_kept_on_request() -> None:
    offers = [file_offer(ROOT / f"P{p}/{s}.nii.gz", ROOT) for p in range(3) for s in ("t1", "t2", "FLAIR", "scout")]
    found = collected(offers)
    kept, refused, notes = with_sequences(found.offers, found.units, wanted="flair")
    assert [offer.names["image"] for offer in kept] == [f"P{p}/FLAIR.nii.gz" for p in range(3)]
    assert {one.reason for one in refused} == {"other_sequence"}
    assert {one.sentence for one in refused} == {
        "It is t1, not flair.", "It is t2, not flair.", "It is no sequence that its name tells of, not flair.",
    }  # fmt: skip
    assert not notes
    labelled, _, notes = with_sequences(found.offers, found.units, wanted=None)
    assert [offer.covariates.get("sequence") for offer in labelled[:4]] == ["t1", "t2", "flair", None]
    assert "flair (3), t1 (3), t2 (3)" in notes[0]
    assert "keep one: --sequence NAME" in notes[0]
    with pytest.raises(ConfigurationError, match=r"--sequence adc: no image is called so\..* flair \(3\), t1 \(3\)"):
        with_sequences(found.offers, found.units, wanted="adc")


def test_an_explicit_patient_wins_and_names_of_folders_stay_at_home(tmp_path: Path, intake: Intake) -> None:
    names = [f"{who}/{k}.png" for who in ("DOE_JANE", "ROE_RICK", "POE_ANN") for k in range(2)]
    folder = put_pictures(tmp_path / "set", names)
    refused = intake(folder, code=3)
    assert "Who is the patient?" in refused.stderr
    assert not (tmp_path / "study").exists()
    taken = intake(folder, "--patients-from", "folder")
    assert len({row["patient_id"] for row in taken.cases}) == 3
    assert {row["label"] for row in taken.cases} == {""}
    labels = folder / "labels.csv"
    rows = [f"{name},{'AB'[number % 2]},{'ab'[number % 2]}" for number, name in enumerate(names)]
    labels.write_text("image,patient_id,label\n" + "\n".join(rows) + "\n")
    joined = intake(folder, "--labels", labels, out=tmp_path / "b" / "m.csv")
    assert joined.counts == (7, 7, 0)
    assert len({row["patient_id"] for row in joined.cases}) == 2
    for copied in (tmp_path / "study", tmp_path / "b"):
        for file in copied.rglob("*"):
            if file.is_file():
                assert all(word not in file.read_bytes() for word in (b"DOE", b"JANE", b"RICK", b"POE_"))
    for text in (refused.stderr, taken.stdout, joined.stdout):
        assert not any(word in text for word in ("DOE", "JANE", "RICK", "POE_"))


def test_labels_of_patients_find_the_reading_that_they_name(tmp_path: Path, intake: Intake) -> None:
    folder = put_pictures(tmp_path / "set", [f"{p}_{side}.png" for p in range(3) for side in ("left", "right")])
    labels = tmp_path / "labels.csv"
    labels.write_text("patient_id,label\n0,ill\n1,well\n2,ill\n")
    taken = intake(folder, "--labels", labels)
    assert Counter(row["label"] for row in taken.cases) == {"ill": 4, "well": 2}
    assert len({row["patient_id"] for row in taken.cases}) == 3


def test_options_for_files_are_refused_where_they_have_no_use(tmp_path: Path, intake: Intake) -> None:
    folder = put_pictures(tmp_path / "set", ["a/1.png", "b/2.png"])
    labels = tmp_path / "labels.csv"
    labels.write_text("image,label\n1.png,x\n")
    message = intake(folder, "--labels", labels, "--labels-from", "folder", code=2).stderr
    assert "--labels and --labels-from both say what the classes are: give one of them." in message
    np.savez(tmp_path / "m.npz", train_images=np.zeros((2, 28, 28), np.uint8), train_labels=np.zeros((2, 1)))
    message = intake(tmp_path / "m.npz", "--patients-from", "file", code=2).stderr
    assert "--patients-from reads the names of files; this collection says itself who the patient is" in message
    message = intake(tmp_path / "m.npz", "--labels-from", "folder", code=2).stderr
    assert "--labels-from takes the folders of pictures and NIfTI files for classes" in message


def test_the_class_level_is_no_patient() -> None:
    found = collected([file_offer(ROOT / f"{c}/{n}.png", ROOT) for c in ("x", "y") for n in range(3)])
    given = with_patients(found, patients_from=None, classes=ClassLevel(1, is_requested=True))
    assert len({offer.patient for offer in given.offers}) == 6


@pytest.mark.real_data
@pytest.mark.skipif(not CHASE.is_dir(), reason="CHASE DB1 is not beside the checkout")
def test_chase_db1_has_fourteen_children_and_a_mask_of_the_chosen_reader(intake: Intake) -> None:
    """28 photographs of 14 children, two readers' vessels for each (SOURCE.md)."""
    assert "file: 28 patients of 1 image" in (message := intake(CHASE, code=3).stderr)
    assert "name: 14 patients of 2 images" in message
    taken = intake(CHASE, "--patients-from", "name", "--mask", "*_1stHO*")
    assert (len(taken.cases), len({row["patient_id"] for row in taken.cases})) == (28, 14)
    assert all(row["mask"] for row in taken.cases)
    assert Counter(row["reason"] for row in taken.refusals)["other_mask"] == 28
