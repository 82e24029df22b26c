"""Facts of scans, and scans that show nothing."""

from __future__ import annotations

import numpy as np
import pytest

from medtl.imaging.facts import ScanFacts, inspect_scan, refuse_unusable
from medtl.imaging.scan import Scan, UnreadableScan


def scan_of(pixels: np.ndarray) -> Scan:
    return Scan(pixels.astype(np.float32), spacing_mm=(0.2, 0.3), reader="Pillow PNG", notes=("a note",))


RAMP = np.arange(12.0).reshape(1, 3, 4)


def test_facts_survive_json() -> None:
    facts = inspect_scan(scan_of(RAMP), sha256="f" * 64)
    assert (facts.channels, facts.shape, facts.spacing_mm) == (1, (3, 4), (0.2, 0.3))
    assert ScanFacts.model_validate_json(facts.model_dump_json()) == facts


def test_the_pixel_hash_depends_on_content_and_shape_but_not_on_the_sign_of_zero() -> None:
    def hashed(pixels: np.ndarray) -> str:
        return inspect_scan(scan_of(pixels), sha256="").pixel_sha256

    changed = RAMP.copy()
    changed[0, 2, 3] += 1
    assert len({hashed(RAMP), hashed(changed), hashed(RAMP.reshape(1, 4, 3)), hashed(RAMP.reshape(3, 2, 2))}) == 4
    assert hashed(np.where(RAMP == 0, -0.0, RAMP)) == hashed(RAMP)
    flipped = scan_of(RAMP[:, :, ::-1])
    assert inspect_scan(flipped, sha256="").pixel_sha256 == hashed(RAMP[:, :, ::-1].copy())


@pytest.mark.parametrize(
    ("pixels", "reason", "words"),
    [
        (np.zeros((1, 4, 4)), "empty", "Every pixel is 0"),
        (np.full((1, 4, 4), -7.0), "constant", r"same value \(-7\)"),
        (np.broadcast_to(np.array([1.0, 2.0, 3.0])[:, None, None], (3, 4, 4)), "constant", "shows nothing"),
        (np.full((1, 4, 4), np.nan), "all_nan", "Every pixel is NaN"),
        (np.array([[[1.0, np.nan, 3.0, 4.0]]]), "non_finite", "25.00% of the pixels are NaN or infinite"),
        (np.array([[[1.0, np.inf, 3.0, 4.0]]]), "non_finite", "25.00% of the pixels are NaN or infinite"),
    ],
)
def test_a_scan_that_shows_nothing_is_refused_by_its_own_reason(pixels: np.ndarray, reason: str, words: str) -> None:
    with pytest.raises(UnreadableScan, match=words) as caught:
        refuse_unusable(scan_of(pixels))
    assert caught.value.reason == reason


def test_an_ordinary_scan_passes() -> None:
    refuse_unusable(scan_of(RAMP))
