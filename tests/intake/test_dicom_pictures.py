"""DICOM pictures through the whole intake: clips by a frame, raw beside processed, captures, the shape of pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_phantom as phantoms
import numpy as np
import pytest
from pydicom.dataset import FileDataset

from medtl.errors import ConfigurationError
from medtl.imaging.reading import decode_scan, read_scan
from medtl.intake.settings import intake_settings

Intake = Callable[..., Any]
CHANCE = np.random.default_rng(8)
CLIP = CHANCE.integers(0, 4096, (3, 20, 24)).astype(np.uint16)
ULTRASOUND_CLIP, MG_SHOWN, MG_RAW = "3.1", "1.2", "1.2.1"


def picture(
    patient: str, sop_class: str, modality: str, stored: np.ndarray | None = None, **tags: object
) -> FileDataset:
    pixels = CHANCE.integers(0, 4096, (20, 24)).astype(np.uint16) if stored is None else stored
    kind = f"1.2.840.10008.5.1.4.1.1.{sop_class}"
    dataset = phantoms.image(pixels, uid=str(CHANCE.integers(10**9)), sop_class=kind, modality=modality)
    number = int.from_bytes(patient.encode())
    dataset.PatientID, dataset.StudyInstanceUID = patient, f"1.2.3.{number}"
    dataset.SeriesInstanceUID = f"1.2.3.{number}.{CHANCE.integers(10**9)}"
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def clip(patient: str, frames: np.ndarray = CLIP) -> FileDataset:
    dataset = picture(patient, ULTRASOUND_CLIP, "US", frames[0], PhotometricInterpretation="MONOCHROME1")
    dataset.NumberOfFrames, dataset.PixelData = len(frames), frames.tobytes()
    return dataset


def put(folder: Path, files: dict[str, FileDataset]) -> Path:
    folder.mkdir(parents=True)
    for name, dataset in files.items():
        (folder / name).write_bytes(phantoms.as_bytes(dataset))
    return folder


def test_a_clip_is_refused_or_gives_the_frames_that_are_requested(tmp_path: Path, intake: Intake) -> None:
    still = picture("7", "6.1", "US", CLIP[1], PhotometricInterpretation="MONOCHROME1")
    folder = put(tmp_path / "pacs", {"clip": clip("7"), "short": clip("8", CLIP[:1]), "still": still})
    without = intake(folder)
    assert without.reasons_by_name() == {"clip": "several_frames", "short": "used", "still": "used"}
    assert "frame" not in without.cases[0]
    labels = tmp_path / "labels.csv"
    labels.write_text("patient_id,label\n7,cyst\n8,none at all\n")
    every = intake(folder, "--frame", "all", "--labels", labels, out=tmp_path / "every" / "m.csv")
    of_clip = [row for row in every.cases if row["frame"]]
    assert [row["frame"] for row in of_clip] == ["1", "2", "3"]
    assert any("Of 1 clip every frame was taken (--frame all); the column frame says" in note for note in every.notes)
    assert len({row["patient_id"] for row in of_clip}) == 1
    assert {row["label"] for row in of_clip} == {"cyst"}
    patient = of_clip[0]["patient_id"]
    (of_still,) = [row for row in every.cases if row["patient_id"] == patient and not row["frame"]]
    for row, frame in zip(of_clip, CLIP, strict=True):
        np.testing.assert_array_equal(read_scan(every.manifest.parent / row["image"]).pixels[0], 4095.0 - frame)
    by_still = read_scan(every.manifest.parent / of_still["image"])
    np.testing.assert_array_equal(read_scan(every.manifest.parent / of_clip[1]["image"]).pixels, by_still.pixels)
    middle = intake(folder, "--frame", "middle", out=tmp_path / "middle" / "m.csv")
    (one,) = [row for row in middle.cases if row["frame"]]
    assert (one["frame"], one["case_id"]) == ("2", of_clip[1]["case_id"])
    assert "frame 2 of 3 of a clip" in middle.page


@pytest.mark.parametrize("word", ["last", "0", "-1", "1.5", ""])
def test_a_frame_that_is_none_is_reported(word: str) -> None:
    with pytest.raises(ConfigurationError, match="--frame"):
        intake_settings({"frame": word})
    assert intake_settings({"frame": "12"}).frame == 12


def test_raw_images_captures_and_shapes(tmp_path: Path, intake: Intake) -> None:
    capture = "7"
    colour = picture("c5", capture, "CR", CHANCE.integers(0, 256, (20, 24, 3)).astype(np.uint8))
    colour.SamplesPerPixel, colour.PhotometricInterpretation, colour.PlanarConfiguration = 3, "RGB", 0
    files = {
        "shown": picture("m1", MG_SHOWN, "MG", PresentationIntentType="FOR PRESENTATION"),
        "raw by its intent": picture("m1", MG_SHOWN, "MG", PresentationIntentType="FOR PROCESSING"),
        "raw by its class": picture("m2", MG_RAW, "MG"),
        "capture of CR": picture("c1", capture, "CR"),
        "capture of DX": picture("c2", capture, "DX", BurnedInAnnotation="NO"),
        "capture with text": picture("c3", capture, "MG", BurnedInAnnotation="YES"),
        "capture of a screen": picture("c4", capture, "OT"),
        "capture in colour": colour,
        "capture of a CT": picture("c6", capture, "CT"),
        "high pixels": picture("p1", "1", "CR", PixelAspectRatio=[2, 1]),
    }
    taken = intake(put(tmp_path / "pacs", files))
    assert taken.reasons_by_name() == {
        "shown": "used",
        "raw by its intent": "for_processing",
        "raw by its class": "for_processing",
        "capture of CR": "used",
        "capture of DX": "used",
        "capture with text": "burned_in_text",
        "capture of a screen": "secondary_capture",
        "capture in colour": "secondary_capture",
        "capture of a CT": "secondary_capture",
        "high pixels": "used",
    }
    raw = next(row["detail"] for row in taken.refusals if row["reason"] == "for_processing")
    assert "raw values of the detector, whose scale and polarity are the maker's" in raw
    assert any(
        "Secondary capture: values are grey levels of a copy, not calibrated (2 cases)." in n for n in taken.notes
    )
    assert taken.page.count("values are grey levels of a copy, not calibrated") == 2
    assert taken.page.count("2 times as high as wide") == 1
    (high,) = [row for row in taken.cases if taken.source_names(row) == ["high pixels"]]
    again = read_scan(taken.manifest.parent / high["image"])
    assert again.pixel_size == (2.0, 1.0)
    assert decode_scan((tmp_path / "pacs" / "high pixels").read_bytes()).pixel_size == (2.0, 1.0)
