"""Slices of the patient as a radiologist sees them, and the way back.

Volumes are (right, anterior, superior) with indices growing that way. On a picture rows grow downwards and columns to
the right of the viewer, who faces the patient: an axial slice has its rows towards posterior and its columns towards
the patient's left, a sagittal one inferior and posterior, a coronal one inferior and left. So both axes of every
picture run against the volume's. Slices are counted along the third axis: from inferior, from left, from posterior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float

from medtl.axes import Plane


@dataclass(frozen=True)
class PlaneAxes:
    """The axes of (right, anterior, superior) that a plane's slices, rows and columns run along."""

    depth: int
    rows: int
    columns: int

    @property
    def to_patient(self) -> tuple[int, int, int]:
        """The axes of (slice, row, column) along which right, anterior and superior run."""
        order = (self.depth, self.rows, self.columns)
        return (order.index(0), order.index(1), order.index(2))


VIEWS: Final[dict[Plane, PlaneAxes]] = {
    "axial": PlaneAxes(depth=2, rows=1, columns=0),
    "sagittal": PlaneAxes(depth=0, rows=2, columns=1),
    "coronal": PlaneAxes(depth=1, rows=2, columns=0),
}


def pictures(
    volumes: Float[torch.Tensor, "case 1 right anterior superior"], plane: Plane, which: range
) -> Float[torch.Tensor, "picture 1 row column"]:
    """The slices `which`, counted through all cases (case 0's slices first), upright; only these are copied."""
    view = VIEWS[plane]
    laid = volumes[:, 0].permute(0, 1 + view.depth, 1 + view.rows, 1 + view.columns)
    counted = torch.arange(which.start, which.stop, device=volumes.device)
    chosen = laid[counted // laid.shape[1], counted % laid.shape[1]]
    return chosen.flip(-2, -1).unsqueeze(1)


def in_patient_axes(
    stacks: Float[torch.Tensor, "case slice row column"], plane: Plane
) -> Float[torch.Tensor, "case right anterior superior"]:
    """Values on upright slices, on any grid, brought back to the volume's axes and directions."""
    return stacks.flip(-2, -1).permute(0, *(1 + axis for axis in VIEWS[plane].to_patient))


def kernel_in_plane(
    kernel: Float[torch.Tensor, "out into row column"], plane: Plane
) -> Float[torch.Tensor, "out into right anterior superior"]:
    """A kernel for pictures as one of thickness 1 that meets the volume as it would meet the plane's upright slices.

    Turning the picture and turning the kernel are the same where strided positions lie evenly from both ends; else the
    grid of positions starts at the other end.
    """
    return kernel.flip(-2, -1).unsqueeze(2).permute(0, 1, *(2 + axis for axis in VIEWS[plane].to_patient))


def on_grid(
    values: Float[torch.Tensor, "case right anterior superior"], shape: tuple[int, ...]
) -> Float[torch.Tensor, "case r a s"]:
    """Values on another grid over the same volume: each cell's value is shared out by overlap, so the sum stays."""
    right, anterior, superior = (
        _overlap(source, target).to(values) for source, target in zip(values.shape[1:], shape, strict=True)
    )
    return torch.einsum("cras,xr,ya,zs->cxyz", values, right, anterior, superior)


def _overlap(source: int, target: int) -> Float[torch.Tensor, "target source"]:
    """The share of each of `source` equal cells in each of `target` equal cells of the same length."""
    fine, coarse = (torch.arange(count, dtype=torch.float64) / count for count in (source, target))
    begins = torch.maximum(coarse[:, None], fine[None, :])
    ends = torch.minimum(coarse[:, None] + 1 / target, fine[None, :] + 1 / source)
    return (ends - begins).clamp(min=0) * source
