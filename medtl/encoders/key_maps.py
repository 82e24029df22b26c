"""From the tensor names of published files to MONAI's names, with an account of every tensor.

Layouts that are understood: torchvision and timm (the same names for these networks), old torchvision DenseNets
(`norm.1` for `norm1`), RadImageNet in PyTorch (`backbone.N.`), MONAI's own, which is also how medtl stores and how
MedicalNet names its tensors; each with or without the `module.` of data-parallel training. Only names and shapes are
looked at here, so torch is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from medtl.encoders.card import AccountSummary, Architecture
from medtl.errors import ConfigurationError

Shape = tuple[int, ...]

COUNTER: Final = "num_batches_tracked"
CLASSIFIER_REASON: Final = "classifier of the source task"
CLASSIFIERS: Final[Mapping[str, str]] = dict.fromkeys(("fc.", "class_layers.out."), CLASSIFIER_REASON)
"""MONAI's names of the last layer of a ResNet and of a DenseNet, and why it stays behind."""

COUNTER_RULE: Final = "counter absent in the file, set to 0; it takes no part in the network's function"
CAST_RULE: Final = "{dtype} cast to float32"

RADIMAGENET_RESNET: Final = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
"""Position in torchvision's ResNet -> name; 2 and 3 are the activation and the pooling, without tensors."""

BLOCKS: Final[dict[tuple[bool, tuple[int, ...]], Architecture]] = {
    (False, (1, 1, 1, 1)): "resnet10",
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
}
"""(bottleneck blocks?, blocks per layer), He et al. 2016, table 1."""

DENSE_LAYERS: Final[dict[tuple[int, ...], Architecture]] = {
    (6, 12, 24, 16): "densenet121",
    (6, 12, 32, 32): "densenet169",
}
"""Layers per dense block, Huang et al. 2017, table 1."""

SHOWN = 3
"""Tensors named in a refusal; the first ones tell enough."""


@dataclass(frozen=True)
class KeyMap:
    """How a file's names become MONAI's: `layout` in words, `names` from the file's name to MONAI's."""

    layout: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class TensorFacts:
    """What the account looks at: the kind of number, such as `float16`, and the shape."""

    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Misfit:
    """A tensor whose shape is not the network's."""

    key: str
    expected: Shape
    got: Shape


@dataclass(frozen=True)
class Account:
    """What became of every tensor, in MONAI's names; complete when nothing is missing, misfits or is without a place.

    `loaded` as it is; `adapted` (name, rule); `left_out` (name, why); `missing` from the file; `misfits` in shape;
    `unplaced`: tensors of the file that the network has no place for, so that it is another network.
    """

    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()
    misfits: tuple[Misfit, ...] = ()
    unplaced: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether 100 % of the encoder's tensors are there and nothing of the file is unexplained."""
        return not (self.missing or self.misfits or self.unplaced)

    def with_rule(self, rule: str, names: Collection[str]) -> Account:
        """The account after `names` were changed by a further rule."""
        changed = [(name, rule) for name in self.loaded if name in names]
        added = [(name, f"{before}; {rule}" if name in names else before) for name, before in self.adapted]
        return replace(
            self, loaded=tuple(name for name in self.loaded if name not in names), adapted=(*added, *changed)
        )

    @property
    def summary(self) -> AccountSummary:
        """The counts that the card keeps."""
        return AccountSummary(loaded=len(self.loaded), adapted=len(self.adapted), left_out=len(self.left_out))

    def complaint(self) -> str:
        """The first things that do not fit, for the letter of refusal; empty when the account is complete."""
        parts = []
        if self.misfits:
            shown = "; ".join(f"{m.key}: expected {m.expected}, got {m.got}" for m in self.misfits[:SHOWN])
            parts.append(f"{len(self.misfits)} of another shape ({shown}{_more(self.misfits)})")
        if self.missing:
            parts.append(f"{len(self.missing)} missing ({', '.join(self.missing[:SHOWN])}{_more(self.missing)})")
        if self.unplaced:
            parts.append(
                f"{len(self.unplaced)} without a place ({', '.join(self.unplaced[:SHOWN])}{_more(self.unplaced)})"
            )
        return ", ".join(parts)


def _more(items: tuple[object, ...]) -> str:
    return ", …" if len(items) > SHOWN else ""


def key_map(keys: Iterable[str]) -> KeyMap:
    """Recognise the layout and give every tensor of a file its name in MONAI.

    Names that no rule touches are kept, for the account to judge. Two tensors that claim one name are refused.
    """
    found = tuple(keys)
    plain = {key: key for key in found}
    prefix = ""
    if found and all(key.startswith("module.") for key in found):
        plain, prefix = {key: key.removeprefix("module.") for key in found}, ", data parallel"
    layout = _layout_of(plain.values())
    names = {key: _monai_name(name, layout) for key, name in plain.items()}
    claimed: dict[str, str] = {}
    for key, name in names.items():
        if name in claimed:
            raise ConfigurationError(
                f"The tensors {claimed[name]} and {key} both stand for {name}; expected one. "
                "The file mixes two layouts: export the state dict of one network.",
                tensor=name,
            )
        claimed[name] = key
    return KeyMap(layout + prefix, names)


def _layout_of(keys: Iterable[str]) -> str:
    found = set(keys)
    if "backbone.0.conv0.weight" in found:
        return "RadImageNet DenseNet (backbone.0.)"
    if "backbone.0.weight" in found:
        return "RadImageNet ResNet (backbone.N.)"
    if any(".layers.norm1." in key or key.startswith("class_layers.") for key in found):
        return "MONAI DenseNet"
    if any(re.search(r"denselayer\d+\.norm\.1\.", key) for key in found):
        return "old torchvision DenseNet (norm.1)"
    if "features.conv0.weight" in found:
        return "torchvision or timm DenseNet"
    return "torchvision, timm or MONAI ResNet"


def _monai_name(key: str, layout: str) -> str:
    if layout.startswith("RadImageNet ResNet"):
        match = re.fullmatch(r"backbone\.(\d+)\.(.+)", key)
        return f"{RADIMAGENET_RESNET[match[1]]}.{match[2]}" if match and match[1] in RADIMAGENET_RESNET else key
    if layout.startswith("RadImageNet DenseNet"):
        key = re.sub(r"^backbone\.0\.", "features.", key)
    if "DenseNet" in layout and "MONAI" not in layout:
        key = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", key)
        key = re.sub(r"^classifier\.", "class_layers.out.", key)
    return key


def architecture_of(names: Iterable[str]) -> Architecture | None:
    """The network that MONAI's names belong to, read from its counts of blocks; None when it is none of ours."""
    found = set(names)
    blocks = tuple(_count(found, rf"layer{n}\.(\d+)\.conv1\.weight") for n in (1, 2, 3, 4))
    if sum(blocks):
        return BLOCKS.get(("layer1.0.conv3.weight" in found, blocks))
    dense = tuple(
        _count(found, rf"features\.denseblock{n}\.denselayer(\d+)\.layers\.conv1\.weight") for n in (1, 2, 3, 4)
    )
    return DENSE_LAYERS.get(dense)


def _count(names: set[str], pattern: str) -> int:
    return len({match[1] for name in names if (match := re.fullmatch(pattern, name))})


def account_for(
    found: Mapping[str, TensorFacts],
    *,
    expected: Mapping[str, Shape],
    may_be_left: Mapping[str, str] = CLASSIFIERS,
) -> Account:
    """Hold a file's tensors, in MONAI's names, against the network's; nothing is passed over.

    Only what `may_be_left` names by its beginning, with the reason, may be left out: the classifier of the source task.
    Only the counters of batch normalisation, which old files do not have, may be absent. float16, bfloat16 and float64
    are cast to float32.
    """
    loaded, adapted, missing, misfits = [], [], [], []
    for key, shape in expected.items():
        facts = found.get(key)
        if facts is None:
            if key.endswith(COUNTER):
                adapted.append((key, COUNTER_RULE))
            else:
                missing.append(key)
        elif facts.shape != shape:
            misfits.append(Misfit(key, shape, facts.shape))
        elif facts.dtype == "float32" or key.endswith(COUNTER):
            loaded.append(key)
        else:
            adapted.append((key, CAST_RULE.format(dtype=facts.dtype)))
    extra = [key for key in found if key not in expected]
    left_out = [(key, why) for key in extra for start, why in may_be_left.items() if key.startswith(start)]
    unplaced = [key for key in extra if not key.startswith(tuple(may_be_left))]
    return Account(
        tuple(loaded), tuple(adapted), tuple(left_out), tuple(missing), tuple(misfits), tuple(sorted(unplaced))
    )
