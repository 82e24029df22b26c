"""The pipeline on real radiographs with real ImageNet encoders; the real files lie beside the checkout or not at all.

About 200 images: small enough for every run of the tests, large enough for a pretrained encoder to show itself. The
official test part stays sealed until it is opened here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shared_data import SHARED
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from medtl.encoders import WeightStore

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = SHARED / "data" / "kermany_cxr_224" / "manifest.csv"
WEIGHTS = {f"{name}-imagenet": SHARED / "weights" / f"{name}.pqf_in1k.safetensors" for name in ("resnet18", "resnet50")}
PATIENTS, SEALED = 45, 15
"""Of each class, in the study and in the sealed test."""

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(path.is_file() for path in (MANIFEST, *WEIGHTS.values())),
        reason="no real radiographs and weights beside the checkout",
    ),
]


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the pipeline, frozen encoders only, its sealed test opened once."""
    folder = tmp_path_factory.mktemp("radiographs")
    places = {name: str(folder / name) for name in ("MEDTL_WEIGHTS", "MEDTL_CACHE", "MEDTL_HOME")}
    for name, path in WEIGHTS.items():
        WeightStore((folder / "MEDTL_WEIGHTS",)).import_file(path, name)
    everybody = pd.read_csv(MANIFEST, dtype=str)
    parts = []
    for split, number in (("train", PATIENTS), ("test", SEALED)):
        for label in ("NORMAL", "PNEUMONIA"):
            own = everybody[(everybody["split"] == split) & (everybody["label"] == label)]
            parts.append(own[own["patient_id"].isin(own["patient_id"].unique()[:number])].groupby("patient_id").head(2))
    pd.concat(parts).to_csv(folder / "manifest.csv", index=False)
    pipeline = [sys.executable, ROOT / "pipelines" / "pneumonia_radiographs.py", "--manifest", folder / "manifest.csv"]
    pipeline += [
        "--set",
        f"data_root={MANIFEST.parent}",
        "--set",
        "adaptation.policy=probe",
        "--set",
        "saliency.cases_per_fold=2",
        "--out",
        folder / "run",
    ]
    for command in (pipeline, [sys.executable, "-m", "medtl", "unseal", folder / "run"]):
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **places}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "run"


def per_patient(run: Path, model: str) -> pd.DataFrame:
    """The mean probability per patient and label, out of fold, by pandas alone."""
    told = pd.read_csv(run / "predictions.csv")
    tested = told[(told["role"] == "test") & (told["model"] == model)]
    return tested.groupby(["patient_id", "truth"])["p_PNEUMONIA"].mean().reset_index()


def test_every_patient_is_tested_once_and_never_with_his_own_images_in_training(radiographs: Path) -> None:
    folds = pd.read_csv(radiographs / "folds.csv")
    assert folds[folds["role"] == "test"].groupby("case_id").size().eq(1).all()
    assert folds.groupby(["fold", "patient_id"])["role"].nunique().eq(1).all()
    assert folds["patient_id"].nunique() == 2 * PATIENTS
    assert not folds["patient_id"].str.startswith("test-").any()


@pytest.mark.parametrize("model", ["selected", "probe", "probe@resnet50-imagenet", "centroid"])
def test_the_numbers_of_the_study_are_those_of_scikit_learn_from_its_csv(radiographs: Path, model: str) -> None:
    metrics = json.loads((radiographs / "metrics.json").read_text())
    (found,) = (one["patient"]["pooled"]["metrics"] for one in metrics["models"] if one["model"] == model)
    patients = per_patient(radiographs, model)
    truth, score = patients["truth"] == "PNEUMONIA", patients["p_PNEUMONIA"]
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert found["average_precision"]["value"] == pytest.approx(average_precision_score(truth, score), abs=1e-12)
    assert found["brier"]["value"] == pytest.approx(brier_score_loss(truth, score), abs=1e-12)


def test_a_frozen_imagenet_encoder_tells_pneumonia_from_normal(radiographs: Path) -> None:
    """The weights' own page measured 0.960 (normal against bacterial, 277 test images, one run)."""
    metrics = json.loads((radiographs / "metrics.json").read_text())
    (probe,) = (one["patient"]["pooled"]["metrics"]["auroc"] for one in metrics["models"] if one["model"] == "probe")
    assert probe["value"] > 0.92
    assert probe["low"] > 0.85


def test_in_each_fold_the_encoder_with_the_least_loss_on_its_validation_patients_is_taken(radiographs: Path) -> None:
    told = pd.read_csv(radiographs / "predictions.csv")
    for fold in range(5):
        rows = told[(told["role"] == "validation") & (told["fold"] == fold) & told["model"].str.startswith("probe")]
        said = rows.groupby(["model", "patient_id", "truth"])["p_PNEUMONIA"].mean().reset_index()
        losses = {
            model: log_loss(own["truth"] == "PNEUMONIA", own["p_PNEUMONIA"]) for model, own in said.groupby("model")
        }
        chosen = json.loads((radiographs / f"fold_{fold}" / "selection.json").read_text())["chosen"]
        assert chosen == min(losses, key=lambda name: losses[name])


def test_the_sealed_test_was_opened_once_and_its_auroc_is_that_of_the_mean_of_the_folds_models(
    radiographs: Path,
) -> None:
    (opened,) = (radiographs / "held_out").iterdir()
    lines = [json.loads(line) for line in (opened / "openings.jsonl").read_text().splitlines()]
    assert [sorted({"opened", "answered"} & line.keys()) for line in lines] == [["opened"], ["answered"]]
    members = pd.read_csv(opened / "members.csv")
    of_models = (
        members[members["model"] == "selected"].groupby(["patient_id", "truth"])["p_PNEUMONIA"].mean().reset_index()
    )
    assert len(of_models) == 2 * SEALED
    expected = roc_auc_score(of_models["truth"] == "PNEUMONIA", of_models["p_PNEUMONIA"])
    metrics = json.loads((opened / "metrics.json").read_text())
    (found,) = (one["patient"]["pooled"]["metrics"] for one in metrics["models"] if one["model"] == "selected")
    assert found["auroc"]["value"] == pytest.approx(expected, abs=1e-12)
    assert "opened once" in (radiographs / "report.html").read_text().replace("\u00a0", " ")


def test_maps_lie_on_the_original_scans(radiographs: Path) -> None:
    from PIL import Image

    maps = sorted(radiographs.glob("fold_*/saliency/*-map.png"))
    assert maps
    for path in maps:
        values = np.asarray(Image.open(path))
        assert values.shape == (224, 224)
        assert values.max() in (0, 65535)
