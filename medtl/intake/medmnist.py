"""A MedMNIST file: arrays of images and labels for an official split, in 2D or 3D.

Yang et al., MedMNIST v2, Scientific Data 10 (2023) 41: `{train,val,test}_images` (n, 28, 28[, 3]) or (n, 28, 28, 28),
and `…_labels` (n, 1). The arrays are read with pickles refused and their size judged before.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from medtl.errors import ConfigurationError, DataRefused, ResourceExhausted
from medtl.imaging.arrivals import NO_ORIENTATION, Scan
from medtl.intake.finding import files_below, left_aside
from medtl.intake.offer import Offer, Survey
from medtl.intake.settings import IntakeSettings

PARTS = {"train": "train", "val": "validation", "test": "test"}
MOST_BYTES = 8 * 2**30
"""The largest MedMNIST array at 224 pixels has 5 GB."""

SHARE_OF_MEMORY = 4
"""Two arrays are kept, and the scans made of them take room too."""

FULL_SCALE = 255.0
UNPUBLISHED = (
    "MedMNIST publishes no patient numbers: each image is taken as a patient of its own. Its official split keeps "
    "patients apart; other folds may not."
)


def survey_medmnist(folder: Path, settings: IntakeSettings) -> Survey:
    """Every image of the file is a case.

    Raises:
        ConfigurationError: the folder has no such file, or several.
        DataRefused: the file is no such file, or has several labels for an image.
        ResourceExhausted: an array is larger than the memory allows.
    """
    files = (folder,) if folder.is_file() else files_below(folder)
    root = folder.parent if folder.is_file() else folder
    packed = [path for path in files if path.suffix == ".npz"]
    if len(packed) != 1:
        raise ConfigurationError(
            f"Expected one MedMNIST file (.npz); got {len(packed)}. Name the file itself instead of the folder."
        )
    offers = tuple(_offers(packed[0]))
    return Survey("medmnist", files, offers, left_aside(files, root, taken={packed[0]}), notes=(UNPUBLISHED,))


def _offers(path: Path) -> Iterator[Offer]:
    shapes = _shapes(path)
    for part, ours in PARTS.items():
        if f"{part}_images" not in shapes:
            continue
        labels = _array(path, f"{part}_labels") if f"{part}_labels" in shapes else np.empty((0,))
        count = shapes[f"{part}_images"][0]
        if labels.size != count:
            raise DataRefused(
                f"The file {path.name} has {labels.size} labels for {count} images in {part}; expected one for each. "
                "A study classifies: collections with several labels for an image are not taken in."
            )
        for number, label in enumerate(labels.reshape(-1)):
            name = f"{part}-{number:05d}"
            yield Offer(
                key=f"medmnist:{path.name}:{name}",
                patient=f"{path.name}:{name}",
                files=(path,),
                load=partial(_load, path, f"{part}_images", number),
                title=f"MedMNIST, {part}",
                label=f"{label:g}",
                split=ours,
                names={"case": name},
                origin={"image": f"{path.name}#{part}_images[{number}]"},
            )


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array, from its header alone."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as stream:
                    version = npy.read_magic(stream)
                    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                    shape, _, kind = read(stream)
                if kind.hasobject or member.file_size > MOST_BYTES:
                    raise DataRefused(f"The array {member.filename} of {path.name} is too large, or holds objects.")
                _refuse_what_memory_cannot_hold(member.filename, member.file_size)
                found[member.filename.removesuffix(".npy")] = shape
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise DataRefused(
            f"The file {path.name} cannot be read as .npz ({type(error).__name__}). Get it again from its source."
        ) from error
    if not any(name.endswith("_images") for name in found):
        raise DataRefused(
            f"The file {path.name} is no MedMNIST file: it holds {', '.join(sorted(found)) or 'nothing'}."
        )
    return found


def _refuse_what_memory_cannot_hold(name: str, size: int) -> None:
    """A zip of a few megabytes can hold any number of zeros; its directory says how many, before any is read."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size * SHARE_OF_MEMORY > memory:
        raise ResourceExhausted(
            f"The array {name} unpacks to {size / 2**30:.1f} GB; the machine has {memory / 2**30:.1f} GB of memory, "
            f"and a {SHARE_OF_MEMORY}th of it is what one array may take. Use a larger machine, or a smaller version."
        )


@lru_cache(maxsize=2)
def _array(path: Path, name: str) -> np.ndarray:
    """One array; the last two are kept, as cases come part by part."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError) as error:
        raise DataRefused(
            f"The array {name} of {path.name} cannot be read ({type(error).__name__}). Get it again from its source."
        ) from error


def _load(path: Path, name: str, number: int) -> Scan:
    one = _array(path, name)[number].astype(np.float32)
    if one.ndim == 2:
        return Scan(one[None], None, "MedMNIST", full_scale=FULL_SCALE)
    if one.ndim == 3 and one.shape[-1] == 3:
        return Scan(np.ascontiguousarray(one.transpose(2, 0, 1)), None, "MedMNIST", full_scale=FULL_SCALE)
    return Scan(one[None], (1.0, 1.0, 1.0), "MedMNIST", notes=(NO_ORIENTATION,), affine=np.eye(4))
