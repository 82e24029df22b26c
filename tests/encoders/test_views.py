"""Slices hang as in the reading room and come back to the patient; witnessed by voxels of known position."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from medtl.axes import Plane
from medtl.encoders.views import in_patient_axes, kernel_in_plane, on_grid, pictures

PLANES: tuple[Plane, ...] = ("axial", "sagittal", "coronal")
RIGHT, ANTERIOR, SUPERIOR = 4, 6, 8
"""Voxels of a small volume, all different."""


def volume_with(position: tuple[int, int, int]) -> torch.Tensor:
    volume = torch.zeros(1, 1, RIGHT, ANTERIOR, SUPERIOR)
    volume[(0, 0, *position)] = 1
    return volume


@pytest.mark.parametrize(
    ("plane", "position", "expected"),
    [
        # the most anterior voxel of a slice is at the top, the rightmost one at the viewer's left
        ("axial", (RIGHT - 1, ANTERIOR - 1, 2), (2, 0, 0)),
        ("axial", (0, 0, 5), (5, ANTERIOR - 1, RIGHT - 1)),
        # head up, nose to the viewer's left
        ("sagittal", (1, ANTERIOR - 1, SUPERIOR - 1), (1, 0, 0)),
        ("sagittal", (1, 0, SUPERIOR - 1), (1, 0, ANTERIOR - 1)),
        # head up, the patient's right at the viewer's left
        ("coronal", (RIGHT - 1, 3, SUPERIOR - 1), (3, 0, 0)),
        ("coronal", (0, 3, SUPERIOR - 1), (3, 0, RIGHT - 1)),
    ],
)
def test_slices_hang_as_a_radiologist_sees_them(plane, position, expected) -> None:
    count = {"axial": SUPERIOR, "sagittal": RIGHT, "coronal": ANTERIOR}[plane]
    shown = pictures(volume_with(position), plane, range(count))
    assert tuple(shown[:, 0].nonzero()[0].tolist()) == expected


@pytest.mark.parametrize("plane", PLANES)
def test_slices_are_counted_case_by_case_and_come_back_to_where_they_were(plane) -> None:
    volumes = torch.rand(3, 1, RIGHT, ANTERIOR, SUPERIOR)
    count = {"axial": SUPERIOR, "sagittal": RIGHT, "coronal": ANTERIOR}[plane]
    parts = [pictures(volumes, plane, range(start, min(start + 5, 3 * count))) for start in range(0, 3 * count, 5)]
    stacks = torch.cat(parts)[:, 0].unflatten(0, (3, count))
    assert torch.equal(in_patient_axes(stacks, plane), volumes[:, 0])


@pytest.mark.parametrize("plane", PLANES)
def test_a_kernel_in_a_plane_does_to_the_volume_what_it_does_to_each_upright_slice(plane) -> None:
    volumes = torch.rand(2, 1, 9, 13, 17, dtype=torch.float64)  # odd sides: strided positions lie evenly from both ends
    kernel = torch.rand(4, 1, 3, 3, dtype=torch.float64)
    depth = {"axial": 2, "sagittal": 0, "coronal": 1}[plane]
    count = volumes.shape[2 + depth]
    flat = F.conv2d(pictures(volumes, plane, range(2 * count)), kernel, stride=2, padding=1)
    expected = torch.stack([in_patient_axes(flat[:, n].unflatten(0, (2, count)), plane) for n in range(4)], dim=1)
    stride, padding = ([1 if axis == depth else 2 for axis in range(3)], [int(axis != depth) for axis in range(3)])
    got = F.conv3d(volumes, kernel_in_plane(kernel, plane), stride=stride, padding=padding)
    torch.testing.assert_close(got, expected)


def test_values_on_another_grid_keep_their_sum_and_their_position() -> None:
    values = torch.rand(2, 5, 7, 3, dtype=torch.float64)
    finer = on_grid(values, (10, 4, 9))
    assert finer.shape == (2, 10, 4, 9)
    torch.testing.assert_close(finer.sum((1, 2, 3)), values.sum((1, 2, 3)))
    torch.testing.assert_close(on_grid(values, (5, 7, 3)), values)
    halved = on_grid(torch.ones(1, 4, 4, 4), (2, 4, 8))
    torch.testing.assert_close(halved, torch.ones(1, 2, 4, 8))
