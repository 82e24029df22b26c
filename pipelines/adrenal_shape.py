"""Normal or hyperplastic adrenal gland? Binary shapes of AdrenalMNIST3D, on its official split.

1,584 masks of left and right glands (MedMNIST v2, Sci Data 10 (2023) 41; CC BY 4.0), taken in from the published file
with `medtl intake adrenalmnist3d.npz --out adrenalmnist3d/manifest.csv`. Label 0 is normal, 1 hyperplasia; 76.8 % of
the test part are normal. Published with networks trained on the same split at 28 voxels (AUC / accuracy): ResNet-18
with 3D kernels .827 / .721, with ACS kernels .839 / .754.

The slices are shown to the encoder at four times their size, since networks of ImageNet see little in 28 pixels.
`--set encoder=inflated-resnet18-imagenet` or `acs-resnet18-imagenet`, with `--set 'preparation.spacing_mm=[1, 1, 1]'`
and `--set 'volumes.stem_stride=[1, 1, 1]'`, are the other ways to volumes.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study.settings import Study

pipeline(
    Study(
        name="adrenal-shape",
        question="Does a frozen ImageNet encoder, slice by slice, tell hyperplastic (1) from normal (0) adrenals?",
        manifest=Path("adrenalmnist3d/manifest.csv"),
        classes=("0", "1"),
        folds={"official": "official_split"},
        preparation={"preset": "mask", "spacing_mm": (0.25, 0.25, 1.0), "extent_mm": (28.0, 28.0, 28.0)},
        encoder="slices-resnet18-imagenet",
        adaptation={"policy": "probe"},
        recipe={"epochs": 10, "batch_size": 32, "learning_rate": 1.0e-3},
        identifiers="as_in_manifest",
    )
)
