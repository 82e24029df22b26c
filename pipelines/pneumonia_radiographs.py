"""Normal or pneumonia? Chest radiographs of children (Kermany 2018), two ImageNet encoders, each frozen or fine-tuned.

5,840 images of 3,273 patient numbers, all from one hospital; data_manifests/pneumonia_radiographs.toml says what is
known and what is doubtful about them. In each fold the encoder and the policy are chosen on that fold's validation
patients; the official test part stays sealed, and `medtl unseal RUN` opens it once, at the end. The encoders come from
the weight store: `medtl weights import FILE --as resnet18-imagenet`, and the same for resnet50-imagenet.

On a computer without a GPU leave fine-tuning out: `--set adaptation.policy=probe`.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study.settings import Study

pipeline(
    Study(
        name="pneumonia-radiographs",
        question="Does an ImageNet encoder tell pneumonia from normal on radiographs of children?",
        manifest=Path("kermany_cxr_224/manifest.csv"),
        classes=("NORMAL", "PNEUMONIA"),
        folds={"count": 5, "repeats": 1, "seed": 7, "sealed": "split"},
        preparation={"preset": "radiograph", "size_px": (224, 224)},
        encoder="resnet18-imagenet",
        adaptation={"policy": ("probe", "lp_ft")},
        selection={"encoders": ("resnet50-imagenet",)},
        recipe={"epochs": 5, "batch_size": 16, "learning_rate": 1.0e-3},
        identifiers="as_in_manifest",
    )
)
