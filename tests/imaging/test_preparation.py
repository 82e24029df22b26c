"""Prepared scans: channels, brightness, size, judged by independent formulas; and the MONAI surprises avoided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from monai.transforms import LoadImage, Resize
from PIL import Image
from pydantic import ValidationError

from medtl.imaging.prepared.preparation import prepare
from medtl.imaging.reading import read_scan
from medtl.imaging.scan import Scan, UnreadableScan
from medtl.imaging.settings import HOUNSFIELD_WINDOWS, AugmentationSettings, PreparationSettings

CHANCE = np.random.default_rng(4)
SAME_SIZE = (32, 48)


def scan_of(pixels: np.ndarray, *, full_scale: float | None = None, reader: str = "pydicom") -> Scan:
    return Scan(pixels.astype(np.float32), None, reader, full_scale=full_scale)


def refused(scan: Scan, settings: PreparationSettings, reason: str, words: str) -> None:
    with pytest.raises(UnreadableScan, match=words) as caught:
        prepare(scan, settings)
    assert caught.value.reason == reason


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["radiograph", "photograph", "ultrasound", "ct", "mr", "mask"]),
    st.integers(5, 90),
    st.integers(5, 90),
    st.sampled_from([1, 3]),
    st.tuples(st.integers(16, 40), st.integers(16, 40)),
)
def test_every_preset_gives_its_channels_on_exactly_its_size_in_0_to_1(
    preset: str, height: int, width: int, channels: int, size_px: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(height).normal(50, 300, (channels, height, width))
    settings = PreparationSettings.model_validate({"preset": preset, "size_px": size_px})
    prepared = prepare(scan_of(pixels), settings)
    assert prepared.shape == (settings.channels, *size_px)
    assert prepared.dtype == np.float32
    assert 0 <= prepared.min() < prepared.max() <= 1


def test_8_bit_radiographs_are_divided_by_255_and_nothing_else() -> None:
    pixels = CHANCE.integers(0, 256, (1, *SAME_SIZE))
    prepared = prepare(scan_of(pixels, full_scale=255.0), PreparationSettings(size_px=SAME_SIZE))
    np.testing.assert_allclose(prepared, pixels / 255, atol=1e-6)


@pytest.mark.parametrize("full_scale", [65535.0, None])
def test_wide_radiographs_span_the_robust_percentiles(full_scale: float | None) -> None:
    pixels = CHANCE.gamma(2, 3000, (1, *SAME_SIZE))
    low, high = np.percentile(pixels.astype(np.float32), (0.5, 99.5))
    prepared = prepare(scan_of(pixels, full_scale=full_scale), PreparationSettings(size_px=SAME_SIZE))
    np.testing.assert_allclose(prepared, np.clip((pixels - low) / (high - low), 0, 1), atol=1e-5)


def test_a_nearly_empty_wide_image_falls_back_to_its_extremes() -> None:
    pixels = np.zeros((1, *SAME_SIZE))
    pixels[0, 3, 3] = 900
    prepared = prepare(scan_of(pixels), PreparationSettings(size_px=SAME_SIZE))
    assert prepared[0, 3, 3] == 1
    assert prepared.sum() == 1


@pytest.mark.parametrize("name", HOUNSFIELD_WINDOWS)
def test_ct_is_the_named_hounsfield_window(name: str) -> None:
    centre, width = HOUNSFIELD_WINDOWS[name]
    pixels = CHANCE.uniform(-1000, 1500, (1, *SAME_SIZE))
    settings = PreparationSettings.model_validate({"preset": "ct", "size_px": SAME_SIZE, "window": name})
    expected = np.clip((pixels - (centre - width / 2)) / width, 0, 1)
    np.testing.assert_allclose(prepare(scan_of(pixels), settings), expected, atol=1e-4)


def test_mr_does_not_change_when_the_scanner_scales_its_values() -> None:
    pixels = CHANCE.gamma(2, 100, (1, *SAME_SIZE))
    settings = PreparationSettings(preset="mr", size_px=SAME_SIZE)
    once, scaled = prepare(scan_of(pixels), settings), prepare(scan_of(7 * pixels + 40), settings)
    np.testing.assert_allclose(once, scaled, atol=1e-4)
    foreground = pixels[pixels > pixels.mean()]
    lower, median, upper = np.percentile(foreground, (25, 50, 75))
    robust = np.clip((pixels - median) / ((upper - lower) / 1.349), -4, 4)
    np.testing.assert_allclose(once, robust / 8 + 0.5, atol=1e-4)


def test_grey_of_colour_is_luminance_and_of_equal_channels_the_channel_itself() -> None:
    colour = CHANCE.integers(0, 256, (3, *SAME_SIZE)).astype(np.uint8)
    settings = PreparationSettings(size_px=SAME_SIZE)
    witness = np.asarray(Image.fromarray(colour.transpose(1, 2, 0)).convert("L"))
    np.testing.assert_allclose(prepare(scan_of(colour, full_scale=255.0), settings)[0], witness / 255, atol=0.51 / 255)
    same = np.repeat(colour[:1], 3, axis=0)
    np.testing.assert_array_equal(
        prepare(scan_of(same, full_scale=255.0), settings), prepare(scan_of(colour[:1], full_scale=255.0), settings)
    )


def test_a_grey_photograph_gets_three_equal_channels() -> None:
    pixels = CHANCE.integers(0, 65536, (1, *SAME_SIZE))
    prepared = prepare(scan_of(pixels, full_scale=65535.0), PreparationSettings(preset="photograph", size_px=SAME_SIZE))
    np.testing.assert_allclose(prepared, np.repeat(pixels / 65535, 3, axis=0), atol=1e-6)


@pytest.mark.parametrize("source", [(80, 100), (203, 254), (400, 500), (20, 25), (40, 50)])
def test_resizing_is_that_of_pillow_up_to_the_border(source: tuple[int, int]) -> None:
    pixels = CHANCE.integers(0, 256, source).astype(np.float32)
    prepared = prepare(scan_of(pixels[None], full_scale=255.0), PreparationSettings(size_px=(40, 50)))
    witness = np.asarray(Image.fromarray(pixels / 255).resize((50, 40), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(prepared[0], witness, atol=1e-5)


def test_monais_resize_darkens_the_border_and_ours_does_not() -> None:
    white = torch.ones((1, 400, 400))
    smoothed = Resize((40, 40), mode="bilinear", anti_aliasing=True)(white)
    assert float(smoothed[0, 0, 0]) < 0.8
    pixels = np.full((1, 400, 400), 255.0)
    pixels[0, 200, 200] = 0
    prepared = prepare(scan_of(pixels, full_scale=255.0), PreparationSettings(size_px=(40, 40)))
    np.testing.assert_allclose(prepared[0, [0, 0, -1, -1], [0, -1, 0, -1]], 1.0, atol=1e-6)


def test_the_aspect_ratio_is_kept_and_the_padding_black() -> None:
    prepared = prepare(scan_of(CHANCE.integers(100, 256, (1, 40, 80)), full_scale=255.0), PreparationSettings())
    assert (prepared[:, :56] == 0).all()
    assert (prepared[:, 168:] == 0).all()
    assert (prepared[:, 57:167] > 0.2).all()


def test_what_cannot_be_prepared_is_refused() -> None:
    grey = CHANCE.integers(0, 256, (1, *SAME_SIZE))
    ct = PreparationSettings(preset="ct")
    refused(scan_of(grey, full_scale=255.0, reader="Pillow PNG"), ct, "not_hounsfield", "a PNG of grey levels has none")
    refused(scan_of(grey + 2000), ct, "constant_in_window", "Between -150 .black. and 250 .white. the image has one")
    refused(scan_of(np.zeros((1, 9, 9))), ct, "empty", "Every pixel is 0")
    first, second = np.where(grey[0] > 99, 0.0, 1000.0), np.where(grey[0] > 99, 500.0, 0.0)
    balanced = np.stack([first, second, (299 - (0.299 * first + 0.587 * second)) / 0.114])
    refused(scan_of(np.rint(balanced * 0) + grey * 0 + 5), PreparationSettings(), "constant", "same value")
    assert np.ptp(np.einsum("c,chw->hw", (0.299, 0.587, 0.114), balanced)) < 1e-9


def test_torch_gets_its_threads_back() -> None:
    before = torch.get_num_threads()
    prepare(scan_of(CHANCE.random((1, 300, 300))), PreparationSettings())
    assert torch.get_num_threads() == before


def test_monais_own_reader_swaps_the_axes_of_a_png_and_ours_does_not(tmp_path: Path) -> None:
    grey = CHANCE.integers(0, 256, (20, 30), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert LoadImage(image_only=True, reader="PILReader")(tmp_path / "a.png").shape == (30, 20)
    assert read_scan(tmp_path / "a.png").pixels.shape == (1, 20, 30)


def test_settings_refuse_what_does_not_fit() -> None:
    assert PreparationSettings(preset="ct").window == "soft_tissue"
    assert PreparationSettings.model_validate(PreparationSettings(preset="ct").model_dump()).window == "soft_tissue"
    with pytest.raises(ValidationError, match="belongs to preset ct; the preset is 'mr'"):
        PreparationSettings(preset="mr", window="lung")
    for wrong in ({"size_px": (8, 224)}, {"size_px": (224, 4096)}, {"preset": "xray"}, {"sise_px": (224, 224)}):
        with pytest.raises(ValidationError):
            PreparationSettings.model_validate(wrong)
    assert AugmentationSettings(preset="none").chosen(PreparationSettings()) is None
    assert AugmentationSettings(preset="ct").chosen(PreparationSettings()) == "ct"
