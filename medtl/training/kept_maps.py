"""The maps of a network's frozen stages, computed once for each scan and draw, from which its passes start.

In: a classifier as its policy has frozen it, the requests of its training, and the cache. Out: batches of maps. A map
depends on its scan alone, since each goes through by itself, so that it is the same whatever was kept before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from medtl.adaptation import Classifier, freezing
from medtl.adaptation.trunk import Trunk, trunk_of
from medtl.errors import ResourceExhausted
from medtl.files import sha256_of
from medtl.progress import say, track
from medtl.training.batches import Batch, Request, Scans, load, worker_count
from medtl.training.epoch_plan import epoch_plan
from medtl.training.fit_task import FitTask
from medtl.training.seeding import seeded_torch
from medtl.training.trunk_cache import HEADER_BYTES, TrunkCache

SCHEMA = 1
"""Raised by one whenever augmentation or the stages give other maps than before."""

GB = 10**9


@dataclass(frozen=True)
class MapStore:
    """Where a study keeps maps, and what names them beside the weights.

    `content` maps a case to the key of its prepared scan; `variation` names how training scans are varied, and is None
    where they are not.
    """

    cache: TrunkCache
    content: Mapping[str, str]
    variation: str | None


@dataclass(frozen=True)
class KeptMaps:
    """The maps of a trunk by request: read from disk, and made again where they are missing or damaged."""

    trunk: Trunk
    scans: Scans
    store: MapStore
    device: torch.device
    workers: int
    identity: str

    def load(self, plan: Sequence[Sequence[Request]]) -> Iterator[Batch]:
        """The batches of `plan` in order, maps in place of scans, with one message if some are made again."""
        has_warned = False
        for batch in plan:
            found = [self.store.cache.read(self.key(request)) for request in batch]
            if not has_warned and any(maps is None for maps in found):
                say("Maps of the frozen stages are missing or damaged in the cache; they are computed again.")
                has_warned = True
            whole = [self._again(one) if maps is None else maps for one, maps in zip(batch, found, strict=True)]
            labels = torch.tensor([self.scans.labels[request.case_id] for request in batch], dtype=torch.long)
            yield Batch(tuple(request.case_id for request in batch), torch.from_numpy(np.stack(whole)), labels)

    def fill(self, requests: Iterable[Request]) -> None:
        """Compute and keep the maps that are not there yet.

        Raises:
            ResourceExhausted: the disk or a quota is full.
        """
        missing = {key: one for one in requests if not self.store.cache.has(key := self.key(one))}
        stream = load(self.scans, [[one] for one in missing.values()], workers=self.workers)
        batches = track(stream, what="maps of the frozen stages", total=len(missing))
        for key, batch in zip(missing, batches, strict=True):
            self.store.cache.write(key, self._computed(batch.scans))

    def key(self, request: Request) -> str:
        """The name of a request's maps: of the trunk, the prepared scan, and the draw where there is one."""
        draw = None if request.seed is None or self.store.variation is None else [self.store.variation, request.seed]
        return sha256_of(json.dumps([self.identity, self.store.content[request.case_id], draw]).encode())

    def _again(self, request: Request) -> Float32[np.ndarray, "map *grid"]:
        """The maps of a request, computed now; where they cannot be kept the training goes on all the same."""
        _, scan, _ = self.scans[request]
        maps = self._computed(torch.from_numpy(scan)[None])
        with suppress(OSError, ResourceExhausted):
            self.store.cache.write(self.key(request), maps)
        return maps

    def _computed(self, scans: Tensor) -> Float32[np.ndarray, "map *grid"]:
        maps: Float32[np.ndarray, "map *grid"] = self.trunk.maps(scans.to(self.device)).float()[0].cpu().numpy()
        return maps


def keep_maps(
    classifier: Classifier, task: FitTask, store: MapStore, *, further: Sequence[str] = ()
) -> KeptMaps | None:
    """Compute and keep what the frozen stages give of all scans of a fit, and of `further` cases as they are.

    None where no stage is frozen throughout, and with a sentence where maps cannot be kept: then every pass goes
    through the whole network, which gives the same numbers.
    """
    trunk = trunk_of(classifier) if task.batch_norm_frozen else None
    if trunk is None:
        return None
    classifier.to(task.device)
    reason = trunk if isinstance(trunk, str) else _varies(trunk, task)
    if isinstance(trunk, str) or reason is not None:
        say(f"{task.name}: the maps of the frozen stages are computed anew in every epoch, because {reason}.")
        return None
    planned = (one for epoch in range(task.recipe.epochs) for batch in epoch_plan(task, epoch) for one in batch)
    requests = [*dict.fromkeys((*planned, *(Request(case) for case in (*task.validation, *further))))]
    workers = worker_count(task.device, task.recipe.loading_workers)
    identity = sha256_of(json.dumps([SCHEMA, trunk.identity, trunk.stages, task.device.type]).encode())
    kept = KeptMaps(trunk, task.scans, store, task.device, workers, identity)
    each = trunk.maps(_first_scan(task)).nbytes
    keys = {kept.key(one) for one in requests}
    needed, limit, where = len(keys) * (each + HEADER_BYTES), store.cache.limit_bytes, _span(trunk.stages)
    if not store.cache.make_room(keys, bytes_each=each):
        say(
            f"{task.name}: the maps of the frozen stages ({where}) would take {needed / GB:.3g} GB and do not fit into "
            f"recipe.trunk_cache_gb, which is {limit / GB:g}, so they are computed anew in every epoch. Set it to "
            f"{ceil(needed / GB * 10) / 10:g} or more, or take fewer draws."
        )
        return None
    say(
        f"{task.name}: the maps of the frozen stages ({where}) are computed once for {len(keys):,} scans and draws and "
        f"kept in the cache, {needed / GB:.3g} of at most {limit / GB:g} GB."
    )
    try:
        kept.fill(requests)
    except (OSError, ResourceExhausted):
        say(
            f"{task.name}: the disk is full or cannot be written to, so the maps of the frozen stages are computed "
            "anew in every epoch."
        )
        return None
    return kept


def _varies(trunk: Trunk, task: FitTask) -> str | None:
    """Why a trunk gives other maps in training than in eval mode, None if it does not: it draws from chance."""
    scan, classifier = _first_scan(task), trunk.classifier
    is_on_cuda = task.device.type == "cuda"
    state = torch.cuda.get_rng_state if is_on_cuda else torch.random.get_rng_state
    with freezing.training_mode(classifier, batch_norm_frozen=True), torch.no_grad(), seeded_torch(0, task.device):
        before = state()
        maps = classifier.encoder.normalised(scan)
        for stage in trunk.stages:
            maps = classifier.encoder.stage(stage)(maps)
        draws = not torch.equal(before, state())
    return f"{_span(trunk.stages)} drop parts at random" if draws else None


def _first_scan(task: FitTask) -> Tensor:
    return torch.from_numpy(task.scans.pixels(task.training[0]))[None].to(task.device)


def _span(stages: Sequence[str]) -> str:
    return stages[0] if len(stages) == 1 else f"{stages[0]} to {stages[-1]}"
