"""What a run of volumes says of its pictures, when somebody has changed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medtl.errors import IntegrityFailure
from medtl.explanation.volume_pictures import write_volume_pictures
from medtl.imaging import PreparationSettings
from medtl.record.run import read_run
from medtl.report import write_reports
from medtl.report.manuscript.methods_paragraph import methods_paragraph
from medtl.report.results.judged import evaluate_run


@pytest.fixture
def run(volume_run_writer: Callable[..., Path], tmp_path: Path) -> Path:
    return volume_run_writer(tmp_path / "run")


def test_a_mosaic_that_leads_elsewhere_is_refused(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "another.png"
    mosaic = run / "fold_0" / "saliency" / "lp_ft-0-view-scan.png"
    mosaic.rename(secret)
    mosaic.symlink_to(secret)
    with pytest.raises(IntegrityFailure, match="names a picture outside its own folder"):
        write_reports(run)


def test_a_view_of_an_unknown_format_is_refused_by_name(run: Path) -> None:
    view = run / "fold_0" / "saliency" / "lp_ft-0-view.json"
    view.write_text(view.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(IntegrityFailure, match=r"lp_ft-0-view.json does not describe a view of a volume \(format"):
        write_reports(run)


def test_a_mosaic_whose_pixels_were_changed_is_refused_by_name(run: Path) -> None:
    mosaic = run / "fold_0" / "saliency" / "lp_ft-0-view-map.png"
    pixels = np.array(Image.open(mosaic))
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(mosaic)
    with pytest.raises(IntegrityFailure, match=r"lp_ft-0-view-map.png is not the grey picture"):
        write_reports(run)


def test_a_sheet_that_was_cut_short_is_refused_by_name(run: Path) -> None:
    sheet = run / "fold_0" / "saliency" / "lp_ft-0-montage.png"
    sheet.write_bytes(sheet.read_bytes()[:-30])
    with pytest.raises(IntegrityFailure, match=r"lp_ft-0-montage.png is not a whole PNG"):
        write_reports(run)


def test_pictures_that_would_make_the_page_too_large_are_counted_in_bytes(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medtl.report.figures.volumes.LARGEST_CASE_BYTES", 1_000)
    with pytest.raises(
        IntegrityFailure, match=r"viewer in fold_0/saliency take [\d,]+ bytes of a page; at most 1,000 are embedded\."
    ):
        write_reports(run)


def test_a_strongest_point_outside_the_grid_is_refused(run: Path) -> None:
    view = run / "fold_0" / "saliency" / "lp_ft-0-view.json"
    view.write_text(json.dumps(json.loads(view.read_text()) | {"peak": [1e9, 0, 0]}))
    with pytest.raises(IntegrityFailure, match="the strongest point lies outside the grid"):
        write_reports(run)


def test_the_methods_say_the_grid_in_millimetres_and_how_the_encoder_came_to_volumes(run: Path) -> None:
    read = read_run(run)
    grid = PreparationSettings(preset="mr", spacing_mm=(0.25, 0.25, 1.0), extent_mm=(31.0, 40.0, 24.0))
    study = read.study.model_copy(update={"preparation": grid, "encoder": "slices-x"})
    assert read.provenance.encoder is not None
    card = read.provenance.encoder.model_copy(update={"dimensions": 3, "lifting": "slices"})
    made = read.provenance.model_copy(update={"encoder": card})
    told = methods_paragraph(replace(read, study=study, provenance=made), evaluate_run(read))
    assert "resampled to 0.25 × 0.25 × 1 mm (right, anterior, superior), and 31 × 40 × 24 mm around the middle" in told
    assert "The encoder was slices-x, trained on ImageNet-1k, 1.28 million natural photographs. It saw each" in told


@pytest.mark.parametrize("viewers", [0, 1, 2])
def test_a_fold_page_has_as_many_viewers_as_were_asked_for(
    viewers: int, volume_run_writer: Callable[..., Path], volume_kind: type, tmp_path: Path
) -> None:
    run = volume_run_writer(tmp_path / "run", volume_kind(viewers=viewers))
    write_reports(run)
    page = (run / "fold_0" / "report.html").read_text(encoding="utf-8")
    assert page.count('class="viewer"') == viewers
    assert page.count("<script") == (1 if viewers else 0)


@pytest.mark.slow
def test_a_large_noisy_volume_stays_under_2_mb_of_a_page(tmp_path: Path) -> None:
    """Noise is the worst that a picture format can be given; base64 takes 4 characters for 3 bytes."""
    shape, chance = (300, 300, 200), np.random.default_rng(3)
    write_volume_pictures(
        chance.random(shape, np.float32), chance.random(shape, np.float32), affine=np.eye(4),
        seen=np.ones(shape, bool), window="", strength=1.0, folder=tmp_path, stem="one",
    )  # fmt: skip
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) * 4 / 3 < 2_000_000
