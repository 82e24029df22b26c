"""Every kind of collection becomes a manifest that the cohort room reads, with the pixels that were put in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_phantom as phantoms
import nibabel
import numpy as np
import pandas as pd
import pytest
from dicom_phantom import series
from PIL import Image
from shared_data import SHARED

from medtl.cohort import read_manifest
from medtl.imaging.reading import read_scan
from medtl.intake import source_of
from medtl.study.check import check_data

Intake = Callable[..., Any]
ADRENAL = SHARED / "data" / "adrenalmnist3d"
OBLIQUE = np.array([[-0.8, 0.1, 0.2, 31.0], [0.1, 0.9, -0.3, -80.0], [0.1, 0.25, 2.4, 402.0], [0, 0, 0, 1.0]])
OBLIQUE[:3, :3] = np.linalg.qr(OBLIQUE[:3, :3])[0] * (0.8, 0.9, 2.5)


def volume(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-500, 1500, (6, 7, 5)).astype(np.int16)


def put_volume(path: Path, seed: int = 0, *, values: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume(seed) if values is None else values, OBLIQUE), path)
    return path


def put_mask(path: Path, shape: tuple[int, ...] = (6, 7, 5)) -> Path:
    values = np.zeros(shape, np.uint8)
    values[2:4, 2:4, 2:4] = 1
    return put_volume(path, values=values)


def put_picture(path: Path, seed: int = 0) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def written(taken: Any, row: dict[str, str]) -> nibabel.Nifti1Image:
    return nibabel.load(taken.manifest.parent / row["image"])


def sources(taken: Any) -> dict[str, dict[str, str]]:
    """Each case by the name of its first source file."""
    return {taken.source_names(row)[0]: row for row in taken.cases}


def adds_up(taken: Any, folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else [folder]
    found, used, refused = taken.counts
    assert found == used + refused == len(files)


def test_a_nifti_folder_keeps_voxels_affine_and_masks(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "scans"
    for number in range(3):
        put_volume(folder / "images" / f"s{number}.nii.gz", number)
    put_mask(folder / "labels" / "s1.nii.gz")
    put_mask(folder / "labels" / "s2.nii.gz", (5, 5, 5))
    (folder / "notes.txt").write_text("hello")
    taken = intake(folder)
    adds_up(taken, folder)
    by_source = sources(taken)
    assert set(by_source) == {"s0.nii.gz", "s1.nii.gz"}
    for number in range(2):
        image = written(taken, by_source[f"s{number}.nii.gz"])
        np.testing.assert_array_equal(image.get_fdata(), volume(number))
        np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-4)
    assert by_source["s0.nii.gz"]["mask"] == ""
    mask = nibabel.load(taken.manifest.parent / by_source["s1.nii.gz"]["mask"])
    assert mask.get_fdata().sum() == 8
    reasons = {row["reason"]: row["detail"] for row in taken.refusals}
    assert set(reasons) == {"not_an_image", "mask_on_another_grid"}
    assert "another grid (5 x 5 x 5) than its scan (6 x 7 x 5). Resample the mask" in reasons["mask_on_another_grid"]


def test_folders_of_pictures_are_classes_and_parts_of_a_split(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pictures"
    pixels = {}
    for part, ours in (("train", "train"), ("val", "validation"), ("test", "test")):
        for label in ("healthy", "ill"):
            for number in range(2):
                name = f"{part}-{label}-{number}.png"
                pixels[name] = (put_picture(folder / part / label / name, len(pixels)), ours, label)
    taken = intake(folder)
    adds_up(taken, folder)
    for name, row in sources(taken).items():
        expected, part, label = pixels[name]
        assert (row["official_split"], row["label"]) == (part, label)
        np.testing.assert_array_equal(np.asarray(Image.open(taken.manifest.parent / row["image"])), expected)
    assert any(note.startswith("The classes are the names of 2 folders: ") for note in taken.notes)


def bids(folder: Path) -> Path:
    for number in range(1, 4):
        put_volume(folder / f"sub-0{number}" / "anat" / f"sub-0{number}_T1w.nii.gz", number)
    put_volume(folder / "sub-01" / "anat" / "sub-01_FLAIR.nii.gz", 9)
    put_mask(folder / "derivatives" / "hand" / "sub-02" / "anat" / "sub-02_desc-lesion_mask.nii.gz")
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    (folder / "participants.tsv").write_text(
        "participant_id\tage\tsex\tgroup\nsub-01\t31\tF\tcontrol\nsub-02\tn/a\tM\tpatient\nsub-03\t50\tM\tpatient\n"
    )
    return folder


def test_a_bids_data_set_brings_subjects_covariates_and_masks(tmp_path: Path, intake: Intake) -> None:
    folder = bids(tmp_path / "bids")
    taken = intake(folder, "--label-column", "group", "--modality", "T1w")
    adds_up(taken, folder)
    found = {
        name: (row["label"], row["age_years"], row["sex"], bool(row["mask"])) for name, row in sources(taken).items()
    }
    assert found == {
        "sub-01_T1w.nii.gz": ("control", "31", "F", False),
        "sub-02_T1w.nii.gz": ("patient", "", "M", True),
        "sub-03_T1w.nii.gz": ("patient", "50", "M", False),
    }
    assert {row["reason"] for row in taken.refusals} == {"other_modality", "not_an_image"}
    without = intake(folder, out=tmp_path / "other" / "m.csv")
    assert (
        "participants.tsv has no column 'label', so no case has a label. Its columns: participant_id" in without.stdout
    )
    by_source = sources_of_many(without)
    assert by_source["sub-01_T1w.nii.gz"] == by_source["sub-01_FLAIR.nii.gz"]


def test_masks_of_a_bids_data_set_are_never_cases_wherever_they_lie(tmp_path: Path, intake: Intake) -> None:
    folder = bids(tmp_path / "bids")
    hand = folder / "derivatives" / "hand"
    put_mask(folder / "sub-01" / "anat" / "sub-01_desc-brain_mask.nii.gz")
    put_mask(folder / "sub-09" / "anat" / "sub-09_dseg.nii.gz")
    put_mask(hand / "sub-03" / "anat" / "sub-03_label-a_mask.nii.gz")
    put_mask(hand / "sub-03" / "anat" / "sub-03_label-b_mask.nii.gz")
    taken = intake(folder, "--modality", "T1w")
    adds_up(taken, folder)
    assert {name: bool(row["mask"]) for name, row in sources(taken).items()} == {
        "sub-01_T1w.nii.gz": True, "sub-02_T1w.nii.gz": True, "sub-03_T1w.nii.gz": False,
    }  # fmt: skip
    reasons = taken.reasons_by_name()
    assert reasons["sub-09_dseg.nii.gz"] == "mask_without_image"
    assert reasons["sub-03_label-a_mask.nii.gz"] == reasons["sub-03_label-b_mask.nii.gz"] == "several_masks"
    chosen = intake(folder, "--modality", "T1w", "--mask", "*label-b*", out=tmp_path / "b" / "m.csv")
    assert sum(bool(row["mask"]) for row in chosen.cases) == 1


def sources_of_many(taken: Any) -> dict[str, str]:
    """The patient of each source file, where several intakes share a home."""
    return {source_of(row["case_id"]).files[0].name: row["patient_id"] for row in taken.cases}


def test_a_datalist_gives_labels_or_masks_folds_and_the_split(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "Task99"
    for number in range(4):
        put_volume(folder / "imagesTr" / f"a{number}.nii.gz", number)
    put_volume(folder / "imagesTs" / "t0.nii.gz", 5)
    put_mask(folder / "labelsTr" / "a3.nii.gz")
    listed: dict[str, Any] = {
        "training": [
            {"image": f"./imagesTr/a{number}.nii.gz", "label": number % 2, "fold": number} for number in range(3)
        ],
        "test": ["./imagesTs/t0.nii.gz", "./imagesTs/gone.nii.gz"],
    }
    listed["training"].append({"image": "imagesTr/a3.nii.gz", "label": "labelsTr/a3.nii.gz"})
    (folder / "dataset.json").write_text(json.dumps(listed))
    taken = intake(folder)
    adds_up(taken, folder)
    found = {
        name: (row["label"], row["official_split"], row["fold"], bool(row["mask"]))
        for name, row in sources(taken).items()
    }
    assert found == {
        "a0.nii.gz": ("0", "train", "0", False),
        "a1.nii.gz": ("1", "train", "1", False),
        "a2.nii.gz": ("0", "train", "2", False),
        "a3.nii.gz": ("", "train", "", True),
        "t0.nii.gz": ("", "test", "", False),
    }
    assert [row["reason"] for row in taken.refusals] == ["missing_file"]
    alone = intake(folder / "dataset.json", out=tmp_path / "again" / "m.csv")
    assert [row["image"] for row in alone.cases] == [row["image"] for row in taken.cases]


def test_an_nnunet_folder_gives_cases_by_their_first_channel(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "Dataset123_Liver"
    for case in ("liver_1", "liver_2"):
        for channel in (0, 1):
            put_volume(folder / "imagesTr" / f"{case}_{channel:04d}.nii.gz", channel)
        put_mask(folder / "labelsTr" / f"{case}.nii.gz")
    put_volume(folder / "imagesTs" / "liver_3_0000.nii.gz", 3)
    (folder / "dataset.json").write_text('{"channel_names": {"0": "CT", "1": "PET"}, "numTraining": 2}')
    taken = intake(folder)
    adds_up(taken, folder)
    found = {name: (row["official_split"], bool(row["mask"])) for name, row in sources(taken).items()}
    assert found == {
        "liver_1_0000.nii.gz": ("train", True),
        "liver_2_0000.nii.gz": ("train", True),
        "liver_3_0000.nii.gz": ("test", False),
    }
    assert [row["reason"] for row in taken.refusals] == ["further_channel"] * 2


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (28, 28, 28)])
def test_a_medmnist_file_gives_its_images_labels_and_official_split(
    shape: tuple[int, ...], tmp_path: Path, intake: Intake
) -> None:
    chance = np.random.default_rng(1)
    arrays = {}
    for part, count in (("train", 4), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = chance.integers(0, 256, (count, *shape)).astype(np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    file = tmp_path / "toy.npz"
    np.savez_compressed(file, **arrays)
    taken = intake(file)
    adds_up(taken, file)
    assert len(taken.cases) == 9
    ours = {"train": "train", "val": "validation", "test": "test"}
    for row in taken.cases:
        path = taken.links[row["case_id"]]["image"].partition("#")[2]
        name, number = path[:-1].split("[")
        part = name.removesuffix("_images")
        assert row["official_split"] == ours[part]
        assert int(row["label"]) == arrays[f"{part}_labels"][int(number), 0]
        file = taken.manifest.parent / row["image"]
        pixels = np.asarray(Image.open(file)) if file.suffix == ".png" else nibabel.load(file).get_fdata()
        np.testing.assert_array_equal(pixels, arrays[name][int(number)])
    assert any("MedMNIST publishes no patient numbers" in note for note in taken.notes)


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.skipif(not ADRENAL.is_dir(), reason="AdrenalMNIST3D is not beside the checkout")
@pytest.mark.parametrize(("name", "side"), [("adrenalmnist3d.npz", 28), ("adrenalmnist3d_64.npz", 64)])
def test_adrenalmnist3d_comes_in_with_the_published_counts(name: str, side: int, intake: Intake) -> None:
    """1,188, 98 and 298 shapes; 259, 22 and 69 of them hyperplasia (SOURCE.md, from the MedMNIST paper)."""
    taken = intake(ADRENAL / name)
    cases = pd.DataFrame(taken.cases)
    counts = cases.groupby("official_split")["label"].value_counts().unstack()
    assert counts.loc["train"].tolist() == [929, 259]
    assert counts.loc["validation"].tolist() == [76, 22]
    assert counts.loc["test"].tolist() == [229, 69]
    with np.load(ADRENAL / name) as arrays:
        images = arrays["val_images"]
    assert images.shape[1:] == (side, side, side)
    for row in taken.cases[1188:1288:20]:
        number = int(taken.links[row["case_id"]]["image"].partition("[")[2][:-1])
        np.testing.assert_array_equal(written(taken, row).get_fdata(), images[number])
    cohort = read_manifest(taken.manifest)
    assert len(cohort.cases) == 1584


def hospital(folder: Path) -> Path:
    """Twelve patients, two series for the first one."""
    for number in range(12):

        def change(dataset: Any, _k: int, number: int = number) -> None:
            dataset.PatientID = f"MRN-{number:03d}"
            dataset.StudyInstanceUID = f"1.2.826.0.3.{number + 1}"
            dataset.KVP = "120"
            dataset.Manufacturer, dataset.ManufacturerModelName = "SIEMENS", "Sensation 64"

        series(slices=6, uid=f"{number + 10}", seed=number, change=change).write(folder / f"patient {number}")
    return folder


def test_the_manifest_of_a_dicom_folder_is_read_by_the_cohort_room_with_the_phantoms_behind_it(
    tmp_path: Path, intake: Intake
) -> None:
    folder = hospital(tmp_path / "pacs")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "patient_id;label;sex\n" + "".join(f"MRN-{n:03d};{'ill' if n % 2 else 'healthy'};F\n" for n in range(12))
    )
    taken = intake(folder, "--labels", labels)
    adds_up(taken, folder)
    cohort = read_manifest(taken.manifest)
    assert (len(cohort.cases), cohort.exclusions) == (12, ())
    assert cohort.classes == ("healthy", "ill")
    assert {(row["modality"], row["manufacturer"], row["model"], row["kvp"]) for row in taken.cases} == {
        ("CT", "Siemens", "Sensation 64", "120.0")
    }
    for row in taken.cases:
        number = int(taken.links[row["case_id"]]["original_patient_id"].removeprefix("MRN-"))
        truth = series(slices=6, seed=number)
        image = written(taken, row)
        np.testing.assert_array_equal(image.get_fdata(), truth.values)
        np.testing.assert_allclose(image.affine, truth.affine, atol=1e-4)


def test_radiographs_from_a_pacs_could_be_studied_as_they_came_in(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "xray"
    folder.mkdir()
    stored = {}
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 4096, (30, 40)).astype(np.uint16)
        dataset = phantoms.image(pixels, uid=f"9.{number}", sop_class=phantoms.CR, modality="CR")
        dataset.PatientID = f"MRN-{number}"
        dataset.StudyInstanceUID = f"1.2.826.0.3.{number + 1}"
        (folder / f"{number}").write_bytes(phantoms.as_bytes(dataset))
        stored[f"{number}"] = pixels
    labels = tmp_path / "labels.csv"
    labels.write_text("patient_id,label\n" + "".join(f"MRN-{n},{'ill' if n % 2 else 'healthy'}\n" for n in range(12)))
    taken = intake(folder, "--labels", labels)
    for name, row in sources(taken).items():
        assert row["modality"] == "CR"
        np.testing.assert_array_equal(read_scan(taken.manifest.parent / row["image"]).pixels[0], stored[name])
    printed = check_data(taken.manifest)
    assert "12 cases in the manifest, 12 studied, of 12 patients" in printed
    assert "A study can start." in printed


def test_two_phases_in_one_series_are_two_cases_that_keep_their_names_and_are_reported(
    tmp_path: Path, intake: Intake
) -> None:
    def phase(number: int) -> phantoms.Change:
        return lambda dataset, _k: setattr(dataset, "AcquisitionNumber", number)

    first, second = phantoms.two_in_one_series(phase(1), phase(2), are_interleaved=True)
    first.write(tmp_path / "pacs" / "a")
    second.write(tmp_path / "pacs" / "b")
    taken = intake(tmp_path / "pacs")
    assert len(taken.cases) == 2
    assert any(note.startswith("1 series holds several stacks (time points, phases,") for note in taken.notes)
    assert "one of 2 stacks of its series, which differ in AcquisitionNumber" in taken.page
    series(slices=6, uid="77", seed=7).write(tmp_path / "pacs" / "c")
    again = intake(tmp_path / "pacs", out=tmp_path / "other" / "m.csv")
    assert {row["case_id"] for row in taken.cases} < {row["case_id"] for row in again.cases}
