"""Small or large hippocampus? T1 crops of the Medical Segmentation Decathlon, slice by slice with an ImageNet encoder.

260 volumes of about 35 x 51 x 35 mm at 1 mm. The label is derived: total volume of the mask below or above the cohort's
median; it stands for a task whose truth is known, not for a clinical question. The crops were cut around the organ, so
their size gives the label away (AUROC 0.79 from the three side lengths alone). The preparation takes 31 x 40 x 24 mm
from the middle of every crop, which all of them cover: no black margin is left that could show how large a crop was.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study.settings import Study

pipeline(
    Study(
        name="hippocampus-volume",
        question="Does a frozen ImageNet encoder, slice by slice, tell a large hippocampus from a small one?",
        manifest=Path("msd_hippocampus/manifest.csv"),
        classes=("small", "large"),
        folds={"count": 5, "repeats": 1, "seed": 7},
        preparation={"preset": "mr", "spacing_mm": (0.25, 0.25, 1.0), "extent_mm": (31.0, 40.0, 24.0)},
        encoder="slices-resnet18-imagenet",
        adaptation={"policy": "probe"},
        recipe={"epochs": 10, "batch_size": 8, "learning_rate": 1.0e-3},
        identifiers="as_in_manifest",
    )
)
