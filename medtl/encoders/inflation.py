"""2D kernels made 3D: inflation.

Carreira and Zisserman 2017 (I3D, arXiv 1705.07750) repeat a kernel through the depth and divide by it (`mean`), so that
a stack of equal slices gives the 2D network's answer wherever no zero padding is in reach. `centre` puts the kernel
into the middle and zeros elsewhere, which gives that answer everywhere; training may then fill the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from jaxtyping import Float

from medtl.axes import Plane
from medtl.encoders.account import Account, Shape
from medtl.encoders.settings import Inflation
from medtl.encoders.views import VIEWS, kernel_in_plane

RULE: Final = "2D kernel inflated ({how}) across the {plane} plane"


def inflated_kernel(
    kernel: Float[torch.Tensor, "out into row column"], *, plane: Plane, thickness: int, how: Inflation
) -> Float[torch.Tensor, "out into right anterior superior"]:
    """The kernel in the volume's plane, `thickness` voxels thick across it."""
    flat, axis = kernel_in_plane(kernel, plane), 2 + VIEWS[plane].depth
    if how == "mean":
        return (flat / thickness).repeat_interleave(thickness, dim=axis)
    shape = list(flat.shape)
    shape[axis] = thickness
    thick = torch.zeros(shape, dtype=flat.dtype)
    thick.select(axis, thickness // 2).copy_(flat.squeeze(axis))
    return thick


def inflated_tensors(
    tensors: Mapping[str, torch.Tensor], *, expected: Mapping[str, Shape], plane: Plane, how: Inflation
) -> dict[str, torch.Tensor]:
    """A 2D network's tensors as its 3D twin's: convolutions inflated to the `expected` shapes, all else as it is."""
    axis = 2 + VIEWS[plane].depth
    return {
        name: inflated_kernel(tensors[name].float(), plane=plane, thickness=shape[axis], how=how)
        if len(shape) == 5
        else tensors[name]
        for name, shape in expected.items()
        if name in tensors
    }


def inflated_account(account: Account, *, expected: Mapping[str, Shape], plane: Plane, how: Inflation) -> Account:
    """The account of the 2D file, with the rule beside every kernel that was inflated."""
    rule = RULE.format(how=how, plane=plane)
    return account.with_rule(rule, {name for name, shape in expected.items() if len(shape) == 5})
