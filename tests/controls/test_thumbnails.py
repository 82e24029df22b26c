"""Do the cells show what torch's adaptive pooling shows, and only the border?"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl.controls.thumbnails import cell_means, grey_cells


@pytest.mark.parametrize("shape", [(32, 48), (16, 24, 40)])
def test_cells_of_whole_blocks_are_what_average_pooling_gives(shape: tuple[int, ...]) -> None:
    scan = np.random.default_rng(0).random(shape).astype(np.float32)
    pool = torch.nn.AdaptiveAvgPool2d(8) if len(shape) == 2 else torch.nn.AdaptiveAvgPool3d(8)
    expected = pool(torch.from_numpy(scan)[None])[0].numpy()
    np.testing.assert_allclose(cell_means(scan, cells=8), expected, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_a_scan_of_one_grey_gives_cells_of_that_grey(height: int, width: int, grey: float) -> None:
    cells = cell_means(np.full((height, width), grey), cells=8)
    assert cells.shape == (min(8, height), min(8, width))
    np.testing.assert_allclose(cells, grey, atol=1e-12)


def test_the_border_does_not_change_with_the_middle() -> None:
    scan = np.random.default_rng(1).random((1, 64, 64)).astype(np.float32)
    other = scan.copy()
    other[:, 8:56, 8:56] = 0.0
    cells = grey_cells({"a": scan, "b": other}.__getitem__, ["a", "b"])
    assert cells.border.shape == (2, 16**2 - 12**2)
    assert np.array_equal(cells.border[0], cells.border[1])
    assert not np.array_equal(cells.thumbnail[0], cells.thumbnail[1])
