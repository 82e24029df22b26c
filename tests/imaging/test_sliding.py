"""Sliding extremes are scipy's, to the bit, whatever the window and also where it is larger than the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from medtl.imaging.sliding import grey_opening, sliding_maximum


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_the_opening_is_scipys(rows: int, columns: int, size: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((rows, columns)).astype(np.float32)
    np.testing.assert_array_equal(grey_opening(values, size), ndimage.grey_opening(values, size=(size, size)))


@pytest.mark.parametrize("size", [1, 3, 5, 13])
def test_the_maximum_is_scipys(size: int) -> None:
    values = np.random.default_rng(size).random((60, 45)).astype(np.float32)
    np.testing.assert_array_equal(sliding_maximum(values, size), ndimage.maximum_filter(values, size=size))
