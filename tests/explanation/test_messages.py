"""A map that cannot be shown in the patient is answered with what came and what to do before."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from medtl.errors import ConfigurationError
from medtl.explanation.patient_planes import along_patient
from medtl.explanation.volume_pictures import SliceWeights

SCAN = np.linspace(0, 1, 60, dtype=np.float32).reshape(3, 4, 5)
SEEN = np.ones(SCAN.shape, bool)


def test_a_map_of_another_shape_is_to_be_brought_to_the_scans_grid() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"volumes of one shape; got \(3, 4, 5\), \(3, 4\), \(3, 4, 5\)\. Bring "
        r"the map to the scan's own grid first",
    ):
        # the function itself: the tests' own check of shapes would refuse the call before it
        inspect.unwrap(along_patient)(SCAN, SCAN[:, :, 0], seen=SEEN, affine=np.eye(4))


def test_a_scan_in_hounsfield_units_is_to_be_windowed() -> None:
    with pytest.raises(ConfigurationError, match=r"a scan with values from 0 to 1; got -1000 to 400\. Window the scan"):
        along_patient(SCAN * 1400 - 1000, SCAN, seen=SEEN, affine=np.eye(4))


def test_a_map_above_one_is_to_be_divided_by_its_maximum() -> None:
    with pytest.raises(
        ConfigurationError, match=r"a map with values from 0 to 1; got 0 to 7\. .* divide the map by its max"
    ):
        along_patient(SCAN, SCAN * 7, seen=SEEN, affine=np.eye(4))


def test_an_affine_without_a_third_direction_is_shown() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"leads to three directions in space; got \[\[1\., ?0\.,[\s\S]*Read the scan's geometry",
    ):
        along_patient(SCAN, SCAN, seen=SEEN, affine=np.diag([1.0, 1.0, 0.0, 1.0]))


def test_slice_weights_without_positions_are_counted() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"each axial slice; got 3 weights \(lowest 0\.1\) and 2 positions\. Take both from the same",
    ):
        SliceWeights("axial", (0.1, 0.2, 0.7), (0.0, 2.0))


def test_a_slice_weight_below_zero_is_given() -> None:
    with pytest.raises(
        ConfigurationError, match=r"a weight of at least 0 .* coronal slice; got 2 weights \(lowest -0\.5\)"
    ):
        SliceWeights("coronal", (-0.5, 1.5), (0.0, 2.0))
