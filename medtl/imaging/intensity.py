"""Black and white of a scan for each preset; no torch here."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from medtl.imaging.scan import Scan, UnreadableScan
from medtl.imaging.settings import HOUNSFIELD_WINDOWS, PreparationSettings

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green, blue (ITU-R BT.601-7, section 2.5.1)."""

ROBUST_PERCENTILES = (0.5, 99.5)
"""Share of pixels, in percent, taken as black and white; keeps markers and dead pixels from setting the contrast."""

MR_LIMIT = 4.0
"""Robust standard deviations around the median that stay distinct in MR."""

IQR_PER_SD = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""

FULL_SCALE_8_BIT = 255.0


def as_channels(scan: Scan, settings: PreparationSettings) -> Float32[np.ndarray, "channel *space"]:
    """One grey channel, or three for photographs: equal channels are taken as they are, others by luminance."""
    pixels = scan.pixels
    if settings.channels == pixels.shape[0]:
        return pixels
    if settings.channels == 3:
        return np.repeat(pixels, 3, axis=0)
    if (pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all():
        return pixels[:1]
    return np.tensordot(LUMINANCE, pixels, axes=(0, 0))[None]


def black_and_white(
    scan: Scan, channels: Float32[np.ndarray, "channel *space"], settings: PreparationSettings
) -> tuple[float, float]:
    """The values that become 0 and 1; what lies outside is clipped.

    ct: the named Hounsfield window. mr: median -+ 4 robust standard deviations of the foreground. mask: 0 to the
    largest value. photograph: the number type's range. radiograph, ultrasound: the header's window, else 0..255 for
    8 bits, else percentiles.

    Raises:
        UnreadableScan: `not_hounsfield` when the preset ct meets a picture file, `constant` when grey shows nothing.
    """
    if settings.preset == "ct":
        return _hounsfield(scan, settings)
    low, high = float(channels.min()), float(channels.max())
    if low == high:
        raise UnreadableScan(
            f"The image has one brightness ({low:g}) everywhere once turned to grey. Export it again.",
            reason="constant",
        )
    if settings.preset == "mr":
        return _around_median(channels)
    if settings.preset == "mask":
        return 0.0, high
    if settings.preset == "photograph" and scan.full_scale is not None:
        return 0.0, scan.full_scale
    if settings.preset != "photograph" and scan.window is not None:
        centre, width = scan.window
        return centre - width / 2, centre + width / 2
    if scan.full_scale == FULL_SCALE_8_BIT:
        return 0.0, FULL_SCALE_8_BIT
    black, white = (float(value) for value in np.percentile(channels, ROBUST_PERCENTILES))
    return (black, white) if black < white else (low, high)


def refuse_outside(channels: Float32[np.ndarray, "channel *space"], *, black: float, white: float) -> None:
    """Refuse a scan whose values all lie on one side of the window: clipped, it has one brightness.

    Raises:
        UnreadableScan: `constant_in_window`.
    """
    if float(channels.max()) <= black or float(channels.min()) >= white:
        raise UnreadableScan(
            f"Between {black:g} (black) and {white:g} (white) the image has one brightness: the window does not fit "
            "its values. Check the preset, the window and the units.",
            reason="constant_in_window",
        )


def _hounsfield(scan: Scan, settings: PreparationSettings) -> tuple[float, float]:
    if scan.reader.startswith("Pillow") and scan.full_scale is not None:
        raise UnreadableScan(
            f"Preset ct needs Hounsfield units; a {scan.reader.removeprefix('Pillow ')} of grey levels has none. "
            "Use the DICOM or NIfTI file, or preset radiograph for pictures that are already windowed.",
            reason="not_hounsfield",
        )
    centre, width = HOUNSFIELD_WINDOWS[settings.window or "soft_tissue"]
    return centre - width / 2, centre + width / 2


def _around_median(channels: Float32[np.ndarray, "channel *space"]) -> tuple[float, float]:
    """Foreground is what exceeds the mean, which splits head or limb from air (Nyul and Udupa, MRM 1999)."""
    foreground = channels[channels > channels.mean()]
    lower, median, upper = (float(value) for value in np.percentile(foreground, (25, 50, 75)))
    deviation = (upper - lower) / IQR_PER_SD or float(channels.std())
    return median - MR_LIMIT * deviation, median + MR_LIMIT * deviation
