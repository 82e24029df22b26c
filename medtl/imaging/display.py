"""A scan as a radiologist sees it: on its own grid, in the display window used for the encoder's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from medtl.imaging.intensity import as_channels, black_and_white, refuse_outside
from medtl.imaging.scan import Scan
from medtl.imaging.settings import PreparationSettings


@dataclass(frozen=True)
class DisplayedScan:
    """A scan in [0, 1] on its own grid, one grey channel or three, and its window in words."""

    pixels: Float32[np.ndarray, "channel *space"]
    window: str


def displayed_scan(scan: Scan, settings: PreparationSettings) -> DisplayedScan:
    """Scale a scan to [0, 1] between the black and the white of its preparation; values outside are clipped.

    Raises:
        UnreadableScan: `not_hounsfield`, `constant` or `constant_in_window`, as in preparation.
    """
    channels = as_channels(scan, settings)
    black, white = black_and_white(scan, channels, settings)
    refuse_outside(channels, black=black, white=white)
    pixels = np.clip((channels - black) / (white - black), 0.0, 1.0).astype(np.float32)
    unit = " HU" if settings.preset == "ct" else ""
    named = f"{settings.window.replace('_', ' ')} window, " if settings.window else ""
    return DisplayedScan(pixels, f"{named}black {black:g}{unit}, white {white:g}{unit}")
