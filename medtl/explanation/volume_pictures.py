"""A volume's map as files that a page shows: a sheet of slices, and a small copy for the interactive viewer.

In: scan and map on the scan's own grid. Out: `<stem>-montage.png`, `<stem>-view.json` and the mosaics that belong to
it, `<stem>-view-scan.png` and `<stem>-view-map.png`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from medtl.axes import NORMAL, Plane
from medtl.errors import ConfigurationError
from medtl.explanation.montage import montage_png
from medtl.explanation.patient_planes import PatientVolume, along_patient, position_mm, tilt_degrees
from medtl.explanation.slice_choice import finest_plane, slices_that_matter
from medtl.explanation.volume_view import Mosaic, SmallView, small_view
from medtl.files import write_atomically
from medtl.record.view import write_view

FORMAT = 1
"""Of the JSON; a reader refuses a number that it does not know."""

DIGITS = 5
"""Of millimetres and indices: far below what a scanner knows."""


@dataclass(frozen=True)
class SliceWeights:
    """The network's weight of each slice of a plane; `positions_mm` are along the plane's slice axis."""

    plane: Plane
    values: tuple[float, ...]
    positions_mm: tuple[float, ...]

    @classmethod
    def on_grid(
        cls, values: Sequence[float] | Float[np.ndarray, " slice"], *, plane: Plane, affine: Float[np.ndarray, "4 4"]
    ) -> SliceWeights:
        """Weights of the slices of a grid whose axes run towards right, anterior and superior, as prepared ones do."""
        positions = tuple(position_mm(affine, plane, index) for index in range(len(values)))
        return cls(plane, tuple(float(value) for value in values), positions)

    def __post_init__(self) -> None:
        fit = len(self.values) == len(self.positions_mm) > 0
        if not fit or not np.isfinite([*self.values, *self.positions_mm]).all() or min(self.values) < 0:
            raise ConfigurationError(
                f"Expected a weight of at least 0 and a position for each {self.plane} slice; got {len(self.values)} "
                f"weights (lowest {min(self.values, default=0.0):g}) and {len(self.positions_mm)} positions. "
                "Take both from the same grid."
            )


@dataclass(frozen=True)
class VolumePictures:
    """The written files, as names in the folder; `peak_mm` is the map's strongest voxel, None for a map of zeros."""

    montage: str
    view: str
    view_scan: str
    view_map: str
    plane: Plane
    positions_mm: tuple[float, ...]
    peak_mm: tuple[float, float, float] | None


def write_volume_pictures(
    scan: Float[np.ndarray, "i j k"],
    saliency: Float[np.ndarray, "i j k"],
    *,
    affine: Float[np.ndarray, "4 4"],
    seen: Bool[np.ndarray, "i j k"],
    window: str,
    strength: float,
    folder: Path,
    stem: str,
    plane: Plane | None = None,
    slice_weights: SliceWeights | None = None,
) -> VolumePictures:
    """Write the pictures of one case.

    Args:
        scan: in [0, 1], windowed already, on its own grid.
        saliency: in [0, 1], scaled to its own maximum, on the scan's grid.
        affine: from the scan's indices to mm, right, anterior and superior positive.
        seen: which voxels the network could see.
        window: the scan's window in words.
        strength: the raw maximum of the map.
        folder: where the files go.
        stem: the beginning of their names.
        plane: of the sheet; None takes the weights' plane, else the one with the smallest pixels.
        slice_weights: of a network that reads slice by slice.
    """
    volume = along_patient(scan, saliency, seen=seen, affine=affine)
    shown = plane or (slice_weights.plane if slice_weights else finest_plane(volume.spacing_mm))
    slices = slices_that_matter(volume, shown)
    view, *mosaics = small_view(volume)
    names = VolumePictures(
        montage=f"{stem}-montage.png",
        view=f"{stem}-view.json",
        view_scan=f"{stem}-view-scan.png",
        view_map=f"{stem}-view-map.png",
        plane=shown,
        positions_mm=tuple(position_mm(volume.affine, shown, index) for index in slices),
        peak_mm=_peak_mm(volume),
    )
    facts = _facts(volume, view, mosaics, names) | {
        "window": window,
        "strength": float(strength),
        "slice_weights": _weights(view, slice_weights),
    }
    write_atomically(folder / names.montage, montage_png(volume, shown, slices))
    write_atomically(folder / names.view_scan, mosaics[0].png())
    write_atomically(folder / names.view_map, mosaics[1].png())
    write_view(facts, folder / names.view)
    return names


def _peak_mm(volume: PatientVolume) -> tuple[float, float, float] | None:
    if volume.peak is None:
        return None
    right, anterior, superior = volume.affine[:3, :3] @ volume.peak + volume.affine[:3, 3]
    return float(right), float(anterior), float(superior)


def _facts(
    volume: PatientVolume, view: SmallView, mosaics: Sequence[Mosaic], names: VolumePictures
) -> dict[str, object]:
    """The geometry of the small grid; indices are along (right, anterior, superior), voxel centres whole numbers."""
    scan, saliency = mosaics
    return {
        "format": FORMAT,
        "shape": list(view.scan.shape),
        "columns": scan.columns,
        "spacing_mm": _rounded(np.linalg.norm(view.affine[:3, :3], axis=0)),
        "affine": [_rounded(row) for row in view.affine],
        "whole_shape": list(volume.scan.shape),
        "tilt_degrees": {plane: round(tilt_degrees(volume.affine, plane), 2) for plane in NORMAL},
        "checksums": {"scan": scan.checksum, "map": saliency.checksum},
        "peak": None if volume.peak is None else _rounded(view.index(volume.peak)),
        "peak_mm": None if names.peak_mm is None else _rounded(names.peak_mm),
        "seen_box": _seen_box(volume, view),
        "montage": {"plane": names.plane, "positions_mm": _rounded(names.positions_mm)},
    }


def _seen_box(volume: PatientVolume, view: SmallView) -> list[list[float]] | None:
    """First and last index of what was seen along each axis, outer edges included; None when all was seen."""
    if volume.seen.all():
        return None
    box = []
    for axis in range(3):
        along = np.flatnonzero(volume.seen.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = (along[0] - 0.5, along[-1] + 0.5) if len(along) else (-0.5, -0.5)
        box.append(_rounded([(edge + 0.5) / view.step[axis] - 0.5 for edge in (first, last)]))
    return box


def _weights(view: SmallView, weights: SliceWeights | None) -> dict[str, object] | None:
    """Weights with their positions on the small grid beside those in mm."""
    if weights is None:
        return None
    start, after = (position_mm(view.affine, weights.plane, index) for index in (0, 1))
    return {
        "plane": weights.plane,
        "values": [float(f"{value:.6g}") for value in weights.values],
        "positions_mm": _rounded(weights.positions_mm),
        "indices": _rounded([(position - start) / (after - start) for position in weights.positions_mm]),
    }


def _rounded(numbers: Sequence[float] | Float[np.ndarray, " n"]) -> list[float]:
    return [round(float(number), DIGITS) for number in numbers]
