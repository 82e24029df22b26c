"""Drawing a phantom chest: body, lungs, ribs, heart, vessels, noise, and what may be found in it.

All pictures are (row, column) on a square grid in [0, 1], bright where a real radiograph is dense. Nothing here is
taken from a patient; the shapes are ellipses and arcs, so that no one takes them for anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

IMAGE_SIZE_PX = 96
"""Small enough for two cores and a few minutes, large enough for a nodule of ten pixels."""

NODULE_CONTRAST = (0.20, 0.32)
"""Peak brightness of the target's nodules over the lung, from just visible to visible. Higher is easier."""

NODULE_RADIUS_PX = (5.5, 8.5)
"""From centre to where the nodule has faded."""

DECOY_CONTRAST = (0.10, 0.20)
"""Smooth streaks that healthy and diseased lungs have alike: brightness alone must not separate the classes."""

SOURCE_CONTRAST = (0.22, 0.45)
"""Findings of the source task: from nearly as subtle as the target's to plain."""

QUANTUM_NOISE = 0.018
"""Standard deviation of the noise of single pixels. Higher is harder."""

ANATOMICAL_NOISE = 0.024
"""Standard deviation of the cloudy background whose spectrum falls with frequency. Higher is harder."""

ANATOMICAL_EXPONENT = 1.4
"""Amplitude falls as frequency to this power (power about 1/f³: Burgess et al., Med Phys 2001, mammograms)."""

HILUM = 0.09
"""Where the vessels begin, beside the midline, in parts of the picture's side."""

VESSELS = (5, 9)
"""Vessels in each lung, fewest and most."""

WORD_HEIGHT_PX = 11
"""Height of the dark strip at the lower edge with the word PHANTOM, the same in every image of every class."""

Picture = Float[np.ndarray, "row column"]


@dataclass(frozen=True)
class Anatomy:
    """What stays the same between the images of one patient; lengths in parts of the picture's side."""

    lung_height: float
    lung_width: float
    lung_gap: float
    heart_size: float
    rib_phase: float
    rib_spacing: float
    rib_contrast: float
    lung_darkness: float


@dataclass(frozen=True)
class Lesion:
    """A drawn lesion: centre and radius in pixels, rows counted from the top."""

    row_px: float
    column_px: float
    radius_px: float


def anatomy(chance: np.random.Generator) -> Anatomy:
    """One patient's build."""
    return Anatomy(
        lung_height=chance.uniform(0.33, 0.39),
        lung_width=chance.uniform(0.165, 0.20),
        lung_gap=chance.uniform(0.20, 0.235),
        heart_size=chance.uniform(0.10, 0.15),
        rib_phase=chance.uniform(0.0, 1.0),
        rib_spacing=chance.uniform(0.085, 0.11),
        rib_contrast=chance.uniform(0.04, 0.08),
        lung_darkness=chance.uniform(0.30, 0.40),
    )


def chest(build: Anatomy, chance: np.random.Generator) -> Picture:
    """A chest of this build without noise; position and breath differ from image to image."""
    down, right = _grid()
    down, right = down - chance.normal(0.0, 0.012), right - chance.normal(0.0, 0.012)
    breath = chance.uniform(0.96, 1.04)
    body = _inside(down, right, centre=(0.56, 0.5), radii=(0.62, 0.44), softness=0.03)
    picture = 0.08 + 0.50 * body
    lungs = _lungs(build, breath, down, right)
    picture -= build.lung_darkness * lungs * body
    picture += _ribs(build, down, right) * body
    heart = _inside(down, right, centre=(0.62, 0.55), radii=(build.heart_size * 1.3, build.heart_size), softness=0.03)
    spine = np.exp(-(((right - 0.5) / 0.045) ** 2))
    picture += (0.22 * heart + 0.14 * spine) * body
    return picture + _vessels(chance, down, right) * lungs


def lesion_in_lung(build: Anatomy, chance: np.random.Generator, *, radius_px: float) -> Lesion:
    """A random position well inside one of the lungs, away from the heart's side."""
    side = 1.0 if chance.random() < 0.5 else -1.0
    turn, reach = chance.uniform(0, 2 * np.pi), 0.62 * np.sqrt(chance.random())
    row = 0.50 + build.lung_height * reach * np.sin(turn)
    column = 0.5 + side * (build.lung_gap + 0.015) + build.lung_width * reach * np.cos(turn)
    return Lesion(row * IMAGE_SIZE_PX, column * IMAGE_SIZE_PX, radius_px)


def nodule(where: Lesion, chance: np.random.Generator, *, contrast: float) -> Picture:
    """A soft round shadow with a spiculated rim."""
    distance, angle = _around(where)
    spikes = sum(
        chance.uniform(0.06, 0.16) * np.cos(waves * angle + chance.uniform(0, 2 * np.pi)) for waves in (5, 7, 11)
    )
    return contrast * np.exp(-((distance / (0.62 * where.radius_px * (1 + spikes))) ** 2))


def ring(where: Lesion, *, contrast: float) -> Picture:
    """A thin-walled ring, as of a cavity."""
    distance, _ = _around(where)
    return contrast * np.exp(-(((distance - 0.8 * where.radius_px) / 1.1) ** 2))


def bar(where: Lesion, chance: np.random.Generator, *, contrast: float) -> Picture:
    """A straight band, as of a plate of collapsed lung; also the decoy streak."""
    distance, angle = _around(where)
    turned = angle - chance.uniform(0, np.pi)
    along, across = distance * np.cos(turned), distance * np.sin(turned)
    return contrast * np.exp(-((along / (1.5 * where.radius_px)) ** 2) - (across / 1.5) ** 2)


def patch(where: Lesion, chance: np.random.Generator, *, contrast: float) -> Picture:
    """A mottled cloud, as of a consolidation."""
    distance, _ = _around(where)
    cloud = 1.0 + 0.9 * clouds(chance, exponent=0.8)
    return contrast * 0.8 * cloud * np.exp(-((distance / (1.5 * where.radius_px)) ** 2))


def clouds(chance: np.random.Generator, *, exponent: float) -> Picture:
    """Noise of mean 0 and standard deviation 1 whose amplitude falls as frequency to the power of `exponent`."""
    size = IMAGE_SIZE_PX
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(chance.standard_normal((size, size))) / frequency**exponent
    noise = np.fft.irfft2(spectrum, s=(size, size))
    return noise / noise.std()


def exposed(picture: Picture, chance: np.random.Generator, *, gain: float = 1.0, border_px: int = 0) -> Picture:
    """The picture as a detector gives it: cloud and quantum noise, gain, a black border, and the word PHANTOM."""
    noisy = picture + ANATOMICAL_NOISE * clouds(chance, exponent=ANATOMICAL_EXPONENT)
    noisy = noisy + QUANTUM_NOISE * chance.standard_normal(picture.shape)
    seen = np.clip(gain * noisy, 0.0, 1.0)
    if border_px:
        framed = np.zeros_like(seen)
        inside = slice(border_px, -border_px)
        framed[inside, inside] = seen[inside, inside]
        seen = framed
    seen[-WORD_HEIGHT_PX:] = 0.85 * _WORD
    return seen


def _word() -> Picture:
    strip = Image.new("L", (IMAGE_SIZE_PX, WORD_HEIGHT_PX), 0)
    ImageDraw.Draw(strip).text((4, -1), "PHANTOM", fill=255, font=ImageFont.load_default_imagefont())
    return np.asarray(strip, dtype=np.float64) / 255.0


def _grid() -> tuple[Picture, Picture]:
    steps = (np.arange(IMAGE_SIZE_PX) + 0.5) / IMAGE_SIZE_PX
    down, right = np.meshgrid(steps, steps, indexing="ij")
    return down, right


def _inside(
    down: Picture, right: Picture, *, centre: tuple[float, float], radii: tuple[float, float], softness: float
) -> Picture:
    """1 inside an ellipse, 0 outside, with an edge `softness` wide."""
    reach = np.hypot((down - centre[0]) / radii[0], (right - centre[1]) / radii[1])
    return 1.0 / (1.0 + np.exp(np.clip((reach - 1.0) * min(radii) / (0.25 * softness), -60.0, 60.0)))


def _lungs(build: Anatomy, breath: float, down: Picture, right: Picture) -> Picture:
    radii = (build.lung_height * breath, build.lung_width)
    left, other = (
        _inside(down, right, centre=(0.50, 0.5 + side * build.lung_gap), radii=radii, softness=0.035)
        for side in (-1.0, 1.0)
    )
    return np.maximum(left, other)


def _ribs(build: Anatomy, down: Picture, right: Picture) -> Picture:
    """Arcs that fall away from the spine, brightest at their edges."""
    level = down - 0.55 * (right - 0.5) ** 2 * 2.2 - 0.06 * np.abs(right - 0.5)
    wave = np.cos(2 * np.pi * (level / build.rib_spacing + build.rib_phase))
    band = 1.0 / (1.0 + np.exp(-8.0 * (wave - 0.25)))
    fade = np.clip((0.92 - down) / 0.15, 0.0, 1.0) * np.clip((down - 0.08) / 0.05, 0.0, 1.0)
    return build.rib_contrast * band * fade


def _vessels(chance: np.random.Generator, down: Picture, right: Picture) -> Picture:
    """Lines that leave the hila and fade outwards."""
    count = 2 * int(chance.integers(*VESSELS, endpoint=True))
    side = np.where(chance.random(count) < 0.5, 1.0, -1.0)
    turn = chance.uniform(-1.2, 1.2, count)
    length, width = chance.uniform(0.10, 0.24, count), chance.uniform(0.006, 0.010, count)
    contrast = chance.uniform(0.05, 0.11, count)
    offsets = np.stack([down.ravel() - 0.5, right.ravel() - 0.5, np.ones(down.size)]).astype(np.float32)
    start = side * HILUM
    across = np.stack([np.cos(turn), -side * np.sin(turn), side * start * np.sin(turn)], axis=1)
    along = np.stack([np.sin(turn), side * np.cos(turn), -side * start * np.cos(turn)], axis=1)
    sideways = ((across / width[:, None]).astype(np.float32) @ offsets) ** 2
    outwards = (along / length[:, None]).astype(np.float32) @ offsets
    shadow = np.exp(-np.minimum(sideways + outwards**2, 60.0)) * (outwards > 0)
    return (contrast.astype(np.float32) @ shadow).reshape(down.shape).astype(np.float64)


def _around(where: Lesion) -> tuple[Picture, Picture]:
    """Distance in pixels and angle of each pixel's centre from a lesion."""
    steps = np.arange(IMAGE_SIZE_PX) + 0.5
    down, right = np.meshgrid(steps - where.row_px, steps - where.column_px, indexing="ij")
    return np.hypot(down, right), np.arctan2(down, right)


_WORD = _word()
