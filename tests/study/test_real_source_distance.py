"""An encoder pretrained on real radiographs: other patients' radiographs are near its source, fundus photographs far.

The numbers are those of docs/choosing.md; training on another kind of processor gives others, in the same relation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from shared_data import SHARED

from medtl.encoders import WeightStore
from medtl.record.sources import DistanceFound, read_sources

RADIOGRAPHS, FUNDUS = SHARED / "data" / "kermany_cxr_224", SHARED / "data" / "odir_fundus_256"
RESNET18 = SHARED / "weights" / "resnet18.pqf_in1k.safetensors"
COLUMNS = ["case_id", "patient_id", "image", "label"]

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.usefixtures("own_places"),
    pytest.mark.skipif(
        not all(path.exists() for path in (RADIOGRAPHS, FUNDUS, RESNET18)),
        reason="no real images and weights beside the checkout",
    ),
]


def drawn(table: pd.DataFrame, number: int, *, seed: int, images: int) -> pd.DataFrame:
    """So many patients of each label, with so many images each."""
    own = [part.sample(number, random_state=seed) for _, part in table.drop_duplicates("patient_id").groupby("label")]
    chosen = table[table["patient_id"].isin(pd.concat(own)["patient_id"])]
    return chosen.groupby("patient_id").head(images)[COLUMNS]


def study_of(folder: Path, name: str, cases: pd.DataFrame, root: Path, preset: str) -> Path:
    cases.to_csv(folder / f"{name}.csv", index=False)
    settings = {
        "name": name,
        "manifest": f"{name}.csv",
        "data_root": str(root),
        "identifiers": "as_in_manifest",
        "folds": {"count": 5, "seed": 7},
        "encoder": "resnet18-imagenet",
        "preparation": {"preset": preset, "size_px": [128, 128]},
        "recipe": {"epochs": 2, "batch_size": 16},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return folder / f"{name}.yaml"


def test_other_patients_are_near_and_photographs_of_the_fundus_far(tmp_path: Path, medtl: Callable[..., Any]) -> None:
    everybody = pd.read_csv(RADIOGRAPHS / "manifest.csv", dtype=str)
    everybody.insert(0, "case_id", [f"c{number:05d}" for number in range(len(everybody))])
    training = everybody[everybody["split"] == "train"]
    source = drawn(training, 250, seed=1, images=2)
    target = drawn(training[~training["patient_id"].isin(source["patient_id"])], 60, seed=2, images=2)
    eyes = pd.read_csv(FUNDUS / "manifest.csv", dtype=str)
    fundus = drawn(eyes.assign(label=eyes["normal"].map({"1": "normal", "0": "ill"})), 60, seed=2, images=1)

    WeightStore.from_environment().import_file(RESNET18, "resnet18-imagenet")
    pretraining = study_of(tmp_path, "source", source, RADIOGRAPHS, "radiograph")
    assert medtl("pretrain", pretraining, "--as", "of-radiographs").code == 0
    studies = {
        "near": study_of(tmp_path, "near", target, RADIOGRAPHS, "radiograph"),
        "far": study_of(tmp_path, "far", fundus, FUNDUS, "photograph"),
    }
    found: dict[str, DistanceFound] = {}
    for name, study in studies.items():
        done = medtl("sources", study, "--candidates", "of-radiographs", "--out", tmp_path / f"out-{name}")
        assert done.code == 0, done.err
        (distance,) = read_sources(tmp_path / f"out-{name}").distances
        assert distance.found is not None
        found[name] = distance.found
    near, far = found["near"], found["far"]
    assert near.source_cases == 422
    assert near.held_out_outside / near.held_out_cases < 0.1
    assert near.frechet < near.largest_of_draws
    assert near.outside / near.cases < 0.12
    assert far.frechet > 15 * far.largest_of_draws
    assert far.outside == far.cases == 120
