"""From a folder as a PACS sends it to maps over the scans: was an MR volume acquired in axial or in sagittal slices?

`medtl intake FOLDER --out pacs/manifest.csv --modality MR` takes the series in; the label is the plane of acquisition,
which intake reads from the headers. A task of known truth for trying the whole way, from DICOM to the page, on a few
series: what counts is that geometry and maps are right, not how well it is done. Preparation turns every volume to
the patient's axes, so that the plane shows only in the sharpness along each of them.
"""

from pathlib import Path

from medtl.cli import pipeline
from medtl.study.settings import Study

pipeline(
    Study(
        name="mr-from-pacs",
        question="Does an ImageNet encoder see in which plane an MR volume was acquired?",
        manifest=Path("pacs/manifest.csv"),
        label_column="orientation",
        classes=("axial", "sagittal"),
        covariates=("manufacturer",),
        folds={"count": 3, "repeats": 1, "seed": 7, "validation_fraction": 0.5},
        preparation={"preset": "mr", "spacing_mm": (2.0, 2.0, 2.0), "extent_mm": (192.0, 192.0, 128.0)},
        encoder="slices-resnet18-imagenet",
        adaptation={"policy": "probe"},
    )
)
