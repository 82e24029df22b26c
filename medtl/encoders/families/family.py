"""What a family of networks says of itself, and how published files name its tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """The names that one kind of file gives to an encoder's tensors.

    `anchor` finds one tensor of the encoder, after any prefix; `parts` are the names right behind the prefix that
    belong to it; `to_monai` turns what stands behind the prefix into MONAI's name. With `has_own_part` the file keeps
    the encoder in a part of its own (`features.`), beside the classifier. `form` is the only form of network that such
    files were trained in; None where names and layout do not say. `to_monai_in_file` is used instead of `to_monai`
    where a name has its meaning beside the file's others only, such as blocks that are counted through: it is given all
    that stand behind the prefix.
    """

    words: str
    anchor: re.Pattern[str]
    parts: re.Pattern[str]
    to_monai: Callable[[str], str]
    has_own_part: bool = False
    form: str | None = None
    to_monai_in_file: Callable[[Iterable[str]], Callable[[str], str]] | None = None


@dataclass(frozen=True)
class Published:
    """Where published weights of an architecture can be had.

    `file` is the repository, the repository's file, or an address elsewhere; `sha256` is the publisher's, where it is
    known. `research_only` weights exclude commercial or clinical use, and are downloaded only by those who accept that.
    `mean` and `std` are those of the pixels in training, None for ImageNet's; `input_size_px` is the images' side.
    """

    file: str
    licence: str
    sha256: str | None = None
    research_only: bool = False
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    input_size_px: int = 224


NO_LICENCE = "not stated by its authors, so for research only: ask them before you publish what is made of them"


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of networks.

    Args:
        label: as written in sentences, such as ResNet.
        features: architecture -> channels of the last stage's maps.
        stages: stage -> the parts of MONAI's network in it, in the order of the forward pass; a part of a part has a
            dotted name.
        stem: the part that is the first convolution, in the first stage.
        stem_side: of the first convolution's kernel.
        name_prefix: what MONAI writes before the name of a part, such as `features.`
        initial_fan: which side of a convolution He initialisation keeps the variance of.
        citation: of the networks.
        made_by: whose network it is; where it is not MONAI's, "MONAI's names" here are its own.
        build: MONAI's network of an architecture, for maps of 2 or 3 dimensions and so many input channels: a module
            whose children are the parts named in `stages`.
        architecture_of: the architecture that a table of shapes by MONAI's tensor names belongs to; None when it is not
            of this family, "" when it is, but none of those listed.
        layouts: of published files.
        form: members of several families may share an architecture; this tells which is meant.
        spaces: dimensions in which the networks exist.
        bare_volumes: architectures that the catalogue offers in 3D without weights.
        imagenet: published ImageNet weights, as Hugging Face repositories with a model.safetensors.
        radimagenet: published RadImageNet weights, as files of the repository Lab-Rasool/RadImageNet.
        radiographs: published weights of TorchXRayVision, as Hugging Face repositories with a model.pt.
        radiologynet: published weights of RadiologyNET, as archives of its site.
        note: on the cards of its ImageNet weights.
        fixed_stem: whether the stem comes with the weights and cannot be made thinner.
        fewest_voxels: the least length of an axis, given the stem's stride along it.
        turned_kernel: brings the axes of a published 3D kernel into (right, anterior, superior); None where they are.
    """

    label: str
    features: Mapping[str, int]
    stages: Mapping[str, tuple[str, ...]]
    stem: str
    initial_fan: Literal["fan_in", "fan_out"]
    citation: str
    build: Callable[[str, Literal[2, 3], int], nn.Module]
    architecture_of: Callable[[Mapping[str, tuple[int, ...]]], str | None]
    layouts: tuple[Layout, ...] = ()
    stem_side: int = 7
    made_by: str = "MONAI's network"
    name_prefix: str = ""
    form: str = "imagenet"
    spaces: tuple[Literal[2, 3], ...] = (2, 3)
    bare_volumes: tuple[str, ...] = ()
    imagenet: Mapping[str, Published] = field(default_factory=dict)
    radimagenet: Mapping[str, Published] = field(default_factory=dict)
    radiographs: Mapping[str, Published] = field(default_factory=dict)
    radiologynet: Mapping[str, Published] = field(default_factory=dict)
    note: str = ""
    fixed_stem: bool = False
    fewest_voxels: Callable[[int], int] = lambda stride: 1
    turned_kernel: Callable[[Tensor], Tensor] | None = None

    @property
    def architectures(self) -> tuple[str, ...]:
        """The names of its networks, the smallest first."""
        return tuple(self.features)

    @property
    def in_words(self) -> str:
        """The family and the depths of its networks, such as `DenseNet-121, 169`."""
        start = self.label.lower().replace("-", "_")
        return f"{self.label}-{', '.join(name.removeprefix(start).strip('_') for name in self.architectures)}"

    def imagenet_name(self, architecture: str) -> str:
        """The catalogue's name of an architecture with its ImageNet weights; forms have names of their own."""
        return f"{architecture}-imagenet" if self.form == "imagenet" else f"{self.form}_{architecture}-imagenet"

    @property
    def stem_weight(self) -> str:
        """MONAI's name of the first convolution's kernel."""
        return f"{self.name_prefix}{self.stem}.weight"


def count_of_blocks(names: set[str], pattern: str) -> int:
    """How many numbers the pattern's group takes among the names."""
    return len({match[1] for name in names if (match := re.fullmatch(pattern, name))})
