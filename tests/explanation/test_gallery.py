"""The gallery holds the most telling cases, on the original grid, and a weak map looks weak."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from medtl.explanation.gallery import choose
from medtl.explanation.overlay import map_png, overlay_picture, png, scan_picture
from medtl.predictions import PredictionTable


def predictions() -> PredictionTable:
    positive = [0.99, 0.95, 0.97, 0.80, 0.60, 0.30, 0.10, 0.02, 0.01, 0.03]
    truth = ["b", "b", "a", "b", "a", "b", "a", "a", "b", "a"]
    patients = ["p0", "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p6"]
    return PredictionTable(
        pd.DataFrame(
            {
                "case_id": [f"c{i}" for i in range(10)],
                "patient_id": patients,
                "fold": 0,
                "role": "test",
                "model": "probe",
                "truth": truth,
                "p_a": [1 - p for p in positive],
                "p_b": positive,
            }
        )
    )


def test_the_most_confident_right_and_wrong_of_each_class_one_image_a_patient() -> None:
    chosen = choose(predictions(), of_each_kind=2)
    assert [(pick.case_id, pick.kind) for pick in chosen] == [
        ("c0", "right b"), ("c3", "right b"), ("c2", "wrong b"), ("c4", "wrong b"),
        ("c7", "right a"), ("c6", "right a"), ("c8", "wrong a"), ("c5", "wrong a"),
    ]  # fmt: skip


def test_none_of_each_kind_switches_it_off() -> None:
    assert choose(predictions(), of_each_kind=0) == ()


def test_below_a_fifth_the_scan_shows_unchanged_and_above_it_stays_visible() -> None:
    shown = np.full((1, 4, 4), 0.5, np.float32)
    saliency = np.zeros((4, 4), np.float32)
    saliency[0, 0], saliency[0, 1] = 0.19, 1.0
    picture, plain = overlay_picture(shown, saliency), scan_picture(shown)
    assert (picture[0, 0] == plain[0, 0]).all()
    assert (picture[1:] == plain[1:]).all()
    assert (picture[0, 1] != plain[0, 1]).any()


def test_pictures_keep_the_true_aspect_ratio_and_stay_small() -> None:
    image = Image.open(io.BytesIO(png(np.zeros((100, 50, 3), np.uint8), pixel_size=(1.0, 2.0))))
    assert image.size == (100, 100)
    large = Image.open(io.BytesIO(png(np.zeros((2000, 1000, 3), np.uint8))))
    assert large.size == (256, 512)


def test_the_stored_map_keeps_the_scans_grid_and_sixteen_bits() -> None:
    saliency = np.linspace(0, 1, 3000, dtype=np.float32).reshape(100, 30)
    stored = np.asarray(Image.open(io.BytesIO(map_png(saliency)))).astype(np.float64) / 65535
    np.testing.assert_allclose(stored, saliency, atol=1e-5)
