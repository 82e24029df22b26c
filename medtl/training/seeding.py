"""Chance is passed in: one study seed, spread to fold, epoch and case by sha256.

No number depends on how many workers load, on what ran before, or on where a run was resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch


def seed_for(*names: object) -> int:
    """A 32-bit seed named by its arguments, e.g. `seed_for(study_seed, "augment", fold, epoch, case_id)`."""
    text = "|".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


FEWEST_NORMALISED = 2
"""Cases that batch normalisation needs to learn from: of a lone case with one position a channel there is no variance
(torch refuses it), and with more positions the statistics are those of a single patient."""


def batches_of(case_ids: Sequence[str], *, batch_size: int, seed: int, fewest: int = 1) -> list[tuple[str, ...]]:
    """The cases in an order drawn from `seed`, in batches whose sizes differ by at most one.

    None has fewer than `fewest` cases; for that, 9 cases by 2 are 3, 2, 2 and 2.
    """
    order = np.random.default_rng(seed).permutation(len(case_ids))
    count = max(1, min(-(-len(case_ids) // batch_size), len(case_ids) // fewest))
    return [tuple(case_ids[index] for index in part) for part in np.array_split(order, count)]


def piece_sizes(cases: int, *, at_most: int, fewest: int = 1) -> list[int]:
    """A batch in pieces of `at_most` cases, the rest last; a lone rest joins or borrows from the piece before it."""
    sizes = [min(at_most, cases - start) for start in range(0, cases, at_most)]
    if len(sizes) > 1 and sizes[-1] < fewest:
        both = sizes[-2] + sizes.pop()
        sizes[-1:] = [both - fewest, fewest] if both >= 2 * fewest else [both]
    return sizes


@contextmanager
def seeded_torch(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own generators started from `seed` for the block (dropout draws from them), then given back."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.random.manual_seed(seed)
        yield
