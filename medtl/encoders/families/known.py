"""The families that medtl knows, and how one is found by a card or by the tensor names of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medtl.encoders.families.densenet import DENSENET
from medtl.encoders.families.efficientnet import EFFICIENTNET, TF_EFFICIENTNET
from medtl.encoders.families.family import Family
from medtl.encoders.families.medicalnet import MEDICALNET
from medtl.encoders.families.mobilenet import MOBILENET, TF_MOBILENET
from medtl.encoders.families.resnet import RESNET
from medtl.encoders.families.se_resnet import SE_RESNET

FAMILIES: Final[tuple[Family, ...]] = (
    RESNET,
    SE_RESNET,
    DENSENET,
    EFFICIENTNET,
    TF_EFFICIENTNET,
    MOBILENET,
    TF_MOBILENET,
    MEDICALNET,
)
"""To add a family: a room, and its name here."""


def named_families() -> tuple[Family, ...]:
    """The families that an architecture's name alone leads to."""
    return tuple(family for family in FAMILIES if family.form == "imagenet")


def families_on_imagenet() -> tuple[Family, ...]:
    """The families with published ImageNet weights, in every form."""
    return tuple(family for family in FAMILIES if family.imagenet)


def family_of(architecture: str, form: str = "imagenet") -> Family:
    """The family of an architecture.

    Raises:
        ValueError: no family has it, or not in this form.
    """
    for family in FAMILIES:
        if family.form == form and architecture in family.architectures:
            return family
    known = ", ".join(name for family in FAMILIES if family.form == form for name in family.architectures)
    raise ValueError(
        f"architecture is {architecture!r} in form {form!r}; expected one of {known or 'no form of this name'}"
    )


def architecture_of(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The network that tensors of MONAI's names belong to, by its counts of blocks; None when it is none of ours."""
    for family in FAMILIES:
        architecture = family.architecture_of(shapes)
        if architecture is not None:
            return architecture or None
    return None
