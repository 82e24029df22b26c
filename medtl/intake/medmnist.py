"""A MedMNIST file: arrays of images and labels for an official split, in 2D or 3D.

Yang et al., MedMNIST v2, Scientific Data 10 (2023) 41: `{train,val,test}_images` (n, 28, 28[, 3]) or (n, 28, 28, 28),
and `…_labels` (n, 1). The largest (PathMNIST at 224 pixels) unpacks to 16 GB; images are read one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from medtl.errors import ConfigurationError, DataRefused
from medtl.imaging.for_intake import MAX_VOXELS, NO_ORIENTATION, Scan
from medtl.intake.folder_contents import files_below, left_aside
from medtl.intake.npz_arrays import NpzArray, arrays_in, verify
from medtl.intake.offer import Offer, Survey
from medtl.intake.settings import IntakeSettings

PARTS = {"train": "train", "val": "validation", "test": "test"}
MOST_LABEL_BYTES = 2**28
COLOURS = 3
UNPUBLISHED = (
    "MedMNIST publishes no patient numbers: each image is taken as a patient of its own. Its official split keeps "
    "patients apart; other folds may not."
)


def survey_medmnist(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of a MedMNIST file: each of its images is a case.

    Raises:
        ConfigurationError: the folder has no such file, or several.
        DataRefused: the file is no such file, is damaged, or has several labels for an image.
    """
    files = (folder,) if folder.is_file() else files_below(folder)
    root = folder.parent if folder.is_file() else folder
    packed = [path for path in files if path.suffix == ".npz"]
    if len(packed) != 1:
        raise ConfigurationError(
            f"Expected one MedMNIST file (.npz); got {len(packed)}. Name the file itself instead of the folder."
        )
    offers = tuple(_offers(packed[0], _arrays(packed[0])))
    return Survey("medmnist", files, offers, left_aside(files, root, taken={packed[0]}), notes=(UNPUBLISHED,))


def _arrays(path: Path) -> dict[str, NpzArray]:
    """The arrays of the parts, judged by their headers and then verified."""
    found = arrays_in(path)
    images = {name: array for name, array in found.items() if name.endswith("_images")}
    if not images:
        raise DataRefused(
            f"The file {path.name} is no MedMNIST file: it holds {', '.join(sorted(found)) or 'nothing'}. "
            "Expected arrays such as train_images and train_labels."
        )
    for name, array in images.items():
        size = " x ".join(map(str, array.shape))
        if len(array.shape) not in (3, 4) or array.kind.kind not in "iuf" or 0 in array.shape[1:]:
            raise DataRefused(
                f"The array {name} of {path.name} is {size}; expected whole or real numbers, images x height x width, "
                "and 3 colours or a depth behind them."
            )
        if array.item_bytes // array.kind.itemsize > MAX_VOXELS:
            raise DataRefused(
                f"An image in {name} of {path.name} is too large: the array is {size}, and an image may have "
                f"{MAX_VOXELS:,} pixels."
            )
    used = {part: f"{part}_labels" for part in PARTS if f"{part}_images" in found and f"{part}_labels" in found}
    for part, name in used.items():
        _refuse_labels(path, part, found[name], images=found[f"{part}_images"].shape[0])
    verify(path, [array for name, array in found.items() if name in images or name in used.values()])
    return found


def _refuse_labels(path: Path, part: str, labels: NpzArray, *, images: int) -> None:
    count = int(np.prod(labels.shape, dtype=np.int64))
    if count != images:
        raise DataRefused(
            f"The file {path.name} has {count} labels for {images} images in {part}; expected one for each. "
            "A study classifies: collections with several labels for an image are not taken in."
        )
    if labels.kind.kind not in "iufb" or count * labels.kind.itemsize > MOST_LABEL_BYTES:
        raise DataRefused(
            f"The labels of {part} in {path.name} are no numbers. Expected the number of a class for each."
        )


def _offers(path: Path, arrays: Mapping[str, NpzArray]) -> Iterator[Offer]:
    for part, ours in PARTS.items():
        images, labels = arrays.get(f"{part}_images"), arrays.get(f"{part}_labels")
        if images is None:
            continue
        if labels is None:
            raise DataRefused(
                f"The file {path.name} has no {part}_labels beside {part}_images. Get the whole file from its source."
            )
        for number, label in enumerate(labels.whole().reshape(-1)):
            name = f"{part}-{number:05d}"
            yield Offer(
                key=f"medmnist:{path.name}:{name}",
                patient=f"{path.name}:{name}",
                files=(path,),
                load=partial(_load, images, number),
                title=f"MedMNIST, {part}",
                label=f"{label:g}",
                split=ours,
                names={"case": name},
                origin={"image": f"{path.name}#{part}_images[{number}]"},
            )


def _load(images: NpzArray, number: int) -> Scan:
    one = images.item(number)
    full_scale = float(np.iinfo(one.dtype).max) if one.dtype.kind == "u" and one.dtype.itemsize <= 2 else None
    values = one.astype(np.float32)
    if values.ndim == 2:
        return Scan(values[None], None, "MedMNIST", full_scale=full_scale)
    if values.shape[-1] == COLOURS:
        return Scan(np.ascontiguousarray(values.transpose(2, 0, 1)), None, "MedMNIST", full_scale=full_scale)
    return Scan(values[None], (1.0, 1.0, 1.0), "MedMNIST", notes=(NO_ORIENTATION,), affine=np.eye(4))
