"""Volumes of one picture, repeated, on which networks for volumes have to see what those for pictures see."""

from __future__ import annotations

import numpy as np
import torch

SIDE = 65
"""32 n + 1: strided positions then lie evenly from both ends, and turning a picture is turning its kernels."""


def stack(picture: torch.Tensor, *, plane: str, depth: int) -> torch.Tensor:
    """A volume (1, 1, right, anterior, superior) of one upright picture, repeated; the turns are numpy's."""
    rows_columns = picture.numpy()[::-1, ::-1]
    volume = {
        "axial": np.repeat(rows_columns.T[:, :, None], depth, axis=2),
        "sagittal": np.repeat(rows_columns.T[None], depth, axis=0),
        "coronal": np.repeat(rows_columns.T[:, None], depth, axis=1),
    }[plane]
    return torch.from_numpy(volume.copy())[None, None]


def picture(side: int = SIDE, *, seed: int = 5) -> torch.Tensor:
    return torch.rand(side, side, generator=torch.Generator().manual_seed(seed))
