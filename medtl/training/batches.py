"""Prepared scans, batch by batch, with augmentation that depends on seed, fold, epoch and case alone."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from medtl.cohort import Cohort
from medtl.imaging import AugmentationSettings, PreparationSettings, PreparedCohort, augment
from medtl.outcomes import Outcome
from medtl.progress import track

CASES_AT_ONCE = 32
"""Cases a forward pass without gradients; fixed, so that a case's score does not depend on the recipe."""

POSITIONS_AT_ONCE = 2**23
"""Pixels or voxels that go through together at most: 32 volumes of 64 a side, and one where a volume holds more."""

MAX_WORKERS = 8
"""Loading processes on a GPU server; a shared machine wants some cores left."""


@dataclass(frozen=True)
class Batch:
    """Scans (case, channel, then the prepared shape) in [0, 1], their labels as class indices, and whose they are.

    Labels of a mixed batch are probabilities (case, class). Where several processes share a batch, `case_ids` names all
    its cases, and the scans and labels are those of this process.
    """

    case_ids: tuple[str, ...]
    scans: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Request:
    """What a loading process is asked for: a case, and the seed of its augmentation (None: as prepared)."""

    case_id: str
    seed: int | None = None


class Scans(Dataset[tuple[str, np.ndarray, int]]):
    """Scans by request. `pixels` gives a prepared scan, `augment` changes one by seed, `labels` gives class indices."""

    def __init__(
        self,
        pixels: Callable[[str], np.ndarray],
        labels: Mapping[str, int],
        augment: Callable[..., np.ndarray],
        *,
        outcome: Outcome,
    ) -> None:
        self.outcome = outcome
        self.pixels = pixels
        self.labels = labels
        self.augment = augment

    @classmethod
    def of(
        cls,
        cohort: Cohort,
        prepared: PreparedCohort,
        *,
        augmentation: AugmentationSettings,
        preparation: PreparationSettings,
    ) -> Scans:
        """The prepared scans of a cohort, labels as indices into its classes."""
        targets = cohort.outcome.targets(case.label for case in cohort.cases).tolist()
        labels = dict(zip((case.case_id for case in cohort.cases), targets, strict=True))
        varied = partial(augment, settings=augmentation, preparation=preparation)
        return cls(prepared.pixels, labels, varied, outcome=cohort.outcome)

    def __getitem__(self, request: Request) -> tuple[str, np.ndarray, int]:
        scan = self.pixels(request.case_id)
        if request.seed is not None:
            scan = self.augment(scan, seed=request.seed)
        return request.case_id, scan, self.labels[request.case_id]


def load(scans: Scans, plan: Sequence[Sequence[Request]], *, workers: int) -> Iterator[Batch]:
    """The batches of `plan` in order, loaded ahead by `workers` processes (0: in this process)."""
    loader = DataLoader(
        scans,
        batch_sampler=plan,  # type: ignore[arg-type]  # torch types indices as int; any index a dataset takes will do
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # its own: the loader would draw from torch's global one
    )
    yield from loader


def each_once(scans: Scans, case_ids: Sequence[str]) -> list[list[Request]]:
    """A plan of every case once, unaugmented, in the order given; large volumes go through one by one."""
    positions = math.prod(scans.pixels(case_ids[0]).shape[1:]) if case_ids else 1
    together = max(1, min(CASES_AT_ONCE, POSITIONS_AT_ONCE // positions))
    return [[Request(case) for case in case_ids[at : at + together]] for at in range(0, len(case_ids), together)]


def load_once(scans: Scans, case_ids: Sequence[str], *, workers: int, what: str) -> Iterator[Batch]:
    """Every case once, unaugmented, in the order given."""
    plan = each_once(scans, case_ids)
    yield from track(load(scans, plan, workers=workers), what=what, total=len(plan))


def worker_count(device: torch.device, wanted: int | None) -> int:
    """How many loading processes: as asked; else none beside a CPU that computes, and up to eight beside a GPU."""
    if wanted is not None:
        return wanted
    return 0 if device.type == "cpu" else min(MAX_WORKERS, max(1, (os.cpu_count() or 2) - 1))


def _collate(items: Sequence[tuple[str, np.ndarray, int]]) -> Batch:
    case_ids, scans, labels = zip(*items, strict=True)
    return Batch(tuple(case_ids), torch.from_numpy(np.stack(scans)), torch.tensor(labels, dtype=torch.long))
