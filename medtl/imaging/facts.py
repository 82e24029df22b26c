"""What is known of a scan without looking at it again, and which scans cannot be studied."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from medtl.files import sha256_of
from medtl.imaging.perceptual import perceptual_hash
from medtl.imaging.placement import Placement
from medtl.imaging.scan import Scan, UnreadableScan


class ScanFacts(BaseModel):
    """The facts of one scan for the manifest's lock; JSON both ways by `model_dump_json`, `model_validate_json`.

    `sha256` is of the file's bytes, `pixel_sha256` of the decoded pixels with their shape (equal pixels in two formats
    are equal here), `perceptual_hash` of how it looks. `spacing_mm` is (between rows, between columns).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    pixel_sha256: str
    perceptual_hash: str
    height: int
    width: int
    channels: int
    spacing_mm: tuple[float, float] | None
    reader: str
    notes: tuple[str, ...] = ()

    def placement(self, *, size_px: tuple[int, int]) -> Placement:
        """Where the scan lies inside a prepared picture of (height, width), and the way back."""
        return Placement.of(self.height, self.width, size_px=size_px)


def inspect_scan(scan: Scan, *, sha256: str) -> ScanFacts:
    """The facts of a scan whose file has this sha256."""
    channels, height, width = scan.pixels.shape
    pixels = np.ascontiguousarray(scan.pixels, dtype="<f4") + np.float32(0)  # -0.0 and 0.0 are the same pixel
    shape = f"{channels}x{height}x{width}:".encode()
    return ScanFacts(
        sha256=sha256,
        pixel_sha256=sha256_of(shape + pixels.tobytes()),
        perceptual_hash=perceptual_hash(scan),
        height=height,
        width=width,
        channels=channels,
        spacing_mm=scan.spacing_mm,
        reader=scan.reader,
        notes=scan.notes,
    )


def refuse_unusable(scan: Scan) -> None:
    """Refuse a scan that shows nothing.

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
    if low == high or bool((scan.pixels == scan.pixels[:, :1, :1]).all()):
        raise UnreadableScan(
            f"Every pixel has the same value ({low:g}): the image shows nothing. Export it again.", reason="constant"
        )
