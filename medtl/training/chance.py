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


def batches_of(case_ids: Sequence[str], *, batch_size: int, seed: int) -> list[tuple[str, ...]]:
    """The cases in an order drawn from `seed`, in batches whose sizes differ by at most one, so none is a lone case."""
    order = np.random.default_rng(seed).permutation(len(case_ids))
    count = -(-len(case_ids) // batch_size)
    return [tuple(case_ids[index] for index in part) for part in np.array_split(order, count)]


@contextmanager
def seeded_torch(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own generators started from `seed` for the block (dropout draws from them), then given back."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.random.manual_seed(seed)
        yield
