"""What the probe gains from reading several stages: out-of-fold AUROC on real scans, each readout on the same folds.

    PYTHONPATH=. python tests/probe_readouts.py ../shared/data [--encoder resnet18-imagenet] [SET ...]

Prints a table in Markdown: the AUROC of each readout with its 95 % interval over patients, the paired difference of
`auto` (chosen in inner folds, with C) to `last`, and how often each readout was chosen. Features are computed once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from real_study import data_of, interval

from medtl.adaptation.probe import fit_probe
from medtl.encoders.readout import READOUTS, Readout
from medtl.evaluation import evaluate
from medtl.predictions import PredictionTable, concatenate
from medtl.study.settings import Study
from medtl.training.seeding import seed_for

TRIED: dict[str, tuple[Readout, ...]] = {**{name: (name,) for name in READOUTS}, "auto": READOUTS}
PER_CLASS = 200


def _fundus(folder: Path, *, column: str, patients: int) -> Path:
    """A manifest of eyes with one finding against normal ones, at most so many patients a class."""
    eyes = pd.read_csv(folder / "odir_fundus_256" / "manifest.csv", dtype={"patient_id": str})
    found = ["diabetes", "glaucoma", "cataract", "amd", "hypertension", "myopia", "other"]
    ill = eyes[eyes[column] == 1]
    well = eyes[(eyes["normal"] == 1) & (eyes[found].sum(axis=1) == 0) & ~eyes["patient_id"].isin(ill["patient_id"])]
    rows = pd.concat([ill.assign(label=column), well.assign(label="normal")])
    kept = rows.drop_duplicates("patient_id").groupby("label").sample(frac=1, random_state=7).groupby("label")
    chosen = kept.head(patients)[["patient_id", "image", "label"]]
    path = Path(tempfile.mkdtemp()) / "manifest.csv"
    chosen.to_csv(path, index=False)
    return path


def _adrenal(folder: Path) -> Path:
    """A manifest of adrenal shapes, each taken for a patient, since their ids are not published; NIfTI of 1 mm."""
    arrays = np.load(folder / "adrenalmnist3d" / "adrenalmnist3d_64.npz")
    shapes = np.concatenate([arrays["train_images"], arrays["val_images"]])
    labels = np.concatenate([arrays["train_labels"], arrays["val_labels"]]).ravel()
    place = Path(tempfile.mkdtemp())
    rows = pd.DataFrame({"index": np.arange(len(labels)), "label": np.where(labels == 1, "hyperplasia", "normal")})
    rows = rows.sample(frac=1, random_state=7).groupby("label").head(PER_CLASS)
    for index in rows["index"]:
        nib.save(nib.Nifti1Image(shapes[index], np.eye(4)), place / f"{index}.nii.gz")
    rows["image"] = [f"{index}.nii.gz" for index in rows["index"]]
    rows["patient_id"] = [f"p{index}" for index in rows["index"]]
    rows[["patient_id", "image", "label"]].to_csv(place / "manifest.csv", index=False)
    return place / "manifest.csv"


def studies(data: Path, encoder: str) -> dict[str, Study]:
    """The questions, by name."""
    common = {
        "adaptation": {"policy": "probe", "probe_stages": "auto"},
        "identifiers": "as_in_manifest",
        "resamples": 1000,
    }
    five = {"count": 5, "seed": 7}
    x_rays = {"manifest": data / "kermany_cxr_224/manifest.csv", "folds": five, "encoder": encoder,
              "limit_patients": PER_CLASS, "preparation": {"preset": "radiograph", "size_px": (224, 224)}}  # fmt: skip
    eye = {"folds": five, "encoder": encoder, "data_root": data / "odir_fundus_256",
           "preparation": {"preset": "photograph", "size_px": (224, 224)}}  # fmt: skip
    return {
        "X-rays, bacteria or virus": Study(name="a", label_column="label3", classes=("virus", "bacteria"),
                                           leave_out_labels=("normal",), **x_rays, **common),
        "X-rays, normal or pneumonia": Study(name="b", classes=("NORMAL", "PNEUMONIA"), **x_rays, **common),
        "fundus, diabetes or normal": Study(name="c", manifest=_fundus(data, column="diabetes", patients=300),
                                            classes=("normal", "diabetes"), **eye, **common),
        "fundus, myopia or normal": Study(name="d", manifest=_fundus(data, column="myopia", patients=300),
                                          classes=("normal", "myopia"), **eye, **common),
        "hippocampus, small or large": Study(
            name="e", manifest=data / "msd_hippocampus/manifest.csv", classes=("small", "large"), folds=five,
            encoder=f"slices-{encoder}", **common,
            preparation={"preset": "mr", "spacing_mm": (0.25, 0.25, 1.0), "extent_mm": (31.0, 40.0, 24.0)}),
        "adrenal, normal or hyperplasia": Study(
            name="f", manifest=_adrenal(data), classes=("normal", "hyperplasia"), folds=five,
            encoder=f"slices-{encoder}", **common,
            preparation={"preset": "mr", "spacing_mm": (1.0, 1.0, 2.0), "extent_mm": (64.0, 64.0, 64.0)}),
    }  # fmt: skip


def measured(study: Study) -> str:
    """A row of the table."""
    study, data, recruited = data_of(study)
    encoder = data.encoders[study.encoder]
    cohort, features = data.cohort, data.features[study.encoder]
    cases = {case.case_id: case for case in cohort.cases}
    tables, chosen = [], Counter[str]()
    for fold in recruited.folds.folds:
        split = recruited.folds.split(fold)
        labels = cohort.outcome.targets(cases[name].label for name in split.training)
        for name, readouts in TRIED.items():
            fitted = fit_probe(
                features.of(split.training), labels, groups=[data.groups[case] for case in split.training],
                classes=cohort.outcome.head_width, seed=seed_for(study.seed, "inner folds", fold),
                readouts={one: encoder.feature_widths[one] for one in readouts},
            )  # fmt: skip
            if name == "auto":
                chosen[fitted.readout] += 1
            for role in ("validation", "test"):
                members = [cases[case] for case in getattr(split, role)]
                values = fitted.probabilities(features.of([case.case_id for case in members]).astype(np.float64))
                tables.append(
                    PredictionTable.of_cases(members, values, classes=cohort.classes, fold=fold, role=role, model=name)
                )
    found = evaluate(concatenate(tables), resamples=study.resamples, seed=study.seed, pairs=[("auto", "last")])
    cells = [interval(found.of(name).patient.pooled.metrics["auroc"]) for name in TRIED]
    gain = found.comparisons[0].difference
    return f"| {len(cohort.patients)} | {' | '.join(cells)} | {interval(gain)} | {dict(chosen)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--encoder", default="resnet18-imagenet")
    options = parser.parse_args()
    print(f"| set | patients | {' | '.join(TRIED)} | auto - last | chosen |\n|{'---|' * (len(TRIED) + 4)}", flush=True)
    for name, study in studies(options.data, options.encoder).items():
        if not options.sets or any(one in name for one in options.sets):
            print(f"| {name} {measured(study)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
