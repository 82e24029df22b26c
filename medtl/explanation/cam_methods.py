"""Methods of class activation mapping, from activations and gradients of one stage, each as published.

In: what a stage gave for one forward pass and the gradient of the target's logit. Out: signed evidence per position,
in parts as they came. HiResCAM and LayerCAM look at every position by itself; Grad-CAM++ and EigenCAM at all positions
of a case together, so they run on one case at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from medtl.explanation.settings import Method

Parts = Sequence[Float[Tensor, "part channel *grid"]]
"""Activations or gradients: all of a picture or a volume, or slices in the chunks in which they went through."""

Evidence = list[Float[Tensor, "part *grid"]]


def hires_cam(activations: Parts, gradients: Parts) -> Evidence:
    """The sum over channels of activation times gradient (Draelos and Carin 2020, arXiv 2011.08891)."""
    return [(a * g).sum(1) for a, g in zip(activations, gradients, strict=True)]


def layer_cam(activations: Parts, gradients: Parts) -> Evidence:
    """HiResCAM with negative gradients set to 0 (Jiang et al. 2021, doi 10.1109/TIP.2021.3089943)."""
    return [(a * g.relu()).sum(1) for a, g in zip(activations, gradients, strict=True)]


def grad_cam_plus_plus(activations: Parts, gradients: Parts) -> Evidence:
    """A weight a channel, its positive gradients weighted by alpha (Chattopadhyay et al. 2018, arXiv 1710.11063).

    Published for the exponential of the score; the factor exp(score) that all positions share is left out.
    """
    cubes = sum(_by_channel(a * g**3) for a, g in zip(activations, gradients, strict=True))
    weight: Tensor | int = 0
    for g in gradients:
        below = 2 * g**2 + _beside(torch.as_tensor(cubes), g)
        alpha = g**2 / torch.where(below != 0, below, torch.ones_like(below))
        weight = weight + _by_channel(alpha * g.relu())
    return [(_beside(torch.as_tensor(weight), a) * a).sum(1) for a in activations]


def eigen_cam(activations: Parts, _gradients: Parts) -> Evidence:
    """Activations along their first right singular vector (Muhammad and Yeasin 2020, arXiv 2008.00299).

    Of no class: the target does not enter. The sign, which is arbitrary, is the one with the larger sum.
    """
    rows = torch.cat([a.movedim(1, -1).flatten(0, -2) for a in activations]).double()
    if len(rows) < rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        along = vectors[:, -1] * values[-1].clamp(min=0).sqrt()
    else:
        along = rows @ torch.linalg.eigh(rows.T @ rows)[1][:, -1]
    along = along if along.sum() >= 0 else -along
    shapes = [(len(a), *a.shape[2:]) for a in activations]
    sizes = [a[:, 0].numel() for a in activations]
    return [part.reshape(shape).to(a) for part, shape, a in zip(along.split(sizes), shapes, activations, strict=True)]


METHODS: Mapping[Method, Callable[[Parts, Parts], Evidence]] = {
    "hirescam": hires_cam,
    "layercam": layer_cam,
    "gradcam_plus_plus": grad_cam_plus_plus,
    "eigencam": eigen_cam,
}

BY_CASE: frozenset[Method] = frozenset({"gradcam_plus_plus", "eigencam"})
"""Methods for which the positions of a case belong together."""


def _by_channel(values: Float[Tensor, "part channel *grid"]) -> Float[Tensor, " channel"]:
    return values.sum(dim=[axis for axis in range(values.ndim) if axis != 1])


def _beside(values: Float[Tensor, " channel"], like: Float[Tensor, "part channel *grid"]) -> Tensor:
    return values.reshape(1, -1, *[1] * (like.ndim - 2))
