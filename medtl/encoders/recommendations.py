"""Which encoder to take for which scans, with the published reason: a good start, and what to compare it with.

Differences between sources are mostly smaller than their intervals; a study compares several by `selection:`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Recommendation:
    """An encoder for a kind of scans.

    Args:
        scans: the kind, as a user would say it.
        encoder: its name, with the way in which it takes volumes.
        megabytes: of the publisher's file, in millions of bytes.
        reason: what was published. Numbers without % are AUROC times 100.
        source: where.
    """

    scans: str
    encoder: str
    megabytes: int
    reason: str
    source: str


WHEN_UNSURE: Final = (
    "When unsure, take the first of a kind. Differences between sources are mostly smaller than their intervals: "
    "compare two by selection, and mind the frozen probe on the page."
)

RECOMMENDATIONS: Final[tuple[Recommendation, ...]] = (
    Recommendation(
        "radiographs",
        "resnet18-imagenet",
        47,
        "Pneumonia 98.4, RadImageNet 98.2: no difference shown. Small and quick",
        "arXiv:2412.20172",
    ),
    Recommendation(
        "",
        "densenet121-imagenet",
        32,
        "Highest mean accuracy over 12 data sets: 87.1 %, ResNet-18 86.2 %",
        "arXiv:2404.15786",
    ),
    Recommendation(
        "ultrasound",
        "resnet50-imagenet",
        102,
        "Breast 90.5, RadImageNet 88.2: no difference shown",
        "arXiv:2302.08272",
    ),
    Recommendation(
        "CT or MR slices",
        "resnet50-imagenet",
        102,
        "Knee MR 91.5, RadImageNet 89.3: no difference shown",
        "arXiv:2302.08272",
    ),
    Recommendation(
        "",
        "resnet50-radimagenet",
        94,
        "To compare. Trained head first it fell: knee MR 64, breast 72",
        "arXiv:2302.08272",
    ),
    Recommendation(
        "volumes",
        "slices-resnet18-imagenet",
        47,
        "A slice encoder (DINOv2) and 3D: knee MR 85 and 69, breast MR 94 and 91",
        "arXiv:2411.15802",
    ),
    Recommendation(
        "small volumes",
        "acs-resnet18-imagenet",
        47,
        "Pretrained in 2D, ahead of 3D from scratch on patches",
        "arXiv:1911.10477",
    ),
    Recommendation(
        "",
        "resnet18-medicalnet",
        132,
        "Lung nodules 88.9 % right, from scratch 80.8 %; one split",
        "Tencent/MedicalNet",
    ),
    Recommendation(
        "photographs, fundus",
        "resnet50-imagenet",
        102,
        "RadImageNet is behind in colour: skin 94.2 and 90.8, histology 93.8 and 87.1",
        "arXiv:2302.08272",
    ),
)
"""By kind; a kind that is left out is that of the line above. Small volumes: at most 96 voxels on each axis."""
