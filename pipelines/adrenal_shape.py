"""Normal or hyperplastic adrenal gland? Binary shapes of AdrenalMNIST3D, on its official split.

1,584 masks of left and right glands (MedMNIST v2, Sci Data 10 (2023) 41; CC BY 4.0), by `medtl intake` of the .npz.
Published with networks trained on the same split at 28 voxels (AUC / accuracy): ResNet-18 with 3D kernels .827 / .721,
with ACS kernels .839 / .754; 76.8 % of the test part are normal. Other ways of taking an ImageNet encoder to volumes
are one setting away: `--set encoder=inflated-resnet18-imagenet`, `--set encoder=slices-resnet18-imagenet`.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study_settings import Study

pipeline(
    Study(
        name="adrenal-shape",
        question="Does a frozen ImageNet encoder with ACS kernels tell hyperplastic from normal adrenal glands?",
        manifest=Path("adrenalmnist3d/manifest.csv"),
        classes=("normal", "hyperplasia"),
        folds={"official": "split"},
        preparation={"preset": "mask", "spacing_mm": (1.0, 1.0, 1.0), "extent_mm": (28.0, 28.0, 28.0)},
        encoder="acs-resnet18-imagenet",
        adaptation={"policy": "probe"},
        recipe={"epochs": 10, "batch_size": 32, "learning_rate": 1.0e-3},
        identifiers="as_in_manifest",
    )
)
