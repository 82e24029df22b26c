"""A look at a cohort, and a scan as people see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medtl.cohort import Case
from medtl.imaging.display import displayed_scan
from medtl.imaging.inspection import inspect_cohort
from medtl.imaging.prepared.cache import PreparedCache
from medtl.imaging.prepared.cohort import prepare_cohort
from medtl.imaging.scan import Scan
from medtl.imaging.settings import PreparationSettings

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


def test_inspection_tells_the_same_facts_and_exclusions_as_preparation(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "good.png")
    Image.fromarray(GREY * 0).save(tmp_path / "empty.png")
    cases = [Case(f"c{i}", "p", tmp_path / n, "x", i + 2) for i, n in enumerate(["good.png", "empty.png", "no.png"])]
    settings = PreparationSettings(size_px=(16, 16))
    facts, exclusions = inspect_cohort(cases, settings)
    prepared = prepare_cohort(cases, settings, cache=PreparedCache(tmp_path))
    assert facts == prepared.facts
    assert exclusions == prepared.exclusions
    assert [gone.reason for gone in exclusions] == ["empty", "missing_file"]
    np.testing.assert_allclose(prepared.displayed("c0").pixels[0], GREY / 255, atol=1e-6)


def test_a_window_that_does_not_fit_is_found_before_anything_is_prepared(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    Image.fromarray(GREY.astype(np.float32) + 5000).save(tmp_path / "bright.tiff")
    cases = [Case(f"c{i}", "p", tmp_path / n, "x", i + 2) for i, n in enumerate(["grey.png", "bright.tiff"])]
    settings = PreparationSettings(preset="ct", window="brain", size_px=(16, 16))
    facts, exclusions = inspect_cohort(cases, settings)
    assert facts == {}
    assert [gone.reason for gone in exclusions] == ["not_hounsfield", "constant_in_window"]
    assert exclusions == prepare_cohort(cases, settings, cache=PreparedCache(tmp_path)).exclusions


@pytest.mark.parametrize(
    ("preset", "words"),
    [("radiograph", "black 0, white 255"), ("ct", "soft tissue window, black -150 HU, white 250 HU")],
)
def test_a_scan_is_shown_on_its_own_grid_in_a_window_with_words(preset: str, words: str) -> None:
    scan = Scan(GREY[None].astype(np.float32), None, "pydicom", full_scale=255.0)
    shown = displayed_scan(scan, PreparationSettings.model_validate({"preset": preset}))
    assert shown.window == words
    assert shown.pixels.shape == (1, 20, 30)
    assert 0 <= shown.pixels.min() < shown.pixels.max() <= 1
