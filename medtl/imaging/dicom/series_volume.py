"""From an accepted candidate and its files to a `Scan`.

The stored values are decoded in another process (`decoding`); highdicom stacks them by geometry and applies each
slice's rescale and the photometric interpretation once. DICOM's patient axes run left, posterior, superior; ours right,
anterior, superior.
"""

from __future__ import annotations

from collections.abc import Callable

import highdicom
import numpy as np
from jaxtyping import Float
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from medtl.imaging.dicom.decoding import dicom_pixels
from medtl.imaging.dicom.padding import with_black_padding
from medtl.imaging.dicom.series import Candidate, Slice
from medtl.imaging.dicom.slice_stack import UNEVEN_SHARE, Stack
from medtl.imaging.dicom.tilt_correction import straightened
from medtl.imaging.scan import Scan, UnreadableScan

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

NO_IDENTITY = "2.25.1"
"""Stands for every unique identifier that highdicom wants to see: grouping is done before."""

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
"""The plainest class of an image with a position in the patient; highdicom only asks whether it has one."""


def volume_of(candidate: Candidate, content_of: Callable[[int], bytes]) -> Scan:
    """The volume of an accepted candidate; `content_of` gives the bytes of the file with that number.

    Axes: i along a row, j along a column, k along the slices' normal. The affine is exact for what the headers say.

    Raises:
        UnreadableScan: what `dicom_pixels` raises, and `bad_geometry` when highdicom refuses what we accept.
    """
    stack = candidate.stack
    if stack is None or candidate.faults:
        raise UnreadableScan(f"The series is no volume. {candidate.sentence}", reason=candidate.reason or "no_geometry")
    planes = [_plane_dataset(one, values) for one, values in _decoded(candidate, content_of)]
    ordered = [planes[index] for index in stack.order]
    _on_one_line(ordered, stack)
    try:
        volume = highdicom.get_volume_from_series(
            ordered,
            dtype=np.float32,
            apply_real_world_transform=False,
            rtol=2 * UNEVEN_SHARE,
        )
    except ValueError as error:
        raise UnreadableScan(
            "The slices do not make a volume by the rules of highdicom. Convert the series with its vendor's software.",
            reason="bad_geometry",
        ) from error
    if volume.affine[:3, 0] @ _step(ordered) < 0:
        volume = volume.flip_spatial(0)
    affine = LPS_TO_RAS @ volume.affine @ np.eye(4)[[2, 1, 0, 3]].T
    affine[:3, 2] = LPS_TO_RAS[:3, :3] @ _step(ordered)
    affine[:3, 3] = LPS_TO_RAS[:3, :3] @ np.array(ordered[0].ImagePositionPatient)
    pixels = np.ascontiguousarray(volume.array.transpose(2, 1, 0), dtype=np.float32)
    notes = candidate.notes + _notes(candidate)
    if stack.drift_mm != (0.0, 0.0):
        pixels, affine = straightened(pixels, affine, drift_mm=stack.drift_mm)
        notes += (f"gantry tilt of {stack.tilt_degrees:.1f} degrees corrected by shearing the slices (linear)",)
    return Scan(
        pixels=pixels[None],
        spacing_mm=tuple(float(size) for size in np.linalg.norm(affine[:3, :3], axis=0)),
        reader="pydicom, highdicom",
        notes=notes,
        affine=affine,
    )


def _decoded(candidate: Candidate, content_of: Callable[[int], bytes]) -> list[tuple[Slice, np.ndarray]]:
    """Each slice with its stored values; each file is decoded once."""
    found: dict[int, np.ndarray] = {}
    for file in candidate.files:
        header = next(one.header for one in candidate.slices if one.file == file)
        values = dicom_pixels(content_of(file), expected=(header.frames, header.rows, header.columns))
        found[file] = with_black_padding(
            values if header.frames > 1 else values[None], header.padding, low_is_white=header.low_is_white
        )
    return [(one, found[one.file][one.frame]) for one in candidate.slices]


def _plane_dataset(one: Slice, values: np.ndarray) -> Dataset:
    """One frame as an uncompressed image of its own that holds nothing but pixels and geometry."""
    header, plane = one.header, one.plane
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = UID(MR_IMAGE)
    dataset.SeriesInstanceUID = dataset.FrameOfReferenceUID = UID(NO_IDENTITY)
    dataset.ImagePositionPatient = list(plane.position or ())
    dataset.ImageOrientationPatient = list(plane.orientation or ())
    dataset.PixelSpacing = list(plane.pixel_mm or ())
    dataset.Rows, dataset.Columns = header.rows, header.columns
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if header.low_is_white else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored = 8 * values.dtype.itemsize, header.bits_stored
    dataset.HighBit = header.bits_stored - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    if plane.rescale is not None:
        dataset.RescaleSlope, dataset.RescaleIntercept = plane.rescale
    dataset.PixelData = values.tobytes()
    return dataset


def _on_one_line(ordered: list[Dataset], stack: Stack) -> None:
    """Give all slices one orientation, and take a tilt out of their positions: it is sheared out afterwards."""
    first = ordered[0]
    along_row, along_column = np.array(first.ImageOrientationPatient).reshape(2, 3)
    for number, dataset in enumerate(ordered):
        dataset.ImageOrientationPatient = first.ImageOrientationPatient
        if stack.drift_mm != (0.0, 0.0):
            sideways = number * (stack.drift_mm[0] * along_row + stack.drift_mm[1] * along_column)
            dataset.ImagePositionPatient = list(np.array(dataset.ImagePositionPatient) - sideways)


def _step(ordered: list[Dataset]) -> Float[np.ndarray, "3"]:
    """From one slice to the next as the headers say, in DICOM's axes: rounding there is kept, not spread by us."""
    first, last = (np.array(dataset.ImagePositionPatient, dtype=np.float64) for dataset in (ordered[0], ordered[-1]))
    return (last - first) / (len(ordered) - 1)


def _notes(candidate: Candidate) -> tuple[str, ...]:
    planes = [one.plane for one in candidate.slices]
    pairs = {plane.rescale for plane in planes}
    notes: tuple[str, ...] = ()
    if len(pairs) > 1:
        notes += ("rescale differs from slice to slice; each slice's own was applied",)
    elif (only := next(iter(pairs))) not in (None, (1.0, 0.0)):
        notes += (f"rescale applied once: slope {only[0]:g}, intercept {only[1]:g}",)
    if lacking := sorted({name for plane in planes for name in plane.lacks_of_rescale}):
        notes += (f"{lacking[0]} is missing beside its partner and was taken as the value that changes nothing",)
    if candidate.header.low_is_white:
        notes += ("inverted once: MONOCHROME1 stores low as white",)
    return notes
