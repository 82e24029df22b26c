"""Normal or pneumonia? Chest radiographs of children (Kermany 2018), an ImageNet ResNet-18 as it was borrowed.

5,840 images of 3,273 patient numbers, all from one hospital; data_manifests/pneumonia_radiographs.toml says what is
known and what is doubtful about them. The encoder comes from the weight store:
`medtl weights import FILE --as resnet18-imagenet`.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study_settings import Study

pipeline(
    Study(
        name="pneumonia-radiographs",
        question="Does a frozen ImageNet encoder tell pneumonia from normal on radiographs of children?",
        manifest=Path("kermany_cxr_224/manifest.csv"),
        classes=("NORMAL", "PNEUMONIA"),
        folds={"count": 5, "repeats": 1, "seed": 7},
        preparation={"preset": "radiograph", "size_px": (224, 224)},
        encoder="resnet18-imagenet",
        adaptation={"policy": "probe"},
        recipe={"epochs": 10, "batch_size": 16, "learning_rate": 1.0e-3},
        identifiers="as_in_manifest",
    )
)
