"""The encoders medtl knows by name: what they expect, under which licence, and where to get them.

Nothing is downloaded here. A name without weights (`resnet18`, `resnet18-3d`) is a bare architecture that starts from
chance. Every encoder for pictures is known as `slices-`, `inflated-` and `acs-` too, for volumes.
"""

from __future__ import annotations

from functools import cache

from medtl.close_names import close_names, did_you_mean
from medtl.encoders.card import EncoderCard
from medtl.encoders.families import Family, families_on_imagenet, named_families
from medtl.encoders.families.medicalnet import MEDICALNET
from medtl.encoders.hugging_face import hugging_face_url
from medtl.encoders.lifting import LIFTINGS, lifted, split_name
from medtl.encoders.volume_catalogue import bare_volume_encoder, medicalnet_card
from medtl.errors import ConfigurationError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Red, green, blue, of pixels in [0, 1]; the statistics of torchvision's and timm's ImageNet weights."""

IMAGENET, RADIMAGENET = "ImageNet", "RadImageNet"
"""How a card begins to say what its weights were trained on."""
IMAGENET_CLASSES = 1000
IMAGENET_NOTE = (
    "The file's classifier has ImageNet-1k's 1,000 classes; nothing else in it shows what it was trained on."
)
CHANCE_MEAN = (0.5, 0.5, 0.5)
CHANCE_STD = (0.25, 0.25, 0.25)
"""For untrained networks: the middle of [0, 1], and about the spread of a scan that fills it."""

IMAGENET_CITATION = "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 115 (2015)"
RADIMAGENET_CITATION = "Mei et al., RadImageNet, Radiology: Artificial Intelligence 4(5) (2022), e210315"
RADIMAGENET_NOTE = (
    "The publishers disagree on the normalisation: the authors' PyTorch code maps pixels to [-1, 1] (used here), the "
    "repository's page names the ImageNet statistics."
)
RADIOGRAPHS_CITATION = "Cohen et al., TorchXRayVision: A library of chest X-ray datasets and models, MIDL (2022)"
RADIOGRAPHS_NOTE = (
    "It has seen NIH ChestX-ray14, PadChest, CheXpert, MIMIC-CXR, Open-I, and the RSNA and Google relabellings of NIH: "
    "on scans from one of these sets its numbers are too good."
)
RADIOGRAPHS_OUTPUTS = 18
RADIOGRAPHS_RANGE = (-1024.0, 1024.0)

RADIOLOGYNET_SITE = "http://radiologynet.riteh.hr/models"
RADIOLOGYNET_CITATION = (
    "Napravnik et al., Lessons learned from RadiologyNET foundation models for transfer learning in medical radiology, "
    "Scientific Reports 15 (2025), 21622"
)
RADIOLOGYNET_NOTE = (
    "Trained from chance on labels that come from clustering images, headers and reports. Its authors find it about as "
    "good as ImageNet where training is not limited. Grey pixels in [0, 1] enter three times without standardisation, "
    "and training mirrored them from left to right. The publisher's archive has no https address, so it is downloaded "
    "by hand; unpack it, and import the .pth file in it."
)
RADIOLOGYNET_CLASSES = 36

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

    For pictures: bare architectures, then ImageNet, RadImageNet, RadiologyNET, and chest radiographs. For volumes: bare
    3D networks, then MedicalNet.
    """
    named = named_families()
    bare = tuple(_bare(network, family) for family in named if 2 in family.spaces for network in family.architectures)
    imagenet = tuple(_imagenet(network, family) for family in families_on_imagenet() for network in family.imagenet)
    radimagenet = tuple(_radimagenet(network, family) for family in named for network in family.radimagenet)
    radiology = tuple(_radiologynet(network, family) for family in named for network in family.radiologynet)
    radiographs = tuple(_radiographs(network, family) for family in named for network in family.radiographs)
    bare_3d = tuple(bare_volume_encoder(network, family) for family in named for network in family.bare_volumes)
    medical = tuple(medicalnet_card(network) for network in MEDICALNET.architectures)
    return bare + imagenet + radimagenet + radiology + radiographs + bare_3d + medical


def unknown_encoder(name: str, *, also: tuple[str, ...]) -> ConfigurationError:
    """The error for a name that is neither in the catalogue nor among `also`, the names in the weight store."""
    names = sorted({card.name for card in known_encoders()} | set(also))
    close = close_names(name, names, most=CLOSE_MATCHES)
    hint = did_you_mean(name, names, before=" ", most=CLOSE_MATCHES)
    return ConfigurationError(
        f"The encoder {name!r} is not known.{hint} Known are: {', '.join(names)}; those for pictures also with "
        f"{', '.join(f'{lifting}-' for lifting in LIFTINGS)} before their names, for volumes. "
        "Weights of your own get a name by medtl weights import FILE --as NAME --like KNOWN, or by medtl pretrain.",
        encoder=name,
        close=close,
    )


def _bare(architecture: str, family: Family) -> EncoderCard:
    return EncoderCard(
        name=architecture,
        architecture=architecture,
        mean=CHANCE_MEAN,
        std=CHANCE_STD,
        trained_on="nothing: weights drawn by chance from the study's seed",
        licence="none needed: no pretrained weights",
        source=family.made_by,
        citation=family.citation,
        needs_weights=False,
    )


def _imagenet(architecture: str, family: Family) -> EncoderCard:
    published = family.imagenet[architecture]
    is_address = published.file.startswith("https://")
    return EncoderCard(
        name=family.imagenet_name(architecture),
        architecture=architecture,
        form=family.form,
        mean=published.mean or IMAGENET_MEAN,
        std=published.std or IMAGENET_STD,
        input_size_px=published.input_size_px,
        trained_on=f"{IMAGENET}-1k: 1.28 million photographs in 1,000 classes",
        source_classes=IMAGENET_CLASSES,
        note=f"{IMAGENET_NOTE} {family.note}".strip(),
        licence=published.licence,
        source=published.file if is_address else f"https://huggingface.co/{published.file} (model.safetensors)",
        download_url=None if is_address else hugging_face_url(published.file, "model.safetensors"),
        research_only=published.research_only,
        citation=f"{IMAGENET_CITATION}; {family.citation}",
    )


def _radimagenet(architecture: str, family: Family) -> EncoderCard:
    published = family.radimagenet[architecture]
    return EncoderCard(
        name=f"{architecture}-radimagenet",
        architecture=architecture,
        value_range=(-1.0, 1.0),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        trained_on=f"{RADIMAGENET}: 1.35 million CT, MR and ultrasound images in 165 classes",
        licence=published.licence,
        source=f"https://huggingface.co/Lab-Rasool/RadImageNet ({published.file})",
        download_url=hugging_face_url("Lab-Rasool/RadImageNet", published.file),
        research_only=published.research_only,
        citation=f"{RADIMAGENET_CITATION}; {family.citation}",
        note=RADIMAGENET_NOTE,
        published_sha256=published.sha256,
    )


def _radiologynet(architecture: str, family: Family) -> EncoderCard:
    published = family.radiologynet[architecture]
    return EncoderCard(
        name=f"{architecture}-radiologynet",
        architecture=architecture,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        input_size_px=published.input_size_px,
        trained_on="RadiologyNET: 1.9 million CT, MR, radiography, fluoroscopy and angiography images in 36 clusters",
        source_classes=RADIOLOGYNET_CLASSES,
        licence=published.licence,
        source=f"{RADIOLOGYNET_SITE}/{published.file}",
        research_only=True,
        citation=f"{RADIOLOGYNET_CITATION}; {family.citation}",
        note=RADIOLOGYNET_NOTE,
    )


def _radiographs(architecture: str, family: Family) -> EncoderCard:
    published = family.radiographs[architecture]
    return EncoderCard(
        name=f"{architecture}-torchxrayvision",
        architecture=architecture,
        channels=1,
        value_range=RADIOGRAPHS_RANGE,
        mean=(0.0,),
        std=(1.0,),
        trained_on="chest radiographs of seven public sets, 18 findings",
        source_classes=RADIOGRAPHS_OUTPUTS,
        licence=published.licence,
        source=f"https://huggingface.co/{published.file} (model.pt)",
        download_url=hugging_face_url(published.file, "model.pt"),
        research_only=published.research_only,
        citation=f"{RADIOGRAPHS_CITATION}; {family.citation}",
        note=RADIOGRAPHS_NOTE,
        published_sha256=published.sha256,
    )
