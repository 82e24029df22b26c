"""A study whose probe reads several stages, from its settings to predictions that are read back, maps and sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from medtl import encoders, imaging, training
from medtl.files import read_csv
from medtl.record import run_folder as names
from medtl.record.run_folder import RunFolder
from medtl.study.cohort import audit_and_split, read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import resolve_encoders
from medtl.study.settings import read_study

pytestmark = pytest.mark.usefixtures("own_places", "without_states")


def finished(tiny: Any, new_run: Path, medtl: Callable[..., Any], *, probe_stages: str) -> Path:
    study = tiny.write(
        adaptation={"policy": ["lp_ft", "full"], "probe_stages": probe_stages},
        recipe={"epochs": 1},
        saliency={"checks": True, "cases_per_fold": 2},
    )
    answer = medtl("run", study, "--out", new_run)
    assert answer.code == 0, answer.err
    return new_run


def text_of(run: Path) -> str:
    return " ".join((run / "report.html").read_text().split())


def test_the_inner_folds_choose_among_the_readouts_and_every_page_says_so(
    tiny: Any, new_run: Path, medtl: Callable[..., Any]
) -> None:
    run = finished(tiny, new_run, medtl, probe_stages="auto")
    for fold in RunFolder(run).finished_folds():
        choice = json.loads((run / f"fold_{fold}" / "probe.json").read_text())
        losses = choice["readout_log_losses"]
        assert set(losses) == {"last", "last_two", "all"}
        assert losses[choice["readout"]] == min(losses.values())
    assert "Which features the probe reads was chosen in the same inner folds" in text_of(run)
    assert "The features that it reads were chosen by the same log loss" in text_of(run)


def test_the_models_of_a_wider_readout_are_read_back_and_explained(
    tiny: Any, new_run: Path, medtl: Callable[..., Any]
) -> None:
    run = finished(tiny, new_run, medtl, probe_stages="all")
    folder = RunFolder(run)
    study, resolved = resolve_encoders(read_study(run / "study.yaml"), store=encoders.WeightStore.from_environment())
    cohort = read_cohort(study)
    cache = imaging.PreparedCache.shared()
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
    cohort = audit_and_split(study, cohort, prepared.facts).cohort
    data = study_data(study, cohort, prepared, groups={}, encoders=resolved, device=torch.device("cpu"))
    variants = training.variants_of(study.adaptation, study.recipe, study.selection, encoders=list(resolved))
    before = read_csv(run / "predictions.csv", text_columns=("case_id",))
    for fold in folder.finished_folds():
        again = training.fold_inference.predict_fold(data, variants, fold=fold, folder=folder.fold(fold)).rows
        own = before[(before["role"] == "test") & (before["fold"] == fold)]
        both = own.merge(again, on=["model", "fold", "case_id"], suffixes=("", "_again"), validate="one_to_one")
        assert set(both["model"]) == {"lp_ft", "full", "probe", "centroid"}
        assert np.allclose(both["p_ill"], both["p_ill_again"], atol=1e-5)
        name, network = training.fold_inference.primary_of_fold(data, variants, folder=folder.fold(fold))
        assert (name, network.readout) == ("lp_ft", "all")
        maps = pd.read_csv(folder.fold(fold) / names.SALIENCY / "saliency.csv")
        assert set(maps["stage"]) == {"readout"}
    checks = json.loads((run / "saliency_checks.json").read_text())
    assert {fold["stage"] for fold in checks["folds"]} == {"readout"}
    assert "all stages that the head reads" in " ".join((run / "fold_0" / "report.html").read_text().split())
    assert "The features were the mean and standard deviation of each map of every stage." in text_of(run)
