"""A name in any text of a header, also where the standard allows only certain words or numbers, goes nowhere."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import CR, MR, as_bytes, image
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from medtl.imaging.reading import read_scan
from medtl.imaging.scan import UnreadableScan

Intake = Callable[..., Any]

NAME = b"CANARY^JANE 19610203"
WORDS = (
    "WindowCenter", "WindowWidth", "VOILUTFunction", "WindowCenterWidthExplanation", "PhotometricInterpretation",
    "Modality", "BodyPartExamined", "ViewPosition", "ImageLaterality", "Laterality", "PresentationIntentType",
    "PresentationLUTShape", "RescaleType", "RescaleSlope", "RescaleIntercept", "Units", "ImageType", "Manufacturer",
    "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "FilterType", "ContrastBolusAgent",
    "SequenceName", "ScanningSequence", "ProtocolName", "PatientPosition", "BurnedInAnnotation", "KVP",
    "MagneticFieldStrength", "SliceThickness", "EchoTime", "FlipAngle", "AcquisitionNumber", "InstanceNumber",
    "NumberOfFrames", "PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "ImagePositionPatient",
    "ImageOrientationPatient", "StackID", "SOPClassUID", "SOPInstanceUID", "IssuerOfPatientID", "PatientSex",
    "PatientAge", "StudyDate", "AcquisitionTime", "SeriesDescription", "StudyDescription", "DerivationDescription",
    "LossyImageCompression", "DetectorType", "SpecificCharacterSet",
)  # fmt: skip


def with_name(dataset: pydicom.Dataset, keyword: str) -> None:
    """The name as the raw bytes of an element, as pydicom itself refuses to write it as a number."""
    tag = Tag(tag_for_keyword(keyword))
    vr = dictionary_VR(tag)
    value = NAME + b" " * (len(NAME) % 2)
    dataset._dict[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def planted(folder: Path) -> Path:
    """For each tag a radiograph and a slice of an MR with the name in it, of a patient of its own."""
    folder.mkdir()
    for number, keyword in enumerate(WORDS):
        for index, (sop_class, modality) in enumerate(((CR, "CR"), (MR, "MR"))):
            pixels = np.random.default_rng(number).integers(0, 4096, (12, 10)).astype(np.uint16)
            dataset = image(pixels, uid=f"9.{number}.{index}", sop_class=sop_class, modality=modality)
            dataset.PatientID = f"MRN-{number}-{index}"
            dataset.StudyInstanceUID = f"1.2.826.0.3.{number + 1}.{index}"
            dataset.SeriesInstanceUID = f"1.2.826.0.1.{number + 1}.{index}"
            if modality == "MR":
                dataset.ImagePositionPatient = ["0", "0", "0"]
                dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
                dataset.PixelSpacing = ["1", "1"]
            dataset.WindowCenter, dataset.WindowWidth = "2000", "4000"
            with_name(dataset, keyword)
            (folder / f"{number:02d}-{index}").write_bytes(as_bytes(dataset))
    return folder


def test_a_name_in_any_word_or_number_of_a_header_is_in_nothing_that_is_written_or_printed(
    tmp_path: Path, intake: Intake
) -> None:
    taken = intake(planted(tmp_path / "pacs"), "--fewest-slices", "1", "--interval")
    assert len(taken.cases) > len(WORDS)
    assert len(taken.refusals) > 0
    heard = {"stdout": taken.stdout.encode(), "stderr": taken.stderr.encode()}
    for path in taken.manifest.parent.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            heard[path.name] = gzip.decompress(content) if path.suffix == ".gz" else content
    leaks = [
        (name, word) for name, content in heard.items() for word in (b"CANARY", b"JANE", b"19610203") if word in content
    ]
    assert not leaks


@pytest.mark.parametrize("keyword", ["Modality", "WindowWidth", "PhotometricInterpretation", "RescaleSlope", "Rows"])
def test_what_reading_a_single_file_says_does_not_repeat_it(tmp_path: Path, keyword: str) -> None:
    dataset = image(np.arange(120, dtype=np.uint16).reshape(12, 10), sop_class=CR, modality="CR")
    with_name(dataset, keyword)
    (tmp_path / "a").write_bytes(as_bytes(dataset))
    try:
        printed = " ".join(read_scan(tmp_path / "a").notes)
    except UnreadableScan as refusal:
        printed = str(refusal)
    assert "CANARY" not in printed


def test_the_warnings_of_pydicom_which_quote_values_reach_nobody(tmp_path: Path) -> None:
    """In a process of its own, as the test runner catches warnings."""
    for keyword in ("RescaleSlope", "WindowWidth", "SpecificCharacterSet", "SOPClassUID", "InstanceNumber"):
        dataset = image(np.arange(120, dtype=np.uint16).reshape(12, 10), sop_class=CR, modality="CR")
        with_name(dataset, keyword)
        (tmp_path / keyword).write_bytes(as_bytes(dataset))
    code = (
        "import sys\nfrom pathlib import Path\nfrom medtl.imaging.reading import read_scan\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    try:\n        read_scan(path)\n    except Exception as refusal:\n        print(refusal)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert "cannot be decoded" in done.stdout
    assert "CANARY" not in done.stdout + done.stderr
