"""One case: loaded, looked at, written without a name, with one line in the record."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from pydantic import BaseModel, ConfigDict

from medtl.axes import ENDS, NORMAL
from medtl.errors import ConfigurationError
from medtl.files import sha256_of, sha256_of_file
from medtl.imaging.for_intake import EncodedScan, Scan, UnreadableScan, encoded, one_scan, refuse_unusable, thumbnail
from medtl.intake.offer import Offer

VOLUMES, PICTURES, MASKS = "volumes", "images", "masks"
"""Folders beside the manifest."""

SAME_GRID = 0.05
"""Voxels by which a corner of a mask may lie off its scan's: float32 in headers leaves a thousandth."""

PLANE_OF = {end: plane for plane, axis in NORMAL.items() for end in ENDS[axis]}
"""A direction of a volume's axis -> the plane that it is the normal of."""


class ConversionResult(BaseModel):
    """What became of one offer; a line of the record file. `image` and `mask` are relative to the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    case_id: str
    reason: str = ""
    sentence: str = ""
    image: str = ""
    image_sha256: str = ""
    mask: str = ""
    mask_sha256: str = ""
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] | None = None
    plane: str = ""
    notes: tuple[str, ...] = ()
    thumbnail: str = ""


def convert(offer: Offer, *, case_id: str, fingerprint: str, folder: Path, may_replace: bool) -> ConversionResult:
    """Load a case and write it below the manifest's folder; a scan that cannot be studied is a result too.

    Args:
        offer: the case, with what loads its scan and its mask.
        case_id: the pseudonym under which it is written.
        fingerprint: the hash of its files and of the settings, kept in the result.
        folder: the manifest's folder.
        may_replace: whether a file of the same name with other bytes is overwritten.

    Raises:
        ConfigurationError: another intake wrote something else under the same name.
    """
    try:
        with one_scan():
            scan = offer.load()
            refuse_unusable(scan)
            mask = _mask_of(offer, scan)
    except UnreadableScan as refusal:
        return ConversionResult(fingerprint=fingerprint, case_id=case_id, reason=refusal.reason, sentence=str(refusal))
    kind = VOLUMES if scan.affine is not None else PICTURES
    file = encoded(scan)
    image = _written(file, folder, f"{kind}/{case_id}", may_replace=may_replace)
    result = ConversionResult(
        fingerprint=fingerprint,
        case_id=case_id,
        image=image,
        image_sha256=sha256_of(file.content),
        shape=scan.pixels.shape[1:],
        spacing_mm=scan.spacing_mm,
        plane=_plane(scan),
        notes=scan.notes + file.notes,
        thumbnail=picture_of(scan) if offer.is_pictured and not offer.shows_text else "",
    )
    if mask is None:
        return result
    drawn = encoded(mask)
    named = _written(drawn, folder, f"{MASKS}/{case_id}", may_replace=may_replace)
    return result.model_copy(update={"mask": named, "mask_sha256": sha256_of(drawn.content)})


def picture_of(scan: Scan) -> str:
    """A thumbnail as base64."""
    return base64.b64encode(thumbnail(scan)).decode("ascii")


def _mask_of(offer: Offer, scan: Scan) -> Scan | None:
    """The mask on the scan's own grid."""
    if offer.load_mask is None:
        return None
    mask = offer.load_mask()
    same = mask.pixels.shape[1:] == scan.pixels.shape[1:] and (mask.affine is None) == (scan.affine is None)
    if same and scan.affine is not None and mask.affine is not None:
        between = np.linalg.inv(scan.affine) @ mask.affine - np.eye(4)
        corners = [[0, 0, 0, 1], [*scan.pixels.shape[1:], 1]]
        same = bool(np.abs(between @ np.array(corners).T).max() <= SAME_GRID)
    if not same:
        raise UnreadableScan(
            f"The mask lies on another grid ({_size(mask)}) than its scan ({_size(scan)}). Resample the mask to the "
            "scan's grid (nearest neighbour), or take it out of the folder.",
            reason="mask_on_another_grid",
        )
    return replace(mask, notes=scan.notes)


def _size(scan: Scan) -> str:
    return " x ".join(map(str, scan.pixels.shape[1:]))


def _plane(scan: Scan) -> str:
    """The plane that slices across the coarsest axis lie in; empty for a picture."""
    if scan.affine is None or scan.spacing_mm is None:
        return ""
    widest = int(np.argmax(scan.spacing_mm))
    coarsest = widest if scan.spacing_mm[widest] > 1.05 * scan.spacing_mm[2] else 2
    return PLANE_OF[nibabel.aff2axcodes(scan.affine)[coarsest]]


def _written(file: EncodedScan, folder: Path, stem: str, *, may_replace: bool) -> str:
    """Whole or absent, not flushed: the record holds the hash, and a file that does not fit it is made again."""
    relative = stem + file.ending
    path = folder / relative
    if not may_replace and path.is_file() and sha256_of_file(path) != sha256_of(file.content):
        raise ConfigurationError(
            f"{relative} beside the manifest holds something else, from another intake with other options. "
            "Write this manifest to another folder, or give --replace."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(file.content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return relative
