"""A map brought to another grid of the same field: linear between its positions, with half-pixel centres."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32


def resized(values: Float[np.ndarray, "*coarse"], shape: tuple[int, ...]) -> Float32[np.ndarray, "*fine"]:
    """The values on a grid of `shape` that covers the same field, in 2 or 3 dimensions."""
    whole = torch.from_numpy(np.array(values, dtype=np.float32))[None, None]
    return resized_tensor(whole, shape)[0, 0].numpy()


def resized_tensor(
    values: Float[torch.Tensor, "case channel *coarse"], shape: tuple[int, ...]
) -> Float[torch.Tensor, "case channel *fine"]:
    """The same for tensors with a case and a channel axis."""
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    return torch.nn.functional.interpolate(values, size=shape, mode=mode, align_corners=False)
