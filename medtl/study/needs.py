"""What a run needs before it begins: room on the disks, time, and memory of the GPU.

In: a study with its encoders, the number of its cases, and where it will run. Out: a few sentences; or a refusal, where
a disk has not the room. Numbers are upper bounds for bytes and an estimate for seconds (docs/server.md says how good).
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from medtl import imaging, training
from medtl.cohort import Cohort
from medtl.encoders import Encoder
from medtl.errors import ResourceExhausted
from medtl.policies import policy_of
from medtl.progress import say
from medtl.record.run_folder import RunFolder
from medtl.record.run_status import duration
from medtl.study.settings import Study
from medtl.training.step_cost import MeasuredStep
from medtl.training.variant import Variant

FLOAT_BYTES = 4
SCAN_BYTES = 2
"""A voxel of a prepared scan in the cache."""

ENTRY_BYTES = 3_000
"""Facts and seals of a cached scan, beside its voxels."""

PAGE_BYTES = 4_000_000
"""A page with its figures and tables: of a fold, of the study (measured: 1 to 3 MB)."""

GENERATIONS = 2
"""States of a network in training that are kept; a third one is written before it replaces the older."""

GB = 10**9


@dataclass(frozen=True)
class Needs:
    """Bytes that a run writes at most, and what is left of those in its folder; seconds and memory where measured."""

    run_bytes: int
    kept_bytes: int
    cache_bytes: int
    seconds: float | None
    networks: int
    step: MeasuredStep | None
    gpu_bytes: int | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said before the run begins."""
        room = (
            f"This run will write up to {size(self.run_bytes)} into its folder, of which up to {size(self.kept_bytes)} "
            f"stay, and up to {size(self.cache_bytes)} into the cache."
        )
        if self.seconds is None and not self.networks:
            time = "How long features will take was not measured: one scan takes long here."
        elif self.seconds is None:
            time = "How long it will take is said after the first epoch (medtl status): one scan takes long here."
        elif self.networks:
            networks = "1 network" if self.networks == 1 else f"{self.networks} networks"
            time = (
                f"Features and the training of {networks} will take about {duration(self.seconds)}, by a step measured "
                "on this machine; preparing scans, checks of maps and pages take more."
            )
        else:
            time = (
                f"Features will take about {duration(self.seconds)}, by a scan measured on this machine; no network "
                "is trained."
            )
        memory = (f"It needs about {size(self.gpu_bytes)} of the GPU's memory.",) if self.gpu_bytes else ()
        return (room, time, *memory)


@dataclass(frozen=True)
class Work:
    """So many cases, of which each fold tests one of so many parts, and the folds that are not finished yet."""

    cases: int
    parts: int
    folds: int


def announce_needs(
    study: Study,
    cohort: Cohort,
    resolved: Mapping[str, Encoder],
    *,
    run: RunFolder,
    device: torch.device,
    threads: Sequence[int | None] = (),
) -> None:
    """Say what the rest of the run needs; nothing where every fold is finished.

    Args:
        study: The study.
        cohort: Its cases.
        resolved: Its encoders by name, the study's own first.
        run: The run's folder, which may hold finished folds.
        device: Where it computes.
        threads: Of each worker process, None for a GPU; empty where this process does the work.

    Raises:
        ResourceExhausted: the disk of the run's folder or of the cache has not the room.
    """
    work = _work_of(study, cohort, finished=len(run.finished_folds()))
    if work.folds <= 0:
        return
    needs = needs_of(study, work, resolved=resolved, device=device, threads=threads)
    _refuse_without_room(needs, cohort, study, run=run)
    for line in needs.lines:
        say(line)


def needs_of(
    study: Study,
    work: Work,
    *,
    resolved: Mapping[str, Encoder],
    device: torch.device,
    threads: Sequence[int | None] = (),
) -> Needs:
    """The needs of the folds that are not finished yet."""
    folds = work.folds
    variants = training.variants_of(study.adaptation, study.recipe, study.selection, encoders=list(resolved))
    own = resolved[study.encoder]
    fits = [(one, policy) for one in variants for policy in one.adaptation.trained]
    step = training.measured_step(
        own, shape=study.preparation.shape, channels=study.preparation.channels, recipe=study.recipe, device=device,
        is_learning=bool(fits),
    )  # fmt: skip
    at_once = min(folds, max(1, len(threads)))
    states = sum(_state_bytes(resolved[one.encoder], one, policy) for one, policy in fits)
    largest = max((_state_bytes(resolved[one.encoder], one, policy) for one, policy in fits), default=0)
    kept = folds * (_kept_bytes(fits, resolved) + PAGE_BYTES + _map_bytes(study, work)) + PAGE_BYTES
    generations = min(GENERATIONS, study.recipe.epochs)
    working = at_once * (generations * states + largest)
    weights = encoder_bytes(own)
    return Needs(
        run_bytes=kept + working,
        kept_bytes=kept,
        cache_bytes=_cache_bytes(study, work.cases, resolved),
        seconds=_seconds(study, step, fits, work, encoders=len(resolved), threads=threads),
        networks=len(fits) * folds,
        step=step,
        gpu_bytes=None if step.gpu_bytes is None else step.gpu_bytes + 2 * weights,  # the average, and the encoder
    )


def _work_of(study: Study, cohort: Cohort, *, finished: int) -> Work:
    folds = study.folds
    if folds.official is not None:
        parts, count = 3, 1  # train, validation and test: how large each is stands in the manifest alone
    elif folds.from_column is not None:
        parts = count = max(1, len({case.split for case in cohort.cases}))
    else:
        parts, count = folds.count, folds.count * folds.repeats
    return Work(len(cohort.cases), parts, count - finished)


def encoder_bytes(encoder: Encoder) -> int:
    """Of its tensors."""
    return sum(value.numel() * value.element_size() for value in encoder.state_dict().values())


def _state_bytes(encoder: Encoder, variant: Variant, policy: str) -> int:
    """Of a state in training: weights, their average, the best ones where they are kept, two moments of each."""
    weights = encoder_bytes(encoder)
    own = policy_of(policy)
    moments = 2 if own is None or own.learns == "all" else 0
    return weights * (2 + (variant.recipe.stopping == "validation_loss") + moments)


def _kept_bytes(fits: Sequence[tuple[Variant, str]], resolved: Mapping[str, Encoder]) -> int:
    """Of the fitted networks that a fold keeps; of those that a search adds, the best one."""
    plain = sum(encoder_bytes(resolved[one.encoder]) for one, _ in fits if not one.is_searched)
    return plain + max((encoder_bytes(resolved[one.encoder]) for one, _ in fits if one.is_searched), default=0)


def _map_bytes(study: Study, work: Work) -> int:
    """Of a fold's maps of volumes on their own grids; maps of pictures are part of a page."""
    if not study.preparation.is_volume or not study.explanation.maps_all(study.preparation):
        return 0
    voxels = math.prod(study.preparation.shape)
    return math.ceil(work.cases / work.parts) * voxels * FLOAT_BYTES


def _cache_bytes(study: Study, cases: int, resolved: Mapping[str, Encoder]) -> int:
    voxels = math.prod(study.preparation.shape) * study.preparation.channels
    widths = [encoder.feature_widths[study.adaptation.readouts[-1]] for encoder in resolved.values()]
    features = cases * FLOAT_BYTES * (sum(widths) + study.controls.centre_masked * widths[0])
    return cases * (voxels * SCAN_BYTES + ENTRY_BYTES) + features + int((study.recipe.trunk_cache_gb or 0) * GB)


def _seconds(
    study: Study,
    step: MeasuredStep,
    fits: Sequence[tuple[Variant, str]],
    work: Work,
    *,
    encoders: int,
    threads: Sequence[int | None],
) -> float | None:
    if step.predicting_seconds is None:
        return None
    tables = encoders + study.controls.centre_masked
    features = tables * work.cases * step.predicting_seconds
    tested = work.cases / work.parts
    learnt = (work.cases - tested) * (1 - study.folds.validation_fraction)
    validated = work.cases - tested - learnt
    trained = 0.0
    for variant, _ in fits:
        an_epoch = learnt * (step.learning_seconds or 0.0) + validated * step.predicting_seconds
        trained += variant.recipe.epochs * an_epoch + (tested + validated) * step.predicting_seconds
    return features + work.folds * trained / _speed(threads, work.folds)


def _speed(threads: Sequence[int | None], folds: int) -> float:
    """How many times faster the workers are than this process, by their number and their threads."""
    working = list(threads)[:folds]
    if not working:
        return 1.0
    here = torch.get_num_threads()
    return max(1.0, sum(1.0 if own is None else own / here for own in working))


def _refuse_without_room(needs: Needs, cohort: Cohort, study: Study, *, run: RunFolder) -> None:
    cache = imaging.PreparedCache.shared()
    run_disk, cache_disk = _there(run.path), _there(cache.folder)
    run_bytes, cache_bytes = max(0, needs.run_bytes - _bytes_in(run.path)), needs.cache_bytes
    is_one = os.stat(run_disk).st_dev == os.stat(cache_disk).st_dev
    if shutil.disk_usage(cache_disk).free < cache_bytes + (run_bytes if is_one else 0):
        held = cache.count_prepared(
            (case.image for case in cohort.cases), study.preparation
        )  # read only where it matters: it takes a while
        cache_bytes = max(0, cache_bytes * (len(cohort.cases) - held) // max(1, len(cohort.cases)))
    roles: tuple[tuple[str, Path, int], ...] = (("run folder", run_disk, run_bytes + (cache_bytes if is_one else 0)),)
    if not is_one:
        roles += (("cache (MEDTL_CACHE)", cache_disk, cache_bytes),)
    for role, disk, needed in roles:
        free = shutil.disk_usage(disk).free
        if free < needed:
            also = " and the cache" if is_one else ""
            raise ResourceExhausted(
                f"The disk of the {role}{also} has {free:,} bytes free, and this run writes up to {needed:,} bytes "
                "there. Nothing was begun. Free some space, or choose another disk with "
                f"{'MEDTL_CACHE' if 'cache' in role else '--out'}.",
                folder=role,
                bytes_needed=needed,
                bytes_free=free,
            )


def _there(folder: Path) -> Path:
    """The folder, or the next one above it that exists."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def size(count: int) -> str:
    """Bytes as people say them."""
    if count >= GB:
        return f"{count / GB:.1f} GB"
    return f"{max(1, round(count / 10**6))} MB"
