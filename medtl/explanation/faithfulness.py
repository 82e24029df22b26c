"""Faithfulness of a map to the decision: deletion and insertion (Petsiuk et al. 2018).

In: a classifier, a scan, and orders in which its positions are deleted or inserted. Out: for each order the area
under the probability of the target class. Detail is taken away by blurring and brought in on a blurred scan. A map has
to do better than positions in random order and than positions ordered by their distance from the middle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from medtl.adaptation import Classifier, freezing
from medtl.explanation.energy import on_prepared_grid
from medtl.explanation.resizing import resized_tensor
from medtl.explanation.saliency import RawSaliency
from medtl.record.saliency_checks import Curves

SHARES = (0.1, 0.3)
"""Of the positions, deleted or inserted; none and all are known besides. More shares cost more than more cases, and
cases differ more than the curves between these shares."""

CELLS = 8
"""A side of what is left of a scan where its detail is taken away: means over so many cells, linear between them."""

SPREAD = 0.25
"""Standard deviation of the centre-Gaussian, as a share of every side."""

PICTURES_AT_ONCE = 16


def curves(
    classifier: Classifier, scan: Float[Tensor, "1 channel *prepared"], raw: RawSaliency, *, seed: int
) -> Mapping[str, Curves]:
    """Deletion and insertion by the map, by a random mask and by the centre-Gaussian (`map`, `random`, `centre`).

    All three lie on the map's own grid before they are brought to the scan, so none is finer than another.
    """
    shape = tuple(scan.shape[2:])
    random = np.random.default_rng(seed).random(raw.values.shape).astype(np.float32)
    fields = {
        "map": raw.values,
        "random": random,
        "centre": centre_gaussian(raw.values.shape),
    }
    ties = on_prepared_grid(RawSaliency(raw.target, random), shape).ravel()
    orders = {}
    for name, field in fields.items():
        values = on_prepared_grid(RawSaliency(raw.target, field.astype(np.float32)), shape).ravel()
        orders[name] = np.lexsort((ties, values))[::-1]
    return areas(classifier, scan, raw.target, orders)


def areas(
    classifier: Classifier,
    scan: Float[Tensor, "1 channel *prepared"],
    target: int,
    orders: Mapping[str, Int[np.ndarray, " position"]],
) -> Mapping[str, Curves]:
    """Areas by the trapezoidal rule for each order of the scan's positions, the most important first."""
    plain, blurred = scan[0], without_detail(scan)[0]
    variants = [plain, blurred]
    for order in orders.values():
        for share in SHARES:
            taken = torch.zeros(order.size, dtype=torch.bool)
            taken[torch.from_numpy(order[: round(share * order.size)].copy())] = True
            there = taken.reshape(plain.shape[1:])
            variants += [torch.where(there, blurred, plain), torch.where(there, plain, blurred)]
    probabilities = _probabilities(classifier, variants, target)
    whole, nothing, rest = probabilities[0], probabilities[1], probabilities[2:].reshape(len(orders), len(SHARES), 2)
    return {
        name: Curves(
            deletion=_area([whole, *found[:, 0], nothing]),
            insertion=_area([nothing, *found[:, 1], whole]),
        )
        for name, found in zip(orders, rest, strict=True)
    }


def without_detail(scan: Float[Tensor, "1 channel *prepared"]) -> Float[Tensor, "1 channel *prepared"]:
    """The scan as means over at most `CELLS` cells a side, linear between them."""
    cells = tuple(min(CELLS, side) for side in scan.shape[2:])
    pool: Any = torch.nn.functional.adaptive_avg_pool2d if len(cells) == 2 else torch.nn.functional.adaptive_avg_pool3d
    return resized_tensor(pool(scan, cells), tuple(scan.shape[2:]))


def centre_gaussian(shape: tuple[int, ...]) -> Float64[np.ndarray, "*grid"]:
    """1 in the middle, falling off in every direction: what a map that knows nothing but the usual framing shows."""
    positions = [(np.arange(side) + 0.5) / side - 0.5 for side in shape]
    squared = sum(np.square(axis) for axis in np.meshgrid(*positions, indexing="ij"))
    return np.asarray(np.exp(-squared / (2 * SPREAD**2)))


def _probabilities(classifier: Classifier, variants: Sequence[Tensor], target: int) -> Float64[np.ndarray, " variant"]:
    at_once = PICTURES_AT_ONCE if variants[0].ndim == 3 else 1
    device = next(classifier.parameters()).device
    probabilities = []
    with freezing.eval_mode(classifier), torch.no_grad():
        for start in range(0, len(variants), at_once):
            logits = classifier(torch.stack(list(variants[start : start + at_once])).to(device))
            probabilities.append(logits.double().softmax(dim=1)[:, target].cpu().numpy())
    return np.concatenate(probabilities)


def _area(probabilities: Sequence[float]) -> float:
    return float(np.trapezoid(probabilities, x=(0.0, *SHARES, 1.0)))
