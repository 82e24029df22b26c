"""A volume and its map made small enough for a page: two grey mosaics and what is needed to locate them in the patient.

In: a volume along the patient's axes. Out: bytes of two 8-bit PNG and a value for JSON. Whole volumes are averaged over
cells; maps take the strongest value of a cell, so that no small focus is lost.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, UInt8
from PIL import Image

from medtl.explanation.patient_planes import PatientVolume

LONGEST_SIDE = 160
"""Voxels: three planes side by side leave about so many points of a page to each."""

LARGEST_BYTES = 1_000_000
"""Of both mosaics together; as text in a page, with the montage, a case stays below 2 MB."""

BYTES_OF_SIZE = 3
"""Bytes grow with the third power of a side."""

SHRINKING = 0.97
"""A little more than needed, so that the next try fits."""

SMALLEST_OVERLAP = 1e-9


@dataclass(frozen=True)
class SmallView:
    """A reduced volume in 8 bits, along (right, anterior, superior); `affine` leads from its indices to mm."""

    scan: UInt8[np.ndarray, "right anterior superior"]
    saliency: UInt8[np.ndarray, "right anterior superior"]
    affine: Float[np.ndarray, "4 4"]
    step: tuple[float, float, float]
    """Voxels of the whole volume in each of the small one."""

    def index(self, whole: tuple[float, ...]) -> tuple[float, ...]:
        """An index of the whole volume, on the small grid."""
        return tuple((position + 0.5) / step - 0.5 for position, step in zip(whole, self.step, strict=True))


@dataclass(frozen=True)
class Mosaic:
    """Axial slices in rows of `columns`, the lowest first, each as a radiologist looks at it.

    Voxel (r, a, s) of (R, A, S) lies in tile s, at its column R - 1 - r and its row A - 1 - a.
    """

    pixels: UInt8[np.ndarray, "height width"]
    columns: int

    @property
    def checksum(self) -> int:
        """Adler-32 (RFC 1950) of the pixels row by row: a browser that alters pictures is found out by it."""
        return zlib.adler32(np.ascontiguousarray(self.pixels).tobytes())

    def png(self) -> bytes:
        """8-bit grey without any word on colour, so that a browser hands the numbers on as they are."""
        stream = io.BytesIO()
        Image.fromarray(self.pixels).save(stream, format="PNG")
        return stream.getvalue()


def small_view(volume: PatientVolume) -> tuple[SmallView, Mosaic, Mosaic]:
    """The largest view whose mosaics stay within `LARGEST_BYTES`, with the mosaics of scan and map."""
    cell_mm = max(min(volume.spacing_mm), *_longest_allowed(volume))
    while True:
        view = reduced(volume, cell_mm=cell_mm)
        scan, saliency = mosaic(view.scan), mosaic(view.saliency)
        size = len(scan.png()) + len(saliency.png())
        if size <= LARGEST_BYTES or max(view.scan.shape) == 1:
            return view, scan, saliency
        cell_mm *= (size / LARGEST_BYTES) ** (1 / BYTES_OF_SIZE) / SHRINKING


def _longest_allowed(volume: PatientVolume) -> list[float]:
    return [spacing * count / LONGEST_SIDE for count, spacing in zip(volume.scan.shape, volume.spacing_mm, strict=True)]


def reduced(volume: PatientVolume, *, cell_mm: float) -> SmallView:
    """The volume on cells of about `cell_mm`; an axis that is coarser already stays as it is."""
    counts = [
        min(count, LONGEST_SIDE, max(1, round(count * spacing / cell_mm)))
        for count, spacing in zip(volume.scan.shape, volume.spacing_mm, strict=True)
    ]
    scan, saliency = volume.scan, volume.saliency
    for axis, count in enumerate(counts):
        scan, saliency = averaged(scan, axis=axis, count=count), strongest(saliency, axis=axis, count=count)
    step = [whole / count for whole, count in zip(volume.scan.shape, counts, strict=True)]
    to_whole = np.diag([*step, 1.0])
    to_whole[:3, 3] = (np.array(step) - 1) / 2
    return SmallView(_bytes(scan), _bytes(saliency), volume.affine @ to_whole, (step[0], step[1], step[2]))


def averaged(values: Float[np.ndarray, "..."], *, axis: int, count: int) -> Float[np.ndarray, "..."]:
    """An axis as `count` cells of equal length, each the mean of what lies in it, parts of voxels by their share."""
    if values.shape[axis] == count:
        return values
    edges = _edges(values.shape[axis], count)
    voxel = np.arange(values.shape[axis])
    share = np.minimum(edges[1:, None], voxel + 1) - np.maximum(edges[:-1, None], voxel)
    weights = (np.clip(share, 0, None) * count / values.shape[axis]).astype(values.dtype)
    return np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)


def strongest(values: Float[np.ndarray, "..."], *, axis: int, count: int) -> Float[np.ndarray, "..."]:
    """An axis as `count` cells of equal length, each the maximum of every voxel that reaches into it."""
    if values.shape[axis] == count:
        return values
    edges = _edges(values.shape[axis], count)
    first = np.floor(edges[:-1] + SMALLEST_OVERLAP).astype(int)
    after = np.ceil(edges[1:] - SMALLEST_OVERLAP).astype(int)
    moved = np.moveaxis(values, axis, 0)
    return np.moveaxis(np.stack([moved[a:b].max(axis=0) for a, b in zip(first, after, strict=True)]), 0, axis)


def mosaic(values: UInt8[np.ndarray, "right anterior superior"]) -> Mosaic:
    """A volume as one picture, as near to a square as whole tiles allow."""
    right, anterior, superior = values.shape
    columns = min(superior, max(1, round(np.sqrt(superior * anterior / right))))
    rows = -(-superior // columns)
    tiles = np.zeros((rows * columns, anterior, right), dtype=np.uint8)
    tiles[:superior] = values[::-1, ::-1].transpose(2, 1, 0)
    side_by_side = tiles.reshape(rows, columns, anterior, right).transpose(0, 2, 1, 3)
    return Mosaic(np.ascontiguousarray(side_by_side.reshape(rows * anterior, columns * right)), columns)


def _edges(whole: int, count: int) -> Float64[np.ndarray, " edges"]:
    return np.arange(count + 1) * (whole / count)


def _bytes(values: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
