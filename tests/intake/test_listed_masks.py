"""A datalist that names masks as images: those entries are refused by name, the others are cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from medtl.intake.listed_masks import masks_among

Intake = Callable[..., Any]


def put(path: Path, seed: int | None = None) -> Path:
    """Noise by a seed; without one a mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (24, 20) if path.suffix == ".png" else (12, 10, 8)
    values = np.zeros(shape, np.uint8)
    if seed is None:
        values[3:9, 2:8] = 1
    else:
        values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    else:
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return path


def judged(root: Path, images: dict[str, int | None], masks: dict[str, str]) -> dict[str, str]:
    """Why images (with their seed, None for a mask) are refused; `masks` by the image whose mask they are listed as."""
    for name, seed in images.items():
        put(root / name, seed)
    listed = {root / image: root / mask for image, mask in masks.items()}
    refused, _ = masks_among([root / name for name in images], listed, root, workers=1)
    return {path.relative_to(root).as_posix(): reason for path, reason in refused.items()}


@pytest.mark.parametrize(
    ("images", "masks", "refused"),
    [
        ({"i/a.nii.gz": 1}, {"i/a.nii.gz": "l/a.nii.gz"}, {}),
        ({"i/a.nii.gz": 1, "i/b.nii.gz": 2}, {"i/b.nii.gz": "i/b.nii.gz"}, {"i/b.nii.gz": "own_mask"}),
        ({"a.png": 1, "b.png": 2}, {"a.png": "b.png"}, {"b.png": "mask_as_image"}),
        ({"imagesTr/a.nii": 1, "labelsTr/b.nii": None}, {}, {"labelsTr/b.nii": "looks_like_mask"}),
        ({"labelsTr/a.nii": None, "labelsTr/b.nii": None}, {}, dict.fromkeys(["labelsTr/a.nii", "labelsTr/b.nii"],
                                                                              "looks_like_mask")),
        ({"labelsTr/a.nii": None}, {"labelsTr/a.nii": "imagesTr/a.nii"}, {"labelsTr/a.nii": "looks_like_mask"}),
        ({"p1/ct.nii.gz": 1, "p1/ct_seg.nii.gz": None}, {}, {"p1/ct_seg.nii.gz": "looks_like_mask"}),
        ({"p1/ct.nii.gz": 1, "p1/liver.nii.gz": None}, {}, {"p1/liver.nii.gz": "looks_like_mask"}),
        ({"x_mask.png": None, "x.png": 1}, {}, {"x_mask.png": "looks_like_mask"}),
        ({"labels/a.png": 1, "masked/b.png": 2}, {}, {}),
        ({"drawn/circle.png": None, "drawn/square.png": None}, {}, {}),
    ],
)  # fmt: skip
def test_an_image_of_the_list_that_is_a_mask_is_found(
    tmp_path: Path, images: dict[str, int | None], masks: dict[str, str], refused: dict[str, str]
) -> None:
    assert judged(tmp_path, images, masks) == refused


def test_few_values_alone_are_counted(tmp_path: Path) -> None:
    images = [put(tmp_path / "17.png"), put(tmp_path / "18.png", 1)]
    refused, (note,) = masks_among(images, {}, tmp_path, workers=1)
    assert not refused
    assert note.startswith("1 of 2 images take few values, as masks do, and neither their names nor another image say")


def test_a_datalist_with_masks_instead_of_images_goes_on_without_them(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "Task98"
    for number in range(5):
        put(folder / "imagesTr" / f"a{number}.nii.gz", number)
        put(folder / "labelsTr" / f"a{number}.nii.gz")
    entries = [{"image": f"imagesTr/a{n}.nii.gz", "label": f"labelsTr/a{n}.nii.gz"} for n in range(3)]
    entries.append({"image": "labelsTr/a0.nii.gz", "label": "labelsTr/a3.nii.gz"})
    entries.append({"image": "labelsTr/a4.nii.gz", "label": "imagesTr/a4.nii.gz"})
    entries.append({"image": "imagesTr/a3.nii.gz", "label": "imagesTr/a3.nii.gz"})
    (folder / "dataset.json").write_text(json.dumps({"training": entries}))
    taken = intake(folder)
    assert sorted(taken.source_names(row)[0] for row in taken.cases) == ["a0.nii.gz", "a1.nii.gz", "a2.nii.gz"]
    assert all(row["mask"] for row in taken.cases)
    listed = [row for row in taken.refusals if row["reason"] != "other_kind"]
    assert {row["reason"] for row in listed} == {"mask_as_image", "looks_like_mask", "own_mask"}
    details = " ".join(row["detail"] for row in listed)
    assert "names one file as its image and as its mask" in details
    assert "another entry has it as its mask" in details
    assert "a mask by its pixels of few values" in details
    assert taken.counts[0] == sum(taken.counts[1:]) == 11
