"""The hash of how a scan looks survives what copies go through, and differs between different pictures."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from medtl.imaging.perceptual import perceptual_hash
from medtl.imaging.scan import Scan

PICTURES = [
    128 + 400 * gaussian_filter(np.random.default_rng(seed).standard_normal((180, 200)), 6) for seed in range(12)
]


def bits(picture: np.ndarray) -> np.ndarray:
    name = perceptual_hash(Scan(np.asarray(picture, np.float32)[None], None, "test"))
    return np.unpackbits(np.frombuffer(bytes.fromhex(name), np.uint8))


def noisy(picture: np.ndarray) -> np.ndarray:
    return picture + np.random.default_rng(1).normal(0, 8, picture.shape)


def smaller(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture.astype(np.float32)).resize((120, 100), Image.Resampling.BICUBIC))


def compressed(picture: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=60)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize("change", [noisy, smaller, compressed, lambda picture: 1.2 * picture + 30])
def test_a_changed_copy_stays_near_its_original_and_far_from_others(
    change: Callable[[np.ndarray], np.ndarray],
) -> None:
    originals = np.array([bits(picture) for picture in PICTURES])
    copies = np.array([bits(change(picture)) for picture in PICTURES])
    distance = (originals[:, None] != copies[None]).sum(axis=2)
    assert distance.diagonal().max() <= 28
    assert distance[~np.eye(len(PICTURES), dtype=bool)].min() > 60


def test_brightness_and_contrast_change_nothing_and_a_flat_thumbnail_has_no_hash() -> None:
    assert (bits(PICTURES[0]) == bits(1.5 * PICTURES[0] - 20)).all()
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255.0
    assert perceptual_hash(Scan(checks[None].astype(np.float32), None, "test")) == ""
