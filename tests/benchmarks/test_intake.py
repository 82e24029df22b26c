"""How long an intake reads headers: 10,000 files in 100 series, all but one series refused from their headers alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import as_bytes, number_text, series

SERIES, SLICES, SIDE = 100, 100, 128
WORKERS = 2
TARGET_SECONDS = 60.0


def archive(folder: Path) -> None:
    """CT files of 32 kB; all but the first series are of another modality than is asked for."""
    (dataset,) = series(slices=1, rows=SIDE, columns=SIDE).datasets
    for number in range(SERIES):
        place = folder / f"{number:03d}"
        place.mkdir(parents=True)
        dataset.PatientID, dataset.Modality = f"P{number}", "MR" if number else "CT"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.2.826.0.3.{number}", f"1.2.826.0.1.{number}"
        for k in range(SLICES):
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.2.{number}.{k}"
            normal = np.cross(*np.array(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3))
            dataset.ImagePositionPatient = [number_text(value) for value in 2.5 * k * normal]
            (place / f"{k}").write_bytes(as_bytes(dataset))


@pytest.mark.benchmark
def test_intake_of_10000_dicom_headers(table: Any, fresh: Callable[..., Any], folder: Path) -> None:
    pacs = folder / "pacs"
    archive(pacs)
    manifest = folder / "intake" / "manifest.csv"
    options = ("--modality", "CT", "--workers", WORKERS)
    done = fresh("-m", "medtl", "intake", pacs, "--out", manifest, *options)
    assert "10,000 files found (DICOM files): 100 used, 9,900 refused." in done.output
    started = time.perf_counter()
    for file in sorted(pacs.rglob("*")):
        if file.is_file():
            pydicom.dcmread(file, stop_before_pixels=True)
    plain = time.perf_counter() - started
    table.add(
        "intake of 10,000 DICOM headers",
        f"{done.seconds:.1f} s",
        f"{plain:.1f} s",
        f"{done.seconds / plain:.2f}",
        f"< {TARGET_SECONDS:.0f} s",
    )
    table.note(
        f"intake: {WORKERS} workers, 1 series of {SLICES} slices converted and the rest refused by modality; "
        f"plain is pydicom.dcmread of each file without its pixels. Peak {done.peak_bytes / 2**20:.0f} MB."
    )
    assert done.seconds < 2 * TARGET_SECONDS
