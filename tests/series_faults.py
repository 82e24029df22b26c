"""The eight ways in which a series folder comes: whole, or with one thing wrong; each as the bytes of its files."""

from __future__ import annotations

import numpy as np
import pydicom
from dicom_phantom import Phantom, as_bytes, series


def files_of(*found: Phantom) -> list[bytes]:
    """The files of phantoms, one after the other."""
    return [as_bytes(dataset) for phantom in found for dataset in phantom.datasets]


def shuffled_numbers(slices: int) -> list[bytes]:
    numbers = np.random.default_rng(1).permutation(slices)
    return files_of(series(slices=slices, change=lambda dataset, k: setattr(dataset, "InstanceNumber", numbers[k])))


def same_numbers(slices: int) -> list[bytes]:
    return files_of(series(slices=slices, change=lambda dataset, _: setattr(dataset, "InstanceNumber", 1)))


def missing(slices: int) -> list[bytes]:
    files = files_of(series(slices=slices))
    del files[slices // 2]
    return files


def two_series(slices: int) -> list[bytes]:
    return files_of(series(slices=slices), series(slices=slices, uid="2", seed=1))


def localizer(slices: int) -> list[bytes]:
    across = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)

    def mark(dataset: pydicom.Dataset, _k: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    return files_of(series(slices=slices), series(slices=1, directions=across, uid="2", change=mark))


def monochrome1(slices: int) -> list[bytes]:
    def invert(dataset: pydicom.Dataset, _k: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.PixelData = (4095 - np.frombuffer(dataset.PixelData, np.uint16)).tobytes()

    return files_of(series(slices=slices, change=invert))


def truncated(slices: int) -> list[bytes]:
    files = files_of(series(slices=slices))
    files[-1] = files[-1][:-100]
    return files


def whole(slices: int) -> list[bytes]:
    return files_of(series(slices=slices))
