"""Positions of the frames of a reconstructed SPECT (PS3.3 C.8.4.15, NM Reconstruction).

The first slice's position stands in the detector's item, not in a frame of its own. The others follow along the normal
of its rows and columns, SpacingBetweenSlices apart: behind the first where that is positive, in front where negative.
"""

from __future__ import annotations

import numpy as np
from pydicom import Dataset

RECONSTRUCTED = ("RECON TOMO", "RECON GATED TOMO")
KIND = 2
"""The third value of ImageType says what kind of NM image it is."""

OTHER_VECTORS = (
    "EnergyWindowVector", "DetectorVector", "PhaseVector", "RotationVector", "RRIntervalVector", "TimeSlotVector",
)  # fmt: skip
"""What frames of one slice may differ in: each combination is a volume of its own."""

NAMES_OF_TAGS = ("DetectorInformationSequence", "SliceVector", *OTHER_VECTORS)


def nuclear_frames(dataset: Dataset, *, frames: int) -> list[dict[str, object]]:
    """For each frame of a reconstructed SPECT its position, orientation and which volume it belongs to, by tag name.

    Empty where the file is none, or does not say where its frames lie.
    """
    kinds = dataset.get("ImageType") or ()
    detectors = dataset.get("DetectorInformationSequence") or ()
    spacing = dataset.get("SpacingBetweenSlices")
    if isinstance(kinds, str) or len(kinds) <= KIND or kinds[KIND] not in RECONSTRUCTED or spacing in (None, ""):
        return []
    first, orientation = (
        next((item.get(name) for item in detectors if item.get(name)), None) or dataset.get(name)
        for name in ("ImagePositionPatient", "ImageOrientationPatient")
    )
    slices = _vector(dataset, "SliceVector", frames) or list(range(1, frames + 1))
    if not first or not orientation or len(first) != 3 or len(orientation) != 6:
        return []
    along_row, along_column = np.array(orientation, dtype=np.float64).reshape(2, 3)
    step = np.cross(along_row, along_column) * float(spacing)
    volumes = list(zip(*filter(None, (_vector(dataset, name, frames) for name in OTHER_VECTORS)), strict=True))
    known = sorted(set(volumes))
    return [
        {
            "ImagePositionPatient": list(np.array(first, dtype=np.float64) + (number - slices[0]) * step),
            "ImageOrientationPatient": orientation,
            **({"TemporalPositionIdentifier": known.index(volumes[index]) + 1} if len(known) > 1 else {}),
        }
        for index, number in enumerate(slices)
    ]


def _vector(dataset: Dataset, name: str, frames: int) -> list[int]:
    """One number a frame; empty where the header does not have as many."""
    values = dataset.get(name)
    listed = [values] if isinstance(values, int) else list(values or ())
    return [int(value) for value in listed] if len(listed) == frames else []
