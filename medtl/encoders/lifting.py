"""From an encoder for pictures to one for volumes, by name: `slices-X`, `inflated-X`, `acs-X`, and which by default.

A derived encoder has no weights of its own: it uses those of X.
"""

from __future__ import annotations

from typing import Final, NamedTuple, get_args

from medtl.encoders.card import EncoderCard, Lifting
from medtl.errors import ConfigurationError

LIFTINGS: Final[tuple[Lifting, ...]] = get_args(Lifting)

WAYS: Final[dict[Lifting, str]] = {
    "slices": "Applied slice by slice, the slices pooled for the patient.",
    "inflated": "Its 2D kernels inflated to 3D; grey volumes enter through the stem summed over its colours.",
    "acs": "Its 2D kernels shared out over axial, coronal and sagittal planes; grey volumes enter through the stem "
    "summed over its colours.",
}

CITATIONS: Final[dict[Lifting, str]] = {
    "slices": "Ilse et al., Attention-based Deep Multiple Instance Learning, ICML (2018), arXiv 1802.04712",
    "inflated": "Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR (2017), arXiv 1705.07750",
    "acs": "Yang et al., Reinventing 2D Convolutions for 3D Images, IEEE JBHI 25(8) (2021), arXiv 1911.10477",
}

SMALL_AXIS_VOXELS: Final = 96
"""Up to here on every axis a volume is a small patch: a nodule, a gland, the hippocampus."""

NEARLY_ISOTROPIC: Final = 1.5
"""Largest ratio of two spacings at which kernels may be turned from one plane into another; an engineering choice."""

TINY_AXIS_VOXELS: Final = 48
"""Below this a ResNet's last stage has one position on the axis, unless its stem keeps every voxel."""


class DefaultEncoder(NamedTuple):
    """The encoder that a study of volumes gets, and why, as a sentence for its page."""

    name: str
    reason: str


def default_encoder_for(
    name: str, *, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> DefaultEncoder:
    """The default way to use an encoder for pictures on volumes.

    Small, nearly isotropic volumes: `acs`. All others: `slices` (MST 2411.15802, Liang and Gu 2021, AnyMC3D 2512.12887
    find slice encoders ahead of 3D networks on whole volumes; Yang 2021 finds ACS ahead on small patches).

    Args:
        name: an encoder for pictures, such as resnet18-imagenet.
        shape: voxels of the prepared volumes, (right, anterior, superior).
        spacing_mm: of the prepared volumes, along the same axes.
    """
    longest, ratio = max(shape), max(spacing_mm) / min(spacing_mm)
    size = " x ".join(map(str, shape))
    if longest <= SMALL_AXIS_VOXELS and ratio <= NEARLY_ISOTROPIC:
        reason = (
            f"{size} voxels, none of the axes over {SMALL_AXIS_VOXELS}, and nearly isotropic (spacings differ by a "
            f"factor of {ratio:.2f}, at most {NEARLY_ISOTROPIC}): a small patch, looked at from three sides."
        )
        if min(shape) < TINY_AXIS_VOXELS:
            reason += (
                f" An axis has fewer than {TINY_AXIS_VOXELS} voxels: stem_stride [1, 1, 1] keeps more of its detail."
            )
        return DefaultEncoder(f"acs-{name}", reason)
    why = (
        f"an axis of {longest} voxels is over {SMALL_AXIS_VOXELS}"
        if longest > SMALL_AXIS_VOXELS
        else f"spacings differ by a factor of {ratio:.2f}, more than {NEARLY_ISOTROPIC}"
    )
    return DefaultEncoder(f"slices-{name}", f"{size} voxels: {why}, so the volume is read slice by slice.")


def split_name(name: str) -> tuple[Lifting | None, str]:
    """The way and the encoder for pictures in a derived name; (None, name) for any other."""
    for lifting in LIFTINGS:
        if name.startswith(f"{lifting}-"):
            return lifting, name.removeprefix(f"{lifting}-")
    return None, name


def lifted(card: EncoderCard, lifting: Lifting) -> EncoderCard:
    """The card of `lifting`-X, given X's; X has to be an encoder for pictures, of which its statistics are.

    Raises:
        ConfigurationError: X takes volumes already.
    """
    if card.dimensions == 3:
        raise ConfigurationError(
            f"{card.name} takes volumes already; {lifting}- goes before an encoder for pictures, such as "
            f"{lifting}-resnet18-imagenet. Name {card.name} as it is.",
            encoder=card.name,
        )
    in_colour = card.channels == 3 and lifting != "slices"
    return card.model_copy(
        update={
            "name": f"{lifting}-{card.name}",
            "dimensions": 3,
            "lifting": lifting,
            "grey_rule": "sum_stem" if in_colour else card.grey_rule,
            "citation": f"{card.citation}; {CITATIONS[lifting]}".removeprefix("; "),
            "note": f"{WAYS[lifting]} {card.note}".strip(),
            "source_features": None,
        }
    )
