"""A folder of small pictures, no two alike, under the names that a test asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def put_pictures(folder: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder
