"""Facts about a scan, collected once, and the checks that refuse a scan that cannot be studied."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from nibabel.orientations import io_orientation
from pydantic import BaseModel, ConfigDict

from medtl.files import sha256_of
from medtl.imaging.border import Border, border_of
from medtl.imaging.perceptual import perceptual_hash
from medtl.imaging.placement import Placement
from medtl.imaging.scan import Scan, UnreadableScan, size_of_pixel
from medtl.imaging.settings import PreparationSettings


class ScanFacts(BaseModel):
    """The facts of one scan for manifest.lock.csv; JSON both ways by `model_dump_json`, `model_validate_json`.

    `sha256` is of the file's bytes, `pixel_sha256` of the decoded pixels with their shape (equal pixels in two formats
    are equal here), `perceptual_hash` of how a picture looks, empty for volumes. `shape`, `spacing_mm`, `pixel_aspect`
    and, for volumes, `affine` are those of the scan as read. `foreground` is the middle of what is brighter than the
    mean, in the scan's indices; volumes only. `border` is what lies near the border of a picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    pixel_sha256: str
    perceptual_hash: str
    border: Border | None
    shape: tuple[int, ...]
    channels: int
    spacing_mm: tuple[float, ...] | None
    pixel_aspect: float = 1.0
    reader: str
    notes: tuple[str, ...] = ()
    affine: tuple[tuple[float, ...], ...] | None = None
    foreground: tuple[float, ...] | None = None

    def placement(self, settings: PreparationSettings) -> Placement:
        """The mapping between the scan and its prepared grid; refusals as in `placement_of`."""
        affine = None if self.affine is None else np.array(self.affine)
        return _placement(self.shape, affine, settings, pixel_size=self.pixel_size, foreground=self.foreground)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Of a picture, (height, width) of a pixel in any unit."""
        return size_of_pixel(self.spacing_mm, self.pixel_aspect)


def placement_of(scan: Scan, settings: PreparationSettings) -> Placement:
    """Compute the mapping between a scan and its prepared grid.

    Raises:
        UnreadableScan: `not_a_picture` or `not_a_volume`, when the settings are for the other kind.
    """
    wanted = scan.affine is not None and settings.around == "foreground"
    foreground = _middle_of_foreground(scan.pixels[0]) if wanted else None
    return _placement(scan.pixels.shape[1:], scan.affine, settings, pixel_size=scan.pixel_size, foreground=foreground)


def _placement(
    shape: tuple[int, ...],
    affine: Float[np.ndarray, "4 4"] | None,
    settings: PreparationSettings,
    *,
    pixel_size: tuple[float, float],
    foreground: tuple[float, ...] | None,
) -> Placement:
    size = " x ".join(map(str, shape))
    if affine is None and settings.is_volume:
        raise UnreadableScan(
            f"The file is a picture of {size} pixels, and the study prepares volumes. "
            "Give preparation.size_px instead of spacing_mm and extent_mm to study pictures.",
            reason="not_a_volume",
        )
    if affine is None:
        return Placement.fitted(shape, size_px=settings.shape, pixel_size=pixel_size)
    if settings.spacing_mm is None:
        extent_mm = np.linalg.norm(affine[:3, :3], axis=0) * shape
        raise UnreadableScan(
            f"The file is a volume of {size} voxels ({' x '.join(f'{mm:.0f}' for mm in extent_mm)} mm), and the study "
            "prepares pictures. Give preparation.spacing_mm and preparation.extent_mm to study volumes, in mm along "
            f"right, anterior, superior; the scan's own are {_own_grid(shape, affine)}.",
            reason="not_a_picture",
        )
    centre = foreground if settings.around == "foreground" else None
    return Placement.in_patient(shape, affine, spacing_mm=settings.spacing_mm, lengths=settings.shape, centre=centre)


def _own_grid(shape: tuple[int, ...], affine: Float[np.ndarray, "4 4"]) -> str:
    """The scan's own voxel size and extent along the patient's axes, as options of the command line."""
    spacing_mm, counts = [0.0] * 3, [1] * 3
    for source, (axis, _) in enumerate(io_orientation(affine)):
        spacing_mm[int(axis)], counts[int(axis)] = float(np.linalg.norm(affine[:3, source])), shape[source]
    steps = ",".join(f"{size:.3g}" for size in spacing_mm)
    whole = ",".join(f"{float(f'{size:.3g}') * count:.4g}" for size, count in zip(spacing_mm, counts, strict=True))
    return f"--set preparation.spacing_mm=[{steps}] --set preparation.extent_mm=[{whole}]"


def inspect_scan(scan: Scan, *, sha256: str) -> ScanFacts:
    """Collect the facts of a scan whose file has this sha256."""
    channels, *shape = scan.pixels.shape
    pixels = np.ascontiguousarray(scan.pixels, dtype="<f4") + np.float32(0)  # -0.0 and 0.0 are the same pixel
    written = f"{'x'.join(map(str, scan.pixels.shape))}:".encode()
    return ScanFacts(
        sha256=sha256,
        pixel_sha256=sha256_of(written + pixels.tobytes()),
        perceptual_hash=perceptual_hash(scan) if scan.affine is None else "",
        border=border_of(scan),
        shape=tuple(shape),
        channels=channels,
        spacing_mm=scan.spacing_mm,
        pixel_aspect=scan.pixel_aspect,
        reader=scan.reader,
        notes=scan.notes,
        affine=None if scan.affine is None else tuple(tuple(float(v) for v in row) for row in scan.affine),
        foreground=None if scan.affine is None else _middle_of_foreground(scan.pixels[0]),
    )


def _middle_of_foreground(values: Float32[np.ndarray, "i j k"]) -> tuple[float, ...]:
    """The middle of the box around what exceeds the mean, as `intensity` splits foreground from air."""
    bright = values > values.mean()
    middle = []
    for axis in range(bright.ndim):
        along = np.flatnonzero(bright.any(axis=tuple(other for other in range(bright.ndim) if other != axis)))
        middle.append(float(along[0] + along[-1]) / 2 if len(along) else (values.shape[axis] - 1) / 2)
    return tuple(middle)


def refuse_unusable(scan: Scan) -> None:
    """Refuse a scan without usable pixel values.

    Raises:
        UnreadableScan: `all_nan`, `non_finite` (with the share of pixels), `empty` (all zero) or `constant`.
    """
    finite = np.isfinite(scan.pixels)
    if np.isnan(scan.pixels).all():
        raise UnreadableScan("Every pixel is NaN (not a number). Export the image again.", reason="all_nan")
    if not finite.all():
        share = float(1 - finite.mean())
        raise UnreadableScan(
            f"{share:.2%} of the pixels are NaN or infinite; every one must be a number. "
            "Give them a value at the source, for example the background's.",
            reason="non_finite",
            share=share,
        )
    low, high = float(scan.pixels.min()), float(scan.pixels.max())
    if low == high == 0:
        raise UnreadableScan("Every pixel is 0: the image is empty. Export it again.", reason="empty")
    if low == high or not np.ptp(scan.pixels.reshape(len(scan.pixels), -1), axis=1).any():
        raise UnreadableScan(
            f"Every pixel has the same value ({low:g}): the image shows nothing. Export it again.", reason="constant"
        )
