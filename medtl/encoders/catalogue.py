"""The encoders medtl knows by name: what they expect, under which licence, and where to get them.

Nothing is downloaded. A name without weights (`resnet18`, `resnet18-3d`) is a bare architecture that starts from
chance. Every encoder for pictures is known as `slices-`, `inflated-` and `acs-` too, for volumes.
"""

from __future__ import annotations

import difflib
from functools import cache
from typing import get_args

from medtl.encoders.card import Architecture, EncoderCard
from medtl.encoders.lifting import LIFTINGS, lifted, split_name
from medtl.encoders.volume_catalogue import BARE, MEDICALNET, bare_volume_encoder, medicalnet
from medtl.errors import ConfigurationError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Red, green, blue, of pixels in [0, 1]; the statistics of torchvision's and timm's ImageNet weights."""

IMAGENET_CLASSES = 1000
IMAGENET_NOTE = (
    "The file's classifier has ImageNet-1k's 1,000 classes; nothing else in it shows what it was trained on."
)
CHANCE_MEAN = (0.5, 0.5, 0.5)
CHANCE_STD = (0.25, 0.25, 0.25)
"""For untrained networks: the middle of [0, 1], and about the spread of a scan that fills it."""

IMAGENET_CITATION = "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 115 (2015)"
RADIMAGENET_CITATION = "Mei et al., RadImageNet, Radiology: Artificial Intelligence 4(5) (2022), e210315"
RESNET_CITATION = "He et al., Deep Residual Learning for Image Recognition, CVPR (2016)"
DENSENET_CITATION = "Huang et al., Densely Connected Convolutional Networks, CVPR (2017)"

IMAGENET_SOURCES: dict[Architecture, tuple[str, str]] = {
    "resnet18": ("timm/resnet18.a1_in1k", "Apache-2.0"),
    "resnet34": ("timm/resnet34.a1_in1k", "Apache-2.0"),
    "resnet50": ("timm/resnet50.a1_in1k", "Apache-2.0"),
    "densenet121": ("timm/densenet121.tv_in1k", "as stated on its page (torchvision itself: BSD-3-Clause)"),
    "densenet169": ("timm/densenet169.tv_in1k", "as stated on its page (torchvision itself: BSD-3-Clause)"),
}
"""Hugging Face repository and its licence; the file is model.safetensors. torchvision's own files fit as well."""

RADIMAGENET_FILES: dict[Architecture, tuple[str, str]] = {
    "resnet50": ("ResNet50.pt", "08629f7e7bd3e29b8ee9522ca3f65ce4d010a7ddf74f0ea3c7e3f3d0bbab0734"),
    "densenet121": ("DenseNet121.pt", "5011b427acf483b3c05d9d4ac6ea4ff0baf5714c23937c0fcdc7c446226d0a14"),
}
"""File and sha256 in the Hugging Face repository Lab-Rasool/RadImageNet."""

RADIMAGENET_NOTE = (
    "The publishers disagree on the normalisation: the authors' PyTorch code maps pixels to [-1, 1] (used here), the "
    "repository's page names the ImageNet statistics."
)

CLOSE_MATCHES = 3


def find_encoder(name: str) -> EncoderCard:
    """The catalogue's card of a known encoder.

    Raises:
        ConfigurationError: the name is unknown; the message has the names that come close.
    """
    lifting, own = split_name(name)
    for card in known_encoders():
        if card.name == own:
            return card if lifting is None else lifted(card, lifting)
    raise unknown_encoder(own, also=())


@cache
def known_encoders() -> tuple[EncoderCard, ...]:
    """All cards of the catalogue but the derived ones, none with a sha256 yet.

    For pictures: bare architectures, then ImageNet, then RadImageNet. For volumes: bare 3D networks, then MedicalNet.
    """
    bare = tuple(_bare(architecture) for architecture in get_args(Architecture))
    imagenet = tuple(_imagenet(architecture) for architecture in IMAGENET_SOURCES)
    radimagenet = tuple(_radimagenet(architecture) for architecture in RADIMAGENET_FILES)
    bare_3d = tuple(bare_volume_encoder(net, citation=_network_citation(net)) for net in BARE)
    medical = tuple(medicalnet(net, citation=_network_citation(net)) for net in MEDICALNET)
    return bare + imagenet + radimagenet + bare_3d + medical


def unknown_encoder(name: str, *, also: tuple[str, ...]) -> ConfigurationError:
    """The error for a name that is neither in the catalogue nor among `also`, the names in the weight store."""
    names = sorted({card.name for card in known_encoders()} | set(also))
    close = difflib.get_close_matches(name, names, n=CLOSE_MATCHES)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return ConfigurationError(
        f"The encoder {name!r} is not known.{hint} Known are: {', '.join(names)}; those for pictures also with "
        f"{', '.join(f'{lifting}-' for lifting in LIFTINGS)} before their names, for volumes. "
        "Weights of your own get a name by medtl weights import FILE --as NAME --like KNOWN, or by medtl pretrain.",
        encoder=name,
        close=close,
    )


def _bare(architecture: Architecture) -> EncoderCard:
    return EncoderCard(
        name=architecture,
        architecture=architecture,
        mean=CHANCE_MEAN,
        std=CHANCE_STD,
        trained_on="nothing: weights drawn by chance from the study's seed",
        licence="none needed: no weights are borrowed",
        source="MONAI's network",
        citation=_network_citation(architecture),
        needs_weights=False,
    )


def _imagenet(architecture: Architecture) -> EncoderCard:
    repository, licence = IMAGENET_SOURCES[architecture]
    return EncoderCard(
        name=f"{architecture}-imagenet",
        architecture=architecture,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        trained_on="ImageNet-1k: 1.28 million photographs in 1,000 classes",
        source_classes=IMAGENET_CLASSES,
        note=IMAGENET_NOTE,
        licence=licence,
        source=f"https://huggingface.co/{repository} (model.safetensors)",
        citation=f"{IMAGENET_CITATION}; {_network_citation(architecture)}",
    )


def _radimagenet(architecture: Architecture) -> EncoderCard:
    file, sha256 = RADIMAGENET_FILES[architecture]
    return EncoderCard(
        name=f"{architecture}-radimagenet",
        architecture=architecture,
        value_range=(-1.0, 1.0),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        trained_on="RadImageNet: 1.35 million CT, MR and ultrasound images in 165 classes",
        licence="MIT, as tagged by the uploader; the images themselves need a request to the authors",
        source=f"https://huggingface.co/Lab-Rasool/RadImageNet ({file})",
        citation=f"{RADIMAGENET_CITATION}; {_network_citation(architecture)}",
        note=RADIMAGENET_NOTE,
        published_sha256=sha256,
    )


def _network_citation(architecture: Architecture) -> str:
    return RESNET_CITATION if architecture.startswith("resnet") else DENSENET_CITATION
