"""Bacterial or viral pneumonia? The harder question on the same radiographs of children (Kermany 2018).

Normal images are left out by name. data_manifests/pneumonia_radiographs.toml says what is known and what is doubtful
about the set: 809 person numbers carry images of both kinds, so one number need not be one child.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study.settings import Study

pipeline(
    Study(
        name="pneumonia-bacteria-or-virus",
        question="Does a frozen ImageNet encoder tell bacterial from viral pneumonia on radiographs of children?",
        manifest=Path("kermany_cxr_224/manifest.csv"),
        label_column="label3",
        classes=("virus", "bacteria"),
        leave_out_labels=("normal",),
        folds={"count": 5, "repeats": 1, "seed": 7},
        preparation={"preset": "radiograph", "size_px": (224, 224)},
        encoder="resnet18-imagenet",
        adaptation={"policy": "probe"},
        recipe={"epochs": 10, "batch_size": 16, "learning_rate": 1.0e-3},
        identifiers="as_in_manifest",
    )
)
