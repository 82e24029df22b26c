"""From the stored numbers of a DICOM frame to a picture: values, polarity, brightness and position.

Every tag of the standard that decides one of these, and what is done with it. The chain is that of PS3.3 C.11 and
PS3.4 N.2: stored value, padding, modality value, display window, polarity.

| tag                                     | what is done                                                              |
|-----------------------------------------|---------------------------------------------------------------------------|
| BitsAllocated, BitsStored, HighBit      | cells shifted down by HighBit + 1 - BitsStored, bits above dropped        |
|                                         | (overlays lie there); a layout that cannot be is refused (`bits_fault`)   |
| PixelRepresentation                     | the sign of stored values, of padding and of lookup tables                |
| SamplesPerPixel, PlanarConfiguration    | one grey channel or three colours, in whatever order they are stored      |
| PhotometricInterpretation               | MONOCHROME1 inverted once; palette and YBR become RGB                     |
| PresentationLUTShape                    | INVERSE inverts as MONOCHROME1 does, once for both; a note if they differ |
| PixelPaddingValue, -RangeLimit          | black after all else, and no part of what black and white are found from  |
| ModalityLUTSequence                     | applied                                                                   |
| RescaleSlope, RescaleIntercept          | applied, of the frame before the file; missing: 1 and 0; slope 0, no      |
|                                         | number or values beyond 10^12 are refused                                 |
| RealWorldValueMappingSequence           | left aside: it may name another unit than the rescale                     |
| WindowCenter, -Width, VOILUTFunction    | the first window is kept as a ramp; SIGMOID and a VOILUTSequence without  |
| VOILUTSequence                          | window are applied, not where values have a unit (CT, MR, PET, NM)        |
| PresentationIntentType                  | FOR PROCESSING is refused by intake; named in a manifest, it is noted     |
| SOP class Secondary Capture             | radiographs of it are noted as uncalibrated                               |
| PixelSpacing, ImagerPixelSpacing,       | size or shape of a pixel (`pixel_size`)                                   |
| NominalScannedPixelSpacing,             |                                                                           |
| PixelAspectRatio                        |                                                                           |
| NumberOfFrames, functional groups       | tags of the frame before those of the file (`frame_header`)               |
| ImagePosition-, ImageOrientationPatient | the position of slices (`series_volume`); NM: `nuclear_geometry`          |
| PixelIntensityRelationship, -Sign       | say how a detector's raw values go with dose: part of the note about them |
| SequenceOfUltrasoundRegions             | left aside: scales to measure by, which differ from region to region      |
| OverlayData, ShutterShape, annotations  | not drawn: they are no pixels                                             |
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from pydicom import Dataset
from pydicom.pixels import apply_modality_lut

from medtl.imaging.dicom.display_window import Ramp, windowed_values
from medtl.imaging.dicom.padding import is_padding, padding_limits
from medtl.imaging.dicom.series_rules import SECONDARY_CAPTURE, UNCALIBRATED
from medtl.imaging.intensity import FULL_SCALE_8_BIT, ROBUST_PERCENTILES
from medtl.imaging.pixel_size import pixel_size
from medtl.imaging.scan import Scan, UnreadableScan

WITH_UNITS = ("CT", "MR", "PT", "NM")
"""Modalities whose values have a unit or are compared as numbers, so that no display curve is applied."""

LARGEST_VALUE = 1e12
"""Activity in Bq/ml stays below a billion; a value beyond this comes from a damaged rescale."""

LEAST_SHARE = 0.005
"""What rounds to 1 %."""

RAW = (
    "FOR PROCESSING: raw values of the detector, whose scale and polarity are the maker's; not comparable with images "
    "FOR PRESENTATION"
)


def scan_of(header: Dataset, stored: np.ndarray) -> Scan:
    """A picture from the stored values of one frame: rescale, padding, display window and polarity applied.

    `stored` is (height, width), or (height, width, 3) as RGB.

    Raises:
        UnreadableScan: undecodable, when the rescale is impossible.
    """
    size, notes = pixel_size(header), _origin_notes(header, is_grey=stored.ndim == 2)
    if stored.ndim == 3:
        if header.get("PhotometricInterpretation") == "PALETTE COLOR":
            notes = ("palette turned into RGB", *notes)
        return Scan(
            pixels=np.ascontiguousarray(stored.transpose(2, 0, 1), dtype=np.float32),
            spacing_mm=size.spacing_mm,
            reader="pydicom",
            notes=size.notes + notes,
            full_scale=float(np.iinfo(stored.dtype).max),
            pixel_aspect=size.aspect,
        )
    padding = is_padding(stored, padding_limits(header))
    ends = np.asarray(_stored_range(header), dtype=stored.dtype if stored.dtype.kind == "f" else np.int64)
    keeps_units = header.get("Modality") in WITH_UNITS
    windowed = windowed_values(_modality_values(header, stored), header, keeps_units=keeps_units)
    values, ramp = windowed.values, windowed.ramp
    notes = size.notes + windowed.notes + notes
    if low_is_white(header):
        mirror = 2 * ramp[0] if ramp and windowed.is_curved else float(np.sum(_modality_values(header, ends)))
        values, ramp = mirror - values, None if ramp is None else (mirror - ramp[0], ramp[1])
        notes += _inversion_notes(header)
    is_plain = not windowed.is_curved and "ModalityLUTSequence" not in header and _rescale(header) == (1.0, 0.0)
    is_unsigned = header.get("PixelRepresentation", 0) == 0 and stored.dtype.kind == "u"
    full_scale = float(ends[1]) if is_unsigned and is_plain else None
    if padding is not None:
        values, ramp, padded = _without_padding(values, ramp, padding, full_scale=full_scale)
        notes += padded
    return Scan(
        pixels=np.ascontiguousarray(values[None], dtype=np.float32),
        spacing_mm=size.spacing_mm,
        reader="pydicom",
        notes=notes,
        window=ramp,
        full_scale=full_scale,
        pixel_aspect=size.aspect,
    )


def low_is_white(header: Dataset) -> bool:
    """Whether either tag says that low values are white: the other values of both are what software fills in."""
    return header.get("PhotometricInterpretation") == "MONOCHROME1" or header.get("PresentationLUTShape") == "INVERSE"


def _without_padding(
    values: Float64[np.ndarray, "..."],
    ramp: Ramp | None,
    padding: Bool[np.ndarray, "..."],
    *,
    full_scale: float | None,
) -> tuple[Float64[np.ndarray, "..."], Ramp | None, tuple[str, ...]]:
    """The values, the ramp that shows them, and a note; without a ramp it is that of the image inside its padding.

    Padding that would be brighter than black gets the darkest value of the image, or black; dark padding stays.
    """
    image = values[~padding]
    darkest = float(image.min())
    if ramp is None and full_scale != FULL_SCALE_8_BIT:
        low, high = (float(value) for value in np.percentile(image, ROBUST_PERCENTILES))
        ramp = ((low + high) / 2, high - low) if low < high else None
    black = ramp[0] - ramp[1] / 2 if ramp is not None else darkest if full_scale is None else 0.0
    share = float(padding.mean())
    percent = f"{share:.0%}" if share >= LEAST_SHARE else "less than 1%"
    blackened = np.where(padding & (values > black), min(darkest, black), values)
    return blackened, ramp, (f"{percent} of the pixels are padding, taken as black",)


def _modality_values(header: Dataset, stored: np.ndarray) -> Float64[np.ndarray, "..."]:
    if header.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(stored, header), dtype=np.float64)
    slope, intercept = _rescale(header)
    return stored.astype(np.float64) * slope + intercept


def _rescale(header: Dataset) -> tuple[float, float]:
    """Slope and intercept; one that is missing or empty changes nothing."""
    slope, intercept = (
        default if header.get(name) in (None, "") else float(header[name].value)
        for name, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    largest = abs(slope) * 2.0 ** int(header.get("BitsStored", 16)) + abs(intercept)
    if not largest <= LARGEST_VALUE or slope == 0:
        raise UnreadableScan(
            f"The DICOM header's rescale is slope {slope:.3g}, intercept {intercept:.3g}; a finite slope other than 0 "
            f"is needed, with values up to {LARGEST_VALUE:.0e}. The header is damaged.",
            reason="undecodable",
        )
    return slope, intercept


def _stored_range(header: Dataset) -> tuple[int, int]:
    """Smallest and largest value that the stored bits can hold."""
    bits = int(header.get("BitsStored", 16))
    if header.get("PixelRepresentation", 0) == 1:
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def _inversion_notes(header: Dataset) -> tuple[str, ...]:
    photometric, shape = header.get("PhotometricInterpretation"), header.get("PresentationLUTShape")
    if photometric != "MONOCHROME1":
        return ("inverted once: PresentationLUTShape INVERSE says that low is white, MONOCHROME2 the opposite",)
    if shape == "IDENTITY":
        return ("inverted once: MONOCHROME1 stores low as white, although PresentationLUTShape is IDENTITY",)
    return ("inverted once: MONOCHROME1 stores low as white",)


def _origin_notes(header: Dataset, *, is_grey: bool) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if header.get("PresentationIntentType") == "FOR PROCESSING":
        notes += (RAW,)
    if is_grey and header.get("SOPClassUID") in SECONDARY_CAPTURE:
        notes += (UNCALIBRATED,)
    return notes
