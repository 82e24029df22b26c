"""The catalogue's encoders with 3D kernels: bare networks, and MedicalNet.

MedicalNet's sources are those of its publishers (Tencent); MONAI's own loader is not used, since after any error it
takes other weights without a word.
"""

from __future__ import annotations

from typing import Final

from medtl.encoders.card import EncoderCard
from medtl.encoders.families import Family
from medtl.encoders.families.medicalnet import MEDICALNET
from medtl.encoders.hugging_face import hugging_face_url

MEDICALNET_SHA256: Final[dict[str, str]] = {
    "resnet10": "afa8055f3e47f4a18239495d92a7abc587902c69c31c743de2b2784653b72605",
    "resnet18": "61224f9317fcce873366deb3703183e92cc47325b726b69691b33536244e10f4",
    "resnet34": "3ea7188e396774e4ef95b66e5e90a78273bb33f6e58d3d717bf24f5f1aaeaa28",
    "resnet50": "ff48a62219073fb977fd3f4ddfb8dc1367f0ec156c8d6f6c37e205bd683a246e",
}
"""sha256 of `resnet_<depth>_23dataset.pth`."""

MEDICALNET_CITATION: Final = (
    "Chen et al., Med3D: Transfer Learning for 3D Medical Image Analysis, arXiv 1904.00625 (2019)"
)

MEDICALNET_NOTE: Final = (
    "Fed as its publishers fed it, as far as can be known: each volume is standardised by its voxels above 0, but "
    "voxels at 0 become 0 where the publishers put normal noise of mean 0 and deviation 1, and the values are those of "
    "the prepared scan, windowed into [0, 1], where theirs were not clipped. Its kernels are turned from slices, rows, "
    "columns to right, anterior, superior; in which directions their volumes ran is not stated. It was trained at "
    "56 x 448 x 448 voxels whatever their size in mm. Layers 3 and 4 are dilated and keep their grid, as in training "
    "(MONAI's ResNet halves it there and takes the same weights), so maps are 8 times coarser than the scan, not 32."
)

CHANCE_MEAN_GREY: Final = (0.5,)
CHANCE_STD_GREY: Final = (0.25,)
"""For untrained networks: the middle of [0, 1], and about the spread of a scan that fills it."""


def bare_volume_encoder(architecture: str, family: Family) -> EncoderCard:
    """A 3D network with random weights, the control of every pretrained one."""
    return EncoderCard(
        name=f"{architecture}-3d",
        architecture=architecture,
        dimensions=3,
        channels=1,
        mean=CHANCE_MEAN_GREY,
        std=CHANCE_STD_GREY,
        trained_on="nothing: weights drawn by chance from the study's seed",
        licence="none needed: no pretrained weights",
        source=family.made_by,
        citation=family.citation,
        needs_weights=False,
    )


def medicalnet_card(architecture: str) -> EncoderCard:
    """MedicalNet's encoder, trained to segment in 23 data sets."""
    depth = architecture.removeprefix("resnet")
    repository, file = f"TencentMedicalNet/MedicalNet-Resnet{depth}", f"resnet_{depth}_23dataset.pth"
    return EncoderCard(
        name=f"{architecture}-medicalnet",
        architecture=architecture,
        dimensions=3,
        form=MEDICALNET.form,
        channels=1,
        mean=(0.0,),
        std=(1.0,),
        standardised="by_foreground",
        input_size_px=448,
        trained_on="segmentation of organs and lesions in 23 data sets of CT and MR volumes",
        licence="MIT",
        source=f"https://huggingface.co/{repository} ({file})",
        download_url=hugging_face_url(repository, file),
        citation=f"{MEDICALNET_CITATION}; {MEDICALNET.citation}",
        note=MEDICALNET_NOTE,
        published_sha256=MEDICALNET_SHA256[architecture],
    )
