"""From a scan to the input of an encoder: a short MONAI chain on an array that we read ourselves.

In: `Scan`. Out: float32 in [0, 1], (channel, height, width) or (1, right, anterior, superior), of
exactly the settings' shape. The encoder's own normalisation follows later, from its card.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from jaxtyping import Float32
from monai.transforms import Compose, Lambda, ScaleIntensityRange, ToNumpy

from medtl.imaging.facts import placement_of, refuse_unusable
from medtl.imaging.intensity import as_channels, black_and_white, refuse_outside
from medtl.imaging.placement import Placement
from medtl.imaging.scan import Scan
from medtl.imaging.settings import PreparationSettings


def prepare(scan: Scan, settings: PreparationSettings) -> Float32[np.ndarray, "channel *prepared"]:
    """The prepared scan: channels, brightness in [0, 1], on its grid, black where the scan does not reach.

    Resampling is linear along each axis; making coarser averages over all source pixels, as Pillow does.

    Raises:
        UnreadableScan: what `refuse_unusable` and `placement_of` refuse, `not_hounsfield`, or `constant_in_window`.
    """
    refuse_unusable(scan)
    placement = placement_of(scan, settings)
    channels = as_channels(scan, settings)
    black, white = black_and_white(scan, channels, settings)
    refuse_outside(channels, black=black, white=white)
    chain = Compose(
        [
            ScaleIntensityRange(a_min=black, a_max=white, b_min=0.0, b_max=1.0, clip=True),
            Lambda(partial(_resampled, placement=placement)),
            ToNumpy(dtype=np.float32),
        ]
    )
    with _one_thread_each():
        return np.clip(chain(torch.from_numpy(np.ascontiguousarray(channels))), 0.0, 1.0)


def _resampled(scan: torch.Tensor, *, placement: Placement) -> torch.Tensor:
    """One matrix an axis; MONAI's Resize smooths against zero and darkens the borders, torch has none for volumes."""
    order = [1 + axis.source for axis in placement.axes]
    values = scan.permute(0, *order)
    for axis in placement.axes:  # each turn takes the first axis behind the channels away and puts the new one last
        values = torch.tensordot(values, torch.from_numpy(axis.prepared_from_scan()), dims=([1], [1]))
    return values


_lock = threading.Lock()
_inside: list[int] = []
"""One entry per `prepare` in progress, each with the number of threads to give back."""


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Torch on one thread.

    On pictures this small, handing work to others costs more than the work (and on a busy machine a hundred times
    more). The number of threads is given back, also when several scans are in work.
    """
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
