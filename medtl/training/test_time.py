"""What a network says of a scan, as the mean over slightly changed copies of it where a study asks for that.

In: a fitted classifier and cases. Out: probabilities, in float64. The copies are fixed, none is drawn: shifts by a
fiftieth of each side in both directions, black entering, and mirror images from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from medtl.adaptation import Classifier
from medtl.adaptation.heads import activated
from medtl.axes import left_right_axis
from medtl.training.batches import Scans
from medtl.training.kept_maps import KeptMaps
from medtl.training.predict import predict_logits
from medtl.training.recipe import Recipe

SHIFT = 0.02
"""Of a side; half of what the mild augmentation shifts by at most, so that networks have seen it."""

View = Callable[[Float[Tensor, "case channel *space"]], Float[Tensor, "case channel *space"]]


def predict_probabilities(
    classifier: Classifier,
    scans: Scans,
    case_ids: Sequence[str],
    *,
    recipe: Recipe,
    device: torch.device,
    what: str,
    kept: KeptMaps | None = None,
) -> Float[np.ndarray, "case class"]:
    """Probabilities in the order of `case_ids`, their mean over the recipe's views.

    Maps that are `kept` serve the view of the scan as it is.
    """
    changes, axes = recipe.options.test_time or (), scans.pixels(case_ids[0]).ndim - 1 if case_ids else 2
    found = [
        activated(
            predict_logits(
                classifier,
                scans,
                case_ids,
                recipe=recipe,
                device=device,
                what=what,
                view=None if view is _as_it_is else view,
                kept=kept,
            ),
            outcome=scans.outcome,
        )
        for view in views_of(changes, axes=axes)
    ]
    return np.mean(found, axis=0) if len(found) > 1 else found[0]


def views_of(changes: Sequence[str], *, axes: int) -> tuple[View, ...]:
    """The views of a scan with so many spatial axes, the scan as it is first; a mirror image of each with `mirror`."""
    views: list[View] = [_as_it_is]
    if "shifts" in changes:
        views += [partial(_shifted, axis=axis, sign=sign) for axis in range(axes) for sign in (-1, 1)]
    if "mirror" in changes:
        views += [partial(_mirrored, view=view) for view in tuple(views)]
    return tuple(views)


def _as_it_is(scans: Tensor) -> Tensor:
    return scans


def _shifted(scans: Tensor, *, axis: int, sign: int) -> Tensor:
    dimension = axis + 2
    steps = max(1, round(SHIFT * scans.shape[dimension]))
    moved = scans.roll(sign * steps, dims=dimension)
    entering = 0 if sign > 0 else moved.shape[dimension] - steps
    moved.narrow(dimension, entering, steps).zero_()
    return moved


def _mirrored(scans: Tensor, *, view: View) -> Tensor:
    """The mirror image of a view from left to right."""
    return view(scans).flip(2 + left_right_axis(scans.ndim - 2))
