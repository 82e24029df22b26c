"""Training scans, slightly varied: the same seed gives the same bytes, on any worker and after a resume.

What is left out matters as much: no flip where left and right mean something (heart, liver, marker on a radiograph),
no change of brightness on CT, whose values are measured.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32
from monai.networks.layers import AffineTransform
from monai.transforms import (
    Compose,
    RandomizableTransform,
)
from monai.transforms.utils import create_rotate, create_scale, create_translate
from torch.nn.functional import interpolate

from medtl.axes import left_right_axis
from medtl.imaging.settings import MIRRORED, AugmentationSettings, PreparationSettings, Preset

STRONG = 2
"""How much wider the ranges of a strong variation are: an engineering choice."""


@dataclass(frozen=True)
class Variation:
    """The ranges by which one preset varies a scan.

    `rotation_degrees`, `shift` (share of the side) and `zoom` (share) are symmetric limits drawn uniformly. `gamma` is
    the exponent's largest factor, `gain` the largest relative change of brightness, `bias` the largest logarithm of a
    smooth field (MR coils); each of the three comes to half of the scans. `mirrored` allows left-right flips.
    """

    rotation_degrees: float = 10.0
    shift: float = 0.05
    zoom: float = 0.1
    gamma: float = 1.0
    gain: float = 0.0
    bias: float = 0.0
    mirrored: bool = False

    def stronger(self) -> Variation:
        """The same kinds of variation, each with twice the range; the factor of the gamma is squared."""
        return replace(
            self,
            rotation_degrees=STRONG * self.rotation_degrees,
            shift=STRONG * self.shift,
            zoom=STRONG * self.zoom,
            gamma=self.gamma**STRONG,
            gain=STRONG * self.gain,
            bias=STRONG * self.bias,
        )


VARIATIONS: dict[Preset, Variation] = {
    "radiograph": Variation(gamma=1.25, gain=0.1),
    "ultrasound": Variation(gamma=1.25, gain=0.2),
    "mr": Variation(gamma=1.25, bias=0.3),
    "ct": Variation(),
    "mask": Variation(),
    "photograph": Variation(rotation_degrees=20.0, gamma=1.25, gain=0.1, mirrored="photograph" in MIRRORED),
}
"""Mild: what differs between two careful acquisitions of the same patient (positioning, exposure, gain, coil)."""

HALF = 0.5
FIELD_POINTS = 4
"""Random points per side between which the field of a coil is smooth: about a third of the picture."""
_chains = threading.local()


def augment(
    prepared: Float32[np.ndarray, "channel *prepared"],
    *,
    seed: int,
    settings: AugmentationSettings,
    preparation: PreparationSettings,
) -> Float32[np.ndarray, "channel *prepared"]:
    """A varied copy of a prepared scan, still in [0, 1]; a function of the scan, the seed and the settings alone.

    `seed` is any whole number from 0 to 2**32 - 1, best `sha256(seed|fold|epoch|case)`. What turns in from outside the
    scan is black. Volumes are turned about all three axes of the patient, in millimetres.
    """
    preset = settings.chosen(preparation)
    if preset is None:
        return prepared.copy()
    extent = preparation.extent_mm or tuple(map(float, prepared.shape[1:]))
    chain = _chain(preset, extent, is_strong=settings.strength == "strong")
    chain.set_random_state(seed=seed)
    varied = chain(torch.from_numpy(np.ascontiguousarray(prepared)))
    return varied.clamp(0.0, 1.0).numpy().astype(np.float32, copy=False)


def _chain(preset: Preset, extent: tuple[float, ...], *, is_strong: bool) -> Compose:
    """This thread's own chain of a preset: MONAI's random transforms carry state and cannot be shared."""
    name = f"{preset} {extent} {is_strong}"
    if not hasattr(_chains, name):
        variation = VARIATIONS[preset].stronger() if is_strong else VARIATIONS[preset]
        setattr(_chains, name, Compose(_steps(variation, extent)))
    return getattr(_chains, name)


def _steps(variation: Variation, extent: tuple[float, ...]) -> list[RandomizableTransform]:
    steps: list[RandomizableTransform] = [RandMildAffine(variation, extent)]
    if variation.gamma > 1 or variation.gain > 0 or variation.bias > 0:
        steps.append(RandBrightness(variation))
    return steps


class RandMildAffine(RandomizableTransform):
    """Turn, shift, zoom (and mirror) about the centre by one matrix, linear, outside black.

    `extent` is the size along each axis in one unit (pixels or millimetres), so that turning keeps shapes. MONAI's
    RandAffine does the same through a grid of coordinates, in about twice the time.
    """

    def __init__(self, variation: Variation, extent: tuple[float, ...]) -> None:
        super().__init__(prob=1.0)
        self.variation = variation
        self.extent = extent
        self._resample = AffineTransform(normalized=True, mode="bilinear", padding_mode="zeros", align_corners=False)

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        """(channel, height, width) or (channel, right, anterior, superior) in, the same shape out."""
        axes = len(self.extent)
        turns = 1 if axes == 2 else 3
        *angles, zoom = self.R.uniform(-1.0, 1.0, turns + 1)
        shift = self.R.uniform(-1.0, 1.0, axes)
        mirrored = self.variation.mirrored and self.R.random() < HALF
        turn = create_rotate(axes, [math.radians(angle * self.variation.rotation_degrees) for angle in angles])
        sizes = [1 + zoom * self.variation.zoom] * axes
        if mirrored:
            sizes[left_right_axis(axes)] *= -1.0
        scale = create_scale(axes, sizes)
        move = create_translate(axes, [2 * self.variation.shift * part for part in shift])  # the scan spans -1..1
        to_span = np.diag([1 / side for side in self.extent] + [1.0])
        matrix = move @ to_span @ turn @ scale @ np.linalg.inv(to_span)
        return self._resample(picture[None], torch.from_numpy(matrix).to(picture)[None])[0]


class RandBrightness(RandomizableTransform):
    """Gamma, gain and a smooth field, each for half of the scans.

    MONAI's own three carry metadata from step to step, and its RandBiasField alone takes longer than all of this.
    """

    def __init__(self, variation: Variation) -> None:
        super().__init__(prob=1.0)
        self.variation = variation

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        """A scan of any axes in, the same shape out."""
        axes = picture.ndim - 1
        curved, gained, shaded = self.R.random(3) < HALF
        exponent, factor = self.R.uniform(-1.0, 1.0, 2)
        field = self.R.uniform(-1.0, 1.0, (1, 1, *[FIELD_POINTS] * axes))
        if curved and self.variation.gamma > 1:
            picture = picture.clamp(0.0, 1.0).pow(float(self.variation.gamma**exponent))
        if gained and self.variation.gain > 0:
            picture = picture * float(1 + factor * self.variation.gain)
        if shaded and self.variation.bias > 0:
            mode = "bicubic" if axes == 2 else "trilinear"
            smooth = interpolate(torch.from_numpy(field).to(picture), size=picture.shape[1:], mode=mode)
            picture = picture * torch.exp(self.variation.bias * smooth[0])
        return picture
