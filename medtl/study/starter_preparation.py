"""Preset and size of pictures, or preset and grid of volumes, from the scans as they were measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from medtl.axes import NORMAL, PLANES, Plane
from medtl.encoders.lifting import NEARLY_ISOTROPIC, SMALL_AXIS_VOXELS, TINY_AXIS_VOXELS
from medtl.errors import DataRefused
from medtl.imaging.settings import USUAL_SIZE_PX, Preset
from medtl.study.scan_sample import ScanSample, tidy
from medtl.study.starter_choices import Choice

MODALITIES: dict[str, Preset] = {
    "CR": "radiograph", "DX": "radiograph", "RG": "radiograph", "RF": "radiograph", "XA": "radiograph",
    "MG": "radiograph", "US": "ultrasound", "IVUS": "ultrasound", "CT": "ct", "MR": "mr", "OP": "photograph",
    "XC": "photograph", "ES": "photograph", "GM": "photograph", "SM": "photograph", "SEG": "mask",
    "T1W": "mr", "T2W": "mr", "FLAIR": "mr", "PD": "mr", "DWI": "mr", "BOLD": "mr",
}  # fmt: skip
"""DICOM modalities and BIDS suffixes, as intake writes them into the column modality."""

AIR_HU = -500.0
"""Only Hounsfield units reach so far below zero: air is -1000."""

SMALL_PX = 112
"""A shorter side below half of what ImageNet networks were trained on is enlarged, up to four times."""

ENLARGED = 4
STEP_PX = 32
COVERED_SHARE = 0.6
"""The smallest scan's extent as a share of the median, from which on the grid takes what every scan covers."""

MOST_IN_PLANE, MOST_SLICES = 256, 128
"""Voxels of the grid on each axis; ImageNet networks were trained on 224 pixels, and each slice costs a pass."""


@dataclass(frozen=True)
class Prepared:
    """The choice of the preparation, the grid's shape and spacing, and settings that volumes need beside it."""

    choice: Choice
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] = ()
    volumes: Choice | None = None

    @property
    def is_small_patch(self) -> bool:
        """Whether the grid is a small, nearly isotropic one."""
        return max(self.shape) <= SMALL_AXIS_VOXELS and max(self.spacing_mm) / min(self.spacing_mm) <= NEARLY_ISOTROPIC


def preset_of(sample: ScanSample, modalities: Iterable[str]) -> tuple[Preset, str]:
    """The kind of scans, and why it is taken for that.

    Raises:
        DataRefused: the manifest's modalities, or the scans, are of several kinds.
    """
    counts = Counter(name.strip().upper() for name in modalities if name.strip())
    presets = {MODALITIES[name] for name in counts if name in MODALITIES}
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    if len(presets) > 1:
        raise DataRefused(
            f"The manifest's modalities are of several kinds ({listed}), and a study is of one. Take one kind in "
            "(medtl intake --modality), take the other lines out of the manifest, or say which preparation serves all "
            "of them: --set preparation.preset=mr. Nothing was written.",
            modalities=dict(counts),
        )
    if presets:
        return presets.pop(), f"The manifest's modality is {listed}."
    scans = sample.scans
    coloured = sum(scan.is_colour for scan in scans)
    if coloured and not sample.is_of_volumes:
        return "photograph", f"{coloured:,} of {len(scans):,} measured pictures are in colour."
    if all(scan.is_mask for scan in scans):
        return "mask", "Every measured scan holds two values, 0 and another."
    low, high = (_number(value) for value in (min(one.low for one in scans), max(one.high for one in scans)))
    if float(np.median([scan.low for scan in scans])) <= AIR_HU:
        return "ct", f"Values from {low} to {high} are Hounsfield units; window chooses another than soft tissue."
    if sample.is_of_volumes:
        return "mr", f"Volumes with values from {low} to {high}, which are no Hounsfield units, are taken for MR."
    return "radiograph", (
        "Grey pictures; the files do not say what they show. If they are no radiographs, give ultrasound, ct, mr or "
        "mask."
    )


def preparation_of(sample: ScanSample, preset: Preset, because: str) -> Prepared:
    """Size or grid, with the measured numbers as the reason."""
    if sample.is_of_volumes:
        return _volumes(sample, preset, because)
    sides = sample.column(lambda scan: scan.shape)
    height, width = (int(np.median(column)) for column in sides.T)
    shorter = int(np.median(sides.min(axis=1)))
    side = USUAL_SIZE_PX[0]
    if shorter < SMALL_PX:
        side = min(side, max(2 * STEP_PX, STEP_PX * math.ceil(ENLARGED * shorter / STEP_PX)))
    found = (
        f"Of {sample.measured}, the height is {_range(sides[:, 0])} px and the width {_range(sides[:, 1])} px "
        f"(medians {height} and {width})."
    )
    if shorter < SMALL_PX:
        why = f"ImageNet networks see little in {shorter} px, so that pictures are enlarged to {side} px."
    elif shorter > side:
        why = (
            f"{side} px is what ImageNet encoders were trained on; one pixel is then {max(height, width) / side:.1f} "
            "of the scan's. If what you look for is smaller than a few of them, give [448, 448], for four times the "
            "time."
        )
    else:
        why = f"{side} px is what ImageNet encoders were trained on."
    value = {"preset": preset, "size_px": [side, side]}
    return Prepared(Choice("preparation", value, f"{because} {found} {why} The aspect ratio is kept."), (side, side))


def _volumes(sample: ScanSample, preset: Preset, because: str) -> Prepared:
    extents = sample.column(lambda scan: scan.extent_mm)
    gaps = sample.column(lambda scan: scan.spacing_mm or ())
    least, middle = extents.min(axis=0), np.median(extents, axis=0)
    is_covered = bool((least >= COVERED_SHARE * middle).all())
    plane = _plane(np.median(gaps, axis=0))
    limits = [MOST_SLICES if axis == NORMAL[plane] else MOST_IN_PLANE for axis in range(3)]
    spacing, extent = [], []
    for wanted, gap, limit in zip(least if is_covered else middle, np.median(gaps, axis=0), limits, strict=True):
        own = tidy(float(gap))
        if wanted / own > limit:
            own = tidy(float(wanted) / limit, upwards=True)
        count = max(1, math.floor(float(wanted) / own + 1e-6) if is_covered else round(float(wanted) / own))
        spacing.append(own)
        extent.append(float(f"{count * own:.6g}"))
    shape = tuple(round(mm / gap) for mm, gap in zip(extent, spacing, strict=True))
    usual = f"the median scan measures {' x '.join(f'{mm:.4g}' for mm in middle)} mm"
    why = (
        f"Every measured scan covers this grid, so that no black margin shows how large a scan was; {usual}."
        if is_covered
        else f"Scans differ much in size: {usual}, and the grid is as large. Smaller ones get a black margin, which "
        "may give the class away (medtl check says so); around: foreground centres the grid on the body."
    )
    found = (
        f"Of {sample.measured}, along right x anterior x superior: voxels of {_by_axis(gaps)} mm, extents of "
        f"{_by_axis(extents)} mm. {why} The grid has {' x '.join(map(str, shape))} voxels."
    )
    value = {"preset": preset, "spacing_mm": spacing, "extent_mm": extent}
    prepared = Prepared(Choice("preparation", value, f"{because} {found}"), shape, tuple(spacing))
    return Prepared(prepared.choice, shape, tuple(spacing), _volume_settings(prepared, plane))


def _plane(gaps: Iterable[float]) -> Plane:
    """The plane of acquisition: the one whose slices lie farthest from each other, axial where none stands out."""
    along = list(gaps)
    widest = max(PLANES, key=lambda plane: along[NORMAL[plane]])
    return widest if along[NORMAL[widest]] / min(along) > NEARLY_ISOTROPIC else "axial"


def _volume_settings(prepared: Prepared, plane: Plane) -> Choice | None:
    if prepared.is_small_patch:
        if min(prepared.shape) >= TINY_AXIS_VOXELS:
            return None
        reason = f"An axis has fewer than {TINY_AXIS_VOXELS} voxels: the first convolution keeps every one of them."
        return Choice("volumes", {"stem_stride": [1, 1, 1]}, reason)
    if plane == "axial":
        return None
    reason = f"The scans are {plane}: their voxels are longest across that plane, so that its slices are read."
    return Choice("volumes", {"planes": [plane]}, reason)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _range(numbers: Iterable[float]) -> str:
    found = sorted(numbers)
    low, high = f"{found[0]:.4g}", f"{found[-1]:.4g}"
    return low if low == high else f"{low} to {high}"


def _by_axis(rows: np.ndarray) -> str:
    return " x ".join(_range(column) for column in rows.T)
