"""Pretraining on several manifests: a head for each set of labels, and nothing held out that another task learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medtl.encoders import WeightStore

pytestmark = pytest.mark.usefixtures("own_places")

Medtl = Callable[..., Any]


def written(cohort: Any, **settings: Any) -> Path:
    """The study under a file of its own name, since two studies of one cohort share a folder."""
    path: Path = cohort.write(**{"recipe": {"epochs": 1, "batch_size": 8}, **settings})
    return path.rename(path.with_name(f"{settings['name']}.yaml"))


def other_labels(cohort: Any, folder: str) -> None:
    """Three classes of other pixels than the first cohort's."""
    for number, row in enumerate(cohort.rows):
        cohort.draw(row["image"], number=100 + number)
        row["label"] = ("round", "square", "long")[number % 3]


def test_two_manifests_share_an_encoder_and_the_card_tells_how_each_was_learnt(
    new_cohort: Callable[[Path], Any], medtl: Medtl, tmp_path: Path
) -> None:
    first, second = new_cohort(tmp_path / "first"), new_cohort(tmp_path / "second")
    other_labels(second, "second")
    one = written(first, name="lungs")
    other = written(second, name="shapes", recipe={"epochs": 2, "batch_size": 8})
    done = medtl("pretrain", one, other, "--as", "shared-trunk")
    assert done.code == 0, done.err
    assert "shapes: what it says of recipe is not used; lungs says it for all." in done.err
    assert "Patient ids of different manifests are taken for different people" in done.err
    card = WeightStore.from_environment().card("shared-trunk")
    assert card.trained_on.startswith("lungs: 24 cases, classes ill, well. On 12 held-out cases: accuracy ")
    assert "shapes: 24 cases, classes long, round, square. On 12 held-out cases: accuracy " in card.trained_on
    assert "(most frequent class 0.333)" in card.trained_on
    study = written(first, name="target", encoder="shared-trunk")
    assert medtl("run", study, "--out", tmp_path / "run").code == 0


def test_held_out_cases_that_another_task_learns_from_are_left_out(
    new_cohort: Callable[[Path], Any], medtl: Medtl, tmp_path: Path
) -> None:
    first, second = new_cohort(tmp_path / "first"), new_cohort(tmp_path / "second")
    studies = (written(first, name="lungs"), written(second, name="same", folds={"count": 2, "seed": 8}))
    done = medtl("pretrain", *studies, "--as", "copied")
    assert done.code == 0, done.err
    assert "held-out cases are left out, since another task learns from equal scans." in done.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "lungs"}, "The studies are called lungs, lungs, and the card tells source tasks apart by name"),
        (
            {"name": "b", "preparation": {"preset": "radiograph", "size_px": [48, 32]}},
            "these are prepared to other sizes or channels (lungs: 1 x 32 x 32; b: 1 x 48 x 32): give all the same",
        ),
    ],
)
def test_studies_that_cannot_share_an_encoder_are_refused(
    settings: dict[str, Any], message: str, new_cohort: Callable[[Path], Any], medtl: Medtl, tmp_path: Path
) -> None:
    one = written(new_cohort(tmp_path / "first"), name="lungs")
    other = written(new_cohort(tmp_path / "second"), **settings)
    done = medtl("pretrain", one, other, "--as", "never")
    assert done.code == 2
    assert message in done.err


def test_options_that_change_labels_are_refused_for_several_tasks(
    new_cohort: Callable[[Path], Any], medtl: Medtl, tmp_path: Path
) -> None:
    recipe = {"epochs": 1, "batch_size": 8, "small_data": {"label_smoothing": 0.1}}
    one = written(new_cohort(tmp_path / "first"), name="lungs", recipe=recipe, adaptation={"policy": "full"})
    second = new_cohort(tmp_path / "second")
    other_labels(second, "second")
    done = medtl("pretrain", one, written(second, name="shapes"), "--as", "never")
    assert done.code == 2
    assert "(label_smoothing) changes labels across all classes, and several source tasks share none" in done.err
