"""From a scan to the picture an encoder looks at: a short MONAI chain on an array that we read ourselves.

In: `Scan`. Out: float32 (channel, height, width) in [0, 1] of exactly the settings' size. The encoder's own
normalisation follows later, from its card.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from jaxtyping import Float32
from monai.transforms import Compose, Lambda, Pad, ScaleIntensityRange, ToNumpy
from torch.nn.functional import interpolate

from medtl.imaging.facts import refuse_unusable
from medtl.imaging.intensity import as_channels, black_and_white, refuse_outside
from medtl.imaging.placement import Placement
from medtl.imaging.scan import Scan
from medtl.imaging.settings import PreparationSettings


def prepare(scan: Scan, settings: PreparationSettings) -> Float32[np.ndarray, "channel height width"]:
    """The prepared picture of a scan: channels, brightness in [0, 1], size with the aspect ratio kept, black padding.

    Resizing is bilinear; making smaller averages over all source pixels, as Pillow does.

    Raises:
        UnreadableScan: what `refuse_unusable` refuses, `not_hounsfield`, or `constant_in_window`.
    """
    refuse_unusable(scan)
    channels = as_channels(scan, settings)
    black, white = black_and_white(scan, channels, settings)
    refuse_outside(channels, black=black, white=white)
    place = Placement.of(*channels.shape[1:], size_px=settings.size_px)
    chain = Compose(
        [
            ScaleIntensityRange(a_min=black, a_max=white, b_min=0.0, b_max=1.0, clip=True),
            Lambda(partial(_resized, size=(place.scaled_height, place.scaled_width))),
            Pad([(0, 0), (place.top, place.bottom), (place.left, place.right)], mode="constant"),
            ToNumpy(dtype=np.float32),
        ]
    )
    with _one_thread_each():
        return np.clip(chain(torch.from_numpy(np.ascontiguousarray(channels))), 0.0, 1.0)


def _resized(picture: torch.Tensor, *, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear with a triangle filter when smaller; MONAI's Resize smooths against zero and darkens the borders."""
    return interpolate(picture[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]


_lock = threading.Lock()
_inside: list[int] = []
"""One entry per `prepare` in progress, each with the number of threads to give back."""


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Torch on one thread: on pictures this small, handing work to others costs more than the work (and on a busy
    machine a hundred times more). The number of threads is given back, also when several scans are in work."""
    with _lock:
        before = _inside[0] if _inside else torch.get_num_threads()
        _inside.append(before)
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            torch.set_num_threads(before)
