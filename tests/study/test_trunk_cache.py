"""Draws and the cache of frozen stages in a study: refused where idle, told, and without effect on its numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medtl.errors import ConfigurationError
from medtl.files import fingerprint
from medtl.study.settings import Study, study_from

pytestmark = pytest.mark.usefixtures("own_places")

LAST = {"policy": "last_stages", "last_stages": 1}


def study(**settings: Any) -> Study:
    return study_from({"name": "small", "manifest": "m.csv", **settings}, folder=Path())


def cached(**settings: Any) -> dict[str, Any]:
    return {"adaptation": LAST, "augmentation": {"draws": 4}, "recipe": {"trunk_cache_gb": 1}, **settings}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (cached(augmentation={"draws": 0}), "augmentation.draws: Input should be greater than or equal to 1; got 0"),
        (
            cached(augmentation={"draws": 4, "preset": "none"}),
            "augmentation.draws is 4, but augmentation.preset is none, so every copy would be the scan itself: leave "
            "one of them out",
        ),
        (cached(recipe={"trunk_cache_gb": 0}), "recipe.trunk_cache_gb: Input should be greater than 0; got 0"),
        (
            cached(augmentation={}),
            "but every epoch varies scans anew, so nothing could be used twice: set augmentation.draws, such as 4, or "
            "leave it out",
        ),
        (
            cached(adaptation={"policy": ["gradual", "bn_only", "lora", "layerwise", "scratch"]}),
            "no stage stays frozen with the policies gradual, bn_only, lora, layerwise, scratch: add last_stages, set "
            "adaptation.frozen_stages, or leave it out",
        ),
        (cached(adaptation={"policy": "probe"}), "no stage stays frozen with the policies probe: add last_stages"),
        (
            cached(recipe={"trunk_cache_gb": 1, "small_data": {"mixup": 0.2, "cutmix": 1.0}}),
            "but mixup and cutmix mix scans before the first stage: leave one of them out",
        ),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        study(**settings)
    assert text in str(caught.value)


def test_a_search_that_mixes_scans_beside_the_cache_is_refused() -> None:
    search = {"recipe": {"small_data": {"mixup": [0.2]}}}
    with pytest.raises(ConfigurationError, match="but mixup mixes scans before the first stage: leave one of them out"):
        study(**cached(selection={"search": search}))


def test_settings_that_fit_are_taken() -> None:
    assert study(**cached()).augmentation.draws == 4
    assert study(**cached(augmentation={"preset": "none"})).recipe.trunk_cache_gb == 1
    assert study(**cached(adaptation={"policy": "lp_ft", "frozen_stages": ["stem"]}))
    assert study(augmentation={"draws": 4}, recipe={"small_data": {"mixup": 0.2}})


def test_a_study_without_draws_is_the_study_it_always_was_and_the_cache_decides_nothing() -> None:
    assert study().deciding()["augmentation"] == {"preset": "auto"}
    assert study(augmentation={"draws": 4}).deciding()["augmentation"] == {"preset": "auto", "draws": 4}
    assert not {"trunk_cache_gb", "loading_workers"} & set(study(**cached()).deciding()["recipe"])
    marks = [fingerprint(study(**cached(recipe=recipe)).deciding()) for recipe in ({}, {"trunk_cache_gb": 3})]
    assert marks[0] == marks[1] != fingerprint(study(adaptation=LAST).deciding())


def test_a_study_says_what_it_keeps_and_its_numbers_are_those_without(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    folders = []
    for name, recipe in (("plain", {}), ("cached", {"trunk_cache_gb": 0.01})):
        path = tiny.write(**cached(recipe={"epochs": 3, "batch_size": 8, **recipe}))
        answer = medtl("run", path, "--out", tmp_path / name)
        assert answer.code == 0, answer.err
        folders.append(tmp_path / name)
        said = " ".join(answer.err.split())
        kept = "fold 0, last_stages: the maps of the frozen stages (stem to layer3) are computed once for"
        assert (kept in said) == (name == "cached")
    plain, kept_rows = (pd.read_csv(folder / "predictions.csv") for folder in folders)
    pd.testing.assert_frame_equal(plain, kept_rows, rtol=0, atol=1e-5)
    page = " ".join((tmp_path / "cached" / "report.html").read_text().split())
    assert "Each training scan had 4 varied copies, drawn once for all epochs, folds and networks." in page


def test_one_draw_is_told_as_one(tiny: Any, new_run: Path, medtl: Callable[..., Any]) -> None:
    path = tiny.write(**cached(augmentation={"draws": 1}, recipe={"epochs": 1, "batch_size": 8}))
    assert medtl("run", path, "--out", new_run).code == 0
    assert "Each training scan had 1 varied copy, drawn once" in " ".join((new_run / "report.html").read_text().split())
