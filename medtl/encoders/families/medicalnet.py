"""MedicalNet's 3D ResNets: dilated where others halve the grid, two of them with shortcuts without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from medtl.encoders.families import resnet
from medtl.encoders.families.family import Family
from medtl.encoders.families.resnet import RESNET

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTLESS_SHORTCUTS: Final = frozenset({"resnet18", "resnet34"})
"""Shortcut type A in the published files: these hold no downsampling weights."""


TRAINED: Final = ("resnet10", "resnet18", "resnet34", "resnet50")
"""The depths that Tencent published after training on 23 data sets."""


def build(architecture: str, space: Literal[2, 3], channels: int) -> nn.Module:
    """MONAI's ResNet in the form in which MedicalNet was trained."""
    from medtl.encoders.families.dilated_resnet import dilate

    network = resnet.build(
        architecture, space, channels, shortcut_type="A" if architecture in WEIGHTLESS_SHORTCUTS else "B"
    )
    dilate(network)
    return network


def turned_kernel(kernel: Tensor) -> Tensor:
    """A published kernel in the house's order of axes; MedicalNet turned NIfTI's (x, y, z) to (z, y, x).

    (out, in, slice, row, column) -> (out, in, right, anterior, superior).
    """
    return kernel.permute(0, 1, 4, 3, 2)


MEDICALNET: Final = Family(
    label="MedicalNet",
    features={name: RESNET.features[name] for name in TRAINED},
    stages=RESNET.stages,
    stem=RESNET.stem,
    initial_fan=RESNET.initial_fan,
    citation=RESNET.citation,
    build=build,
    architecture_of=lambda names: None,  # a file's names cannot tell it from any 3D ResNet: its card does
    form="medicalnet",
    spaces=(3,),
    fixed_stem=True,
    turned_kernel=turned_kernel,
)
