"""Where a scan lies inside its prepared picture, and the way back.

A scan keeps its aspect ratio: it is scaled to fit, and lies centred on black. Pixel centres sit at index + 0.5 on both
grids (half-pixel convention), so a map on the prepared picture comes back to the scan without a shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from medtl.errors import ConfigurationError


@dataclass(frozen=True)
class Placement:
    """A scan of (height, width), scaled to (scaled_height, scaled_width), at (top, left) of a picture of `size_px`."""

    height: int
    width: int
    size_px: tuple[int, int]
    scaled_height: int
    scaled_width: int
    top: int
    left: int

    @classmethod
    def of(cls, height: int, width: int, *, size_px: tuple[int, int]) -> Placement:
        """The largest centred placement with the aspect ratio kept (to the nearest whole pixel)."""
        scale = min(size_px[0] / height, size_px[1] / width)
        scaled_height = min(size_px[0], max(1, round(height * scale)))
        scaled_width = min(size_px[1], max(1, round(width * scale)))
        return cls(
            height=height,
            width=width,
            size_px=size_px,
            scaled_height=scaled_height,
            scaled_width=scaled_width,
            top=(size_px[0] - scaled_height) // 2,
            left=(size_px[1] - scaled_width) // 2,
        )

    @property
    def bottom(self) -> int:
        """Rows of padding below the scan."""
        return self.size_px[0] - self.top - self.scaled_height

    @property
    def right(self) -> int:
        """Columns of padding right of the scan."""
        return self.size_px[1] - self.left - self.scaled_width

    def to_scan_grid(self, prepared_map: Float[np.ndarray, "height width"]) -> Float32[np.ndarray, "rows columns"]:
        """A map on the prepared picture, on the scan's own pixels: padding cut off, then bilinear.

        Raises:
            ConfigurationError: the map's shape is not `size_px`.
        """
        if prepared_map.shape != self.size_px:
            raise ConfigurationError(
                f"Expected a map of (height, width) = {self.size_px} as the prepared scan; got {prepared_map.shape}. "
                "Bring the map to the prepared grid first."
            )
        inside = prepared_map[
            self.top : self.top + self.scaled_height, self.left : self.left + self.scaled_width
        ].astype(np.float32)
        return _resampled(_resampled(inside, count=self.height).T, count=self.width).T

    def to_scan_position(self, row: float, column: float) -> tuple[float, float]:
        """A position on the prepared picture, in pixel indices of the scan (centre of the first pixel is 0)."""
        return (
            (row - self.top + 0.5) * self.height / self.scaled_height - 0.5,
            (column - self.left + 0.5) * self.width / self.scaled_width - 0.5,
        )


def _resampled(values: Float32[np.ndarray, "before width"], *, count: int) -> Float32[np.ndarray, "after width"]:
    """Rows resampled linearly to `count`, pixel centres at index + 0.5, edges held."""
    before = values.shape[0]
    position = np.clip((np.arange(count) + 0.5) * before / count - 0.5, 0, before - 1)
    lower = np.minimum(position.astype(int), max(before - 2, 0))
    upper = np.minimum(lower + 1, before - 1)
    share = (position - lower).astype(np.float32)[:, None]
    return (1 - share) * values[lower] + share * values[upper]
