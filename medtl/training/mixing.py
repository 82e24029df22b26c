"""Batches whose scans and labels are mixed with those of other cases: mixup and CutMix.

In: a batch with class indices, and a seed. Out: the batch with mixed scans and a probability per class. Written here
since MONAI's MixUp refuses labels per case and class, and its CutMix gives each case the partner's label whole,
whatever the area; a test pins both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from medtl.training.batches import Batch


@dataclass(frozen=True)
class Mixing:
    """The options that are on, by the parameter of their beta distribution; of two, each batch draws one."""

    mixup: float | None = None
    cutmix: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether batches are mixed."""
        return self.mixup is not None or self.cutmix is not None

    def mixed(self, batch: Batch, *, classes: int, seed: int) -> Batch:
        """The batch with each case mixed with a partner of the same batch, drawn from `seed` alone."""
        if not self.is_on:
            return batch
        rng = np.random.default_rng(seed)
        ways = [(name, alpha) for name, alpha in (("mixup", self.mixup), ("cutmix", self.cutmix)) if alpha is not None]
        way, alpha = ways[rng.integers(len(ways))]
        share, partners = float(rng.beta(alpha, alpha)), torch.from_numpy(rng.permutation(len(batch.case_ids)))
        if way == "mixup":
            scans = share * batch.scans + (1 - share) * batch.scans[partners]
        else:
            scans, share = _with_boxes(batch.scans, batch.scans[partners], share=share, rng=rng)
        own = one_hot(batch.labels, classes).to(scans.dtype)
        return replace(batch, scans=scans, labels=share * own + (1 - share) * own[partners])


def _with_boxes(own: Tensor, other: Tensor, *, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """The scans with one box taken from others, and the share of each scan that is its own.

    The box has 1 - share of the area (or volume) around a place drawn uniformly; what lies outside the scan is cut off,
    and the share counted anew (Yun 2019, arXiv 1905.04899).
    """
    sides = own.shape[2:]
    half = [side * (1 - share) ** (1 / len(sides)) / 2 for side in sides]
    middle = [rng.uniform(0, side) for side in sides]
    box = [
        slice(max(0, round(at - reach)), min(side, round(at + reach)))
        for at, reach, side in zip(middle, half, sides, strict=True)
    ]
    mixed, inside = own.clone(), (slice(None), slice(None), *box)
    mixed[inside] = other[inside]
    taken = float(np.prod([part.stop - part.start for part in box]) / np.prod(sides))
    return mixed, 1 - taken
