"""The options for small data in a study: told on its page, and refused where they would do nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from medtl.errors import ConfigurationError
from medtl.record.retention import read_retention
from medtl.study.settings import Study, study_from

pytestmark = pytest.mark.usefixtures("own_places")


def study(options: dict[str, Any], *, policy: Any = "lp_ft", **settings: Any) -> Study:
    values = {"name": "small", "manifest": "m.csv", "adaptation": {"policy": policy}, **settings}
    recipe = {**values.get("recipe", {}), "small_data": options}
    return study_from({**values, "recipe": recipe}, folder=Path())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "small_data names no option: give one of label_smoothing, head_dropout, class_balance"),
        ({"label_smoothing": 0.9}, "recipe.small_data.label_smoothing: Input should be less than or equal to 0.5"),
        ({"class_balance": "smote"}, "class_balance: Input should be 'weights' or 'sampling'; got 'smote'"),
        (
            {"class_balance": ["weights", "sampling"]},
            "class_balance takes one of weights and sampling: both together would balance the classes twice",
        ),
        (
            {"swa_from": 0.9},
            "recipe: small_data.swa_from leaves 1 of 10 epochs to average, which takes 2 or more: begin earlier",
        ),
        ({"focal_loss": 2}, "recipe.small_data.focal_loss: no such key"),
    ],
)
def test_unknown_and_contradictory_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        study(options)
    assert text in str(caught.value)


def test_options_without_a_network_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"is for networks that are trained, but adaptation\.policy names only"
    ):
        study({"label_smoothing": 0.1}, policy="probe")


def test_dropout_around_the_probe_without_a_head_from_the_probe_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"is for heads that start from the probe, but full start"):
        study({"head_dropout": 0.2}, policy="full")


def test_averaging_the_last_epochs_and_stopping_at_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="swa_from averages the last epochs, and stopping: validation_loss"):
        study({"swa_from": 0.5}, recipe={"stopping": "validation_loss"})


def test_mirror_images_are_refused_where_left_and_right_mean_something() -> None:
    with pytest.raises(ConfigurationError, match=r"left and right mean something in a radiograph.*leave mirror out"):
        study({"test_time": ["mirror"]})
    assert study({"test_time": ["mirror", "shifts"]}, preparation={"preset": "photograph"})
    assert study({"test_time": ["mirror"]}, augmentation={"preset": "photograph"})


def test_strong_variation_of_scans_that_are_not_varied_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"augmentation\.strength is strong, but augmentation\.preset is none"):
        study_from({"name": "small", "manifest": "m.csv", "augmentation": {"preset": "none", "strength": "strong"}},
                   folder=Path())  # fmt: skip


def test_a_study_without_options_is_the_study_it_always_was() -> None:
    plain = study_from({"name": "small", "manifest": "m.csv"}, folder=Path())
    assert "small_data" not in plain.deciding()["recipe"]
    assert set(plain.deciding()["augmentation"]) == {"preset"}
    assert study({"label_smoothing": 0.1}).deciding()["recipe"]["small_data"]["label_smoothing"] == 0.1


def test_options_stand_in_the_study_file_the_methods_the_references_and_the_warnings(
    tiny: Any, new_run: Path, medtl: Callable[..., Any]
) -> None:
    options = {
        "label_smoothing": 0.1, "head_dropout": 0.3, "class_balance": "weights", "mixup": 0.2, "cutmix": 1.0,
        "swa_from": 0.0, "test_time": ["shifts"],
    }  # fmt: skip
    path = tiny.write(
        adaptation={"policy": "lp_ft"},
        augmentation={"strength": "strong"},
        recipe={"epochs": 2, "batch_size": 8, "small_data": options},
    )
    answer = medtl("run", path, "--out", new_run)
    assert answer.code == 0, answer.err
    assert yaml.safe_load((new_run / "study.yaml").read_text())["recipe"]["small_data"] == options
    page = " ".join((new_run / "report.html").read_text().replace("&#39;", "'").split())
    for sentence in (
        "Labels were smoothed by 0.1 (Szegedy et al. 2016).",
        "30 % of the features were set to their training mean before the head (Srivastava et al. 2014).",
        "In the loss every class weighed the same; the log odds of the networks were corrected by",
        "Pairs of training scans and their labels were mixed (mixup, alpha 0.2) (Zhang et al. 2018).",
        "was replaced by another's (CutMix, alpha 1) (Yun et al. 2019).",
        "averaged with equal weight (stochastic weight averaging) (Izmailov et al. 2018).",
        "copies of it (shifted by 2 % of each side in both directions) (Krizhevsky et al. 2012).",
        "Training scans were varied over twice the usual ranges.",
        "The networks learnt from balanced classes, so their probabilities are risks only as far as the correction",
        "so the gap is no measure of overfitting here",
    ):
        assert sentence in page, sentence
    changed = read_retention(new_run / "fold_0")
    assert changed is not None
    assert [stage.stage for stage in changed.models[0].stages] == ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert "What changed in the encoder, by stage" in page
    works = (
        "kornblith2019 nguyen2021 szegedy2016 srivastava2014 saerens2002 zhang2018 yun2019 izmailov2018 krizhevsky2012"
    )
    for work in works.split():
        assert work in (new_run / "references.bib").read_text()
