"""The pipelines on real radiographs with a real ImageNet encoder; the real files lie beside the checkout or not at all.

About 200 images: small enough for every run of the tests, large enough for a borrowed encoder to show itself.
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
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from medtl.encoders import WeightStore

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = SHARED / "data" / "kermany_cxr_224" / "manifest.csv"
WEIGHTS = SHARED / "weights" / "resnet18.pqf_in1k.safetensors"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (MANIFEST.is_file() and WEIGHTS.is_file()), reason="no real radiographs beside the checkout"
    ),
]


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the pipeline on 75 patients a class."""
    folder = tmp_path_factory.mktemp("radiographs")
    places = {name: str(folder / name) for name in ("MEDTL_WEIGHTS", "MEDTL_CACHE", "MEDTL_HOME")}
    WeightStore((folder / "MEDTL_WEIGHTS",)).import_file(WEIGHTS, "resnet18-imagenet")
    command = [sys.executable, ROOT / "pipelines" / "pneumonia_radiographs.py", "--manifest", MANIFEST]
    command += ["--limit-patients", "75", "--out", folder / "run"]
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
    assert 150 <= folds["case_id"].nunique() <= 400


@pytest.mark.parametrize("model", ["probe", "centroid"])
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


def test_the_pages_name_the_limit_and_show_maps_on_the_original_scans(radiographs: Path) -> None:
    from PIL import Image

    page = (radiographs / "report.html").read_text()
    assert "limited to 75 patients a class" in page
    maps = sorted(radiographs.glob("fold_*/saliency/*-map.png"))
    assert maps
    for path in maps:
        values = np.asarray(Image.open(path))
        assert values.shape == (224, 224)
        assert values.max() in (0, 65535)
