"""What stops a training names the cases, the file or the setting, and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from medtl.adaptation import AdaptationSettings, Classifier
from medtl.cohort import Case, Cohort
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.imaging import PreparationSettings, PreparedCohort
from medtl.record import run_folder as names
from medtl.training import Recipe, Scans
from medtl.training.device import choose_device
from medtl.training.feature_table import FeatureTable, feature_table
from medtl.training.fold_inference import primary_of_fold
from medtl.training.predict import predict_logits
from medtl.training.study_data import FeatureStore, StudyData
from medtl.training.variant import Variant

CPU = torch.device("cpu")


def damaged(module: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        next(iter(module.parameters())).fill_(float("nan"))
    return module


def test_a_classifier_that_diverged_names_its_cases_and_the_rate(classifier: Classifier, scans: Scans) -> None:
    damaged(classifier.head)
    with pytest.raises(
        IntegrityFailure, match=r"no finite score for 2 cases: c0, c3\. .* lower recipe\.learning_rate and run again"
    ):
        predict_logits(classifier, scans, ("c0", "c3"), recipe=Recipe(), device=CPU, what="test")


def test_an_encoder_that_was_damaged_names_its_case_and_the_commands_that_look(scans: Scans, tmp_path: Path) -> None:
    encoder = build_untrained(find_encoder("resnet10"), seed=0)
    damaged(encoder)
    with pytest.raises(
        IntegrityFailure, match=r"no finite features for 1 case: c5\. Run medtl weights verify, and medtl check"
    ):
        feature_table(encoder, scans, {"c5": "key"}, folder=tmp_path, device=CPU, loading_workers=0)


def data_of(scans: Scans, policy: str) -> tuple[StudyData, tuple[Variant, ...]]:
    """A study of one model, whose fold 3 is looked at again."""
    encoder = build_untrained(find_encoder("resnet10"), seed=0)
    adaptation = AdaptationSettings(policy=policy)
    cases = (Case("c0", "p0", Path("/0"), "well", 2), Case("c1", "p1", Path("/1"), "ill", 3))
    data = StudyData(
        cohort=Cohort(cases=cases, classes=("well", "ill")),
        groups={},
        prepared=PreparedCohort(scans={}, exclusions=(), seconds=0.0),
        preparation=PreparationSettings(),
        scans=scans,
        encoders={"resnet10": encoder},
        features={"resnet10": FeatureTable((), np.zeros((0, 512), np.float32))},
        store=FeatureStore(Path("/none"), CPU, 0),
        seed=7,
    )
    return data, (Variant("", "resnet10", adaptation, Recipe(), kept=adaptation.models),)


def test_the_weights_of_another_network_are_refused_by_file_and_fold(scans: Scans, tmp_path: Path) -> None:
    (tmp_path / "fold_3").mkdir()
    save_file({"other": torch.zeros(2)}, tmp_path / "fold_3" / names.CHECKPOINT)
    with pytest.raises(
        IntegrityFailure,
        match=r"checkpoint\.safetensors in fold_3 does not hold the network of this study: .* Delete the fold's folder",
    ):
        primary_of_fold(*data_of(scans, "full"), folder=tmp_path / "fold_3")


def test_models_on_frozen_features_that_were_lost_are_refused_by_file(scans: Scans, tmp_path: Path) -> None:
    (tmp_path / "fold_1").mkdir()
    with pytest.raises(
        IntegrityFailure,
        match=r"in fold_1 does not hold both models on frozen features: it is missing, damaged, or from",
    ):
        primary_of_fold(*data_of(scans, "probe"), folder=tmp_path / "fold_1")


def test_a_device_of_another_name_is_answered_with_the_three() -> None:
    with pytest.raises(
        ConfigurationError, match=r"is auto, cpu, cuda or a GPU by its number, such as cuda:1; got 'tpu'"
    ):
        choose_device("tpu")


def test_single_cases_at_a_time_name_the_setting_and_the_policies_that_allow_them() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"recipe\.micro_batch_size is 1, and scratch learns .* at least two "
        r"cases\. Set recipe\.micro_batch_size to 2",
    ):
        Recipe(micro_batch_size=1).refuse_lone_cases(learning="scratch")
