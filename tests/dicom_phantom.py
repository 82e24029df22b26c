"""DICOM series made from an array and an affine: what was put in is known, so what comes out can be judged."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

CT, MR, CR = (f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("2", "4", "1"))
ENHANCED_MR, SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.7"
RAS = np.diag([-1.0, -1.0, 1.0])
OBLIQUE = np.linalg.qr(np.array([[1.0, 0.2, -0.1], [-0.15, 1.0, 0.3], [0.1, -0.25, 1.0]]))[0]
OBLIQUE = OBLIQUE * np.sign(np.diag(OBLIQUE))
if np.linalg.det(OBLIQUE) < 0:
    OBLIQUE[:, 2] *= -1


@dataclass(frozen=True)
class Phantom:
    """`values` (i along a row, j along a column, k along the normal) and its affine, right, anterior, superior."""

    values: np.ndarray
    affine: np.ndarray
    datasets: tuple[FileDataset, ...]

    def write(self, folder: Path, *, names: Sequence[str] | None = None) -> Path:
        """The files in a folder, by default in an order that says nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        order = np.random.default_rng(3).permutation(len(self.datasets))
        for number, dataset in enumerate(self.datasets):
            name = names[number] if names else f"{order[number]:05d}"
            (folder / name).write_bytes(as_bytes(dataset))
        return folder


def as_bytes(dataset: FileDataset) -> bytes:
    """The file of a dataset."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def number_text(value: float) -> str:
    """A decimal string (DS) of at most 16 characters."""
    return str(pydicom.valuerep.DSfloat(float(value), auto_format=True))


def series(
    *,
    slices: int = 5,
    rows: int = 12,
    columns: int = 10,
    spacing_mm: tuple[float, float, float] = (0.8, 0.6, 2.5),
    directions: np.ndarray = OBLIQUE,
    origin_lps: tuple[float, float, float] = (-31.5, 17.25, -402.0),
    drift_mm: tuple[float, float] = (0.0, 0.0),
    slope: float = 2.0,
    intercept: float = -1000.0,
    seed: int = 0,
    uid: str = "1",
    change: Callable[[FileDataset, int], None] | None = None,
) -> Phantom:
    """A CT series; `spacing_mm` along (row, column, normal), `directions` are its three unit vectors in LPS.

    `drift_mm` moves each slice sideways along (row, column), as a tilted gantry does. `change` may alter each dataset.
    """
    chance = np.random.default_rng(seed)
    stored = chance.integers(0, 4096, (columns, rows, slices)).astype(np.uint16)
    datasets = []
    for k in range(slices):
        sideways = directions[:, 0] * drift_mm[0] * k + directions[:, 1] * drift_mm[1] * k
        position = np.array(origin_lps) + directions[:, 2] * spacing_mm[2] * k + sideways
        dataset = image(stored[:, :, k].T, uid=f"{uid}.{k + 1}")
        dataset.ImagePositionPatient = [number_text(value) for value in position]
        dataset.ImageOrientationPatient = [number_text(value) for value in directions[:, :2].T.ravel()]
        dataset.PixelSpacing = [number_text(spacing_mm[1]), number_text(spacing_mm[0])]
        dataset.SeriesInstanceUID = f"1.2.826.0.1.{uid}"
        dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(intercept)
        dataset.InstanceNumber = k + 1
        if change is not None:
            change(dataset, k)
        datasets.append(dataset)
    affine = np.eye(4)
    affine[:3, :3] = RAS @ (directions * np.array(spacing_mm))
    affine[:3, 3] = RAS @ np.array(origin_lps)
    return Phantom((stored * slope + intercept).astype(np.float32), affine, tuple(datasets))


Change = Callable[[FileDataset, int], None]


def two_in_one_series(
    first: Change, second: Change, *, are_interleaved: bool, slices: int = 6, spacing_mm: float = 5.0
) -> tuple[Phantom, Phantom]:
    """Two stacks under one series: the second between the slices of the first, or going on where that ends.

    `InstanceNumber` begins again in the second, unless a change sets it.
    """
    along = OBLIQUE[:, 2] * (spacing_mm / 2 if are_interleaved else spacing_mm * slices)
    origin = np.array((-31.5, 17.25, -402.0))

    def stack(number: int, change: Change) -> Phantom:
        def changed(dataset: FileDataset, k: int) -> None:
            dataset.SeriesInstanceUID = "1.2.826.0.1.1"
            change(dataset, k)

        return series(
            slices=slices,
            spacing_mm=(0.8, 0.6, spacing_mm),
            origin_lps=tuple(origin + number * along),
            seed=number,
            uid=f"1.{number + 1}",
            change=changed,
        )

    return stack(0, first), stack(1, second)


def image(stored: np.ndarray, *, uid: str = "1", sop_class: str = CT, modality: str = "CT") -> FileDataset:
    """One image without a place in the patient."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, f"1.2.826.0.2.{uid}"
    dataset = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, f"1.2.826.0.2.{uid}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.826.0.3.1", "1.2.826.0.1.1"
    dataset.FrameOfReferenceUID = "1.2.826.0.4.1"
    dataset.PatientID, dataset.Modality = "PATIENT-1", modality
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Manufacturer, dataset.ManufacturerModelName = "Phantom Works", "Bucket 3000"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored = 8 * stored.dtype.itemsize, 12 if stored.dtype.itemsize == 2 else 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    return dataset


def rle(dataset: FileDataset) -> None:
    """Compress a dataset's pixels, without loss."""
    dataset.compress(RLELossless, generate_instance_uid=False)


def unreadable_syntax(dataset: FileDataset) -> None:
    """A transfer syntax that no decoder knows."""
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")
    dataset.PixelData = encapsulate([bytes(100)])
    dataset["PixelData"].VR = "OB"


def enhanced(phantom: Phantom, *, moments: int = 1) -> FileDataset:
    """The slices of a phantom as frames of one enhanced object, each `moments` times, shuffled."""
    first = phantom.datasets[0]
    frames = [(time, dataset) for time in range(moments) for dataset in phantom.datasets]
    order = np.random.default_rng(1).permutation(len(frames))
    stored = np.stack([frames[place][1].pixel_array + frames[place][0] for place in order])
    whole = image(stored[0], sop_class=ENHANCED_MR, modality="MR")
    whole.NumberOfFrames, whole.PixelData = len(frames), stored.tobytes()
    shared, each = pydicom.Dataset(), []
    shared.PlaneOrientationSequence = [_holding(ImageOrientationPatient=first.ImageOrientationPatient)]
    shared.PixelMeasuresSequence = [_holding(PixelSpacing=first.PixelSpacing, SliceThickness="2")]
    shared.PixelValueTransformationSequence = [
        _holding(RescaleSlope=first.RescaleSlope, RescaleIntercept=first.RescaleIntercept, RescaleType="US")
    ]
    for place in order:
        time, dataset = frames[place]
        groups = pydicom.Dataset()
        groups.PlanePositionSequence = [_holding(ImagePositionPatient=dataset.ImagePositionPatient)]
        groups.FrameContentSequence = [_holding(StackID="1", TemporalPositionIndex=time + 1)]
        each.append(groups)
    whole.SharedFunctionalGroupsSequence = [shared]
    whole.PerFrameFunctionalGroupsSequence = each
    return whole


def _holding(**values: object) -> pydicom.Dataset:
    dataset = pydicom.Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset
