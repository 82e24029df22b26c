"""An epoch of the training loop beside nothing but forward, backward and optimiser on tensors in memory."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medtl import encoders, imaging, training
from medtl.adaptation import Classifier, classifier_with_new_head, freezing
from medtl.study.cohort import audit_and_split, read_cohort
from medtl.study.settings import read_study
from medtl.training.batches import CASES_AT_ONCE, Request, Scans
from medtl.training.checkpoint import CheckpointFolder, Progress
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.seeding import batches_of, seed_for

WARM_UP = 1
MEASURED = 5
FOLD = 0
IMAGES = 200


class WatchedScans(Scans):
    """Scans that note how long reading them takes, which were asked for, and when validation begins."""

    def __init__(self, scans: Scans) -> None:
        super().__init__(scans.pixels, scans.labels, scans.augment, outcome=scans.outcome)
        self.forget()

    def forget(self) -> None:
        """Begin an epoch."""
        self.seconds, self.validation_began, self.asked = 0.0, 0.0, list[str]()

    def __getitem__(self, request: Request) -> tuple[str, np.ndarray, int]:
        began = time.perf_counter()
        if request.seed is not None:
            self.asked.append(request.case_id)
        elif not self.validation_began:
            self.validation_began = began
        item = super().__getitem__(request)
        if request.seed is not None:
            self.seconds += time.perf_counter() - began
        return item


@dataclass
class Seconds:
    """Seconds of each epoch. The loop: reading (of scans, part of steps), steps, validation, state on disk."""

    reading: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    state: list[float] = field(default_factory=list)
    pure_steps: list[float] = field(default_factory=list)
    pure_validation: list[float] = field(default_factory=list)


class PureTraining:
    """The same network and optimiser on the same batches, as tensors in memory."""

    def __init__(self, classifier: Classifier, task: FitTask) -> None:
        self.classifier, self.task = classifier, task
        self.optimiser = torch.optim.AdamW(classifier.parameters(), lr=1e-4)

    def steps(self, epoch: int) -> float:
        """Seconds of forward, backward and optimiser over an epoch's training batches."""
        batches = [self._tensors(names) for names in plan_of(self.task, epoch)]
        with freezing.training_mode(self.classifier, batch_norm_frozen=self.task.batch_norm_frozen):
            began = time.perf_counter()
            for scans, labels in batches:
                self.optimiser.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(self.classifier(scans), labels).backward()  # type: ignore[no-untyped-call]
                self.optimiser.step()
            return time.perf_counter() - began

    def validation(self) -> float:
        """Seconds of the forward passes over the validation part."""
        names = self.task.validation
        batches = [self._tensors(names[at : at + CASES_AT_ONCE]) for at in range(0, len(names), CASES_AT_ONCE)]
        with freezing.eval_mode(self.classifier), torch.no_grad():
            began = time.perf_counter()
            for scans, _ in batches:
                self.classifier(scans)
            return time.perf_counter() - began

    def _tensors(self, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        scans = torch.from_numpy(np.stack([self.task.scans.pixels(name) for name in names]))
        return scans, torch.tensor([self.task.scans.labels[name] for name in names])


def plan_of(task: FitTask, epoch: int) -> list[tuple[str, ...]]:
    return batches_of(task.training, batch_size=task.recipe.batch_size, seed=seed_for(*task.seed_names, "order", epoch))


@pytest.mark.benchmark
def test_an_epoch_of_full_training_beside_the_bare_arithmetic(
    table: Any,
    images: Callable[[int], Any],
    write_study: Callable[..., Path],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = {"epochs": WARM_UP + MEASURED, "batch_size": 16}
    taken = images(IMAGES)
    path = write_study("full-study", taken, adaptation={"policy": "full"}, recipe=recipe)
    classifier, task = _classifier_and_task(path, folder)
    watched = task.scans
    assert isinstance(watched, WatchedScans)
    pure = PureTraining(copy.deepcopy(classifier), task)
    found = Seconds()
    save = CheckpointFolder.save
    began = time.perf_counter()

    def note_and_alternate(self: CheckpointFolder, tensors: dict[str, Tensor], progress: Progress) -> None:
        nonlocal began
        saving = time.perf_counter()
        save(self, tensors, progress)
        saved = time.perf_counter()
        epoch = progress.epochs_done - 1
        assert watched.asked == [name for names in plan_of(task, epoch) for name in names]
        found.reading.append(watched.seconds)
        found.steps.append(watched.validation_began - began)
        found.validation.append(saving - watched.validation_began)
        found.state.append(saved - saving)
        found.pure_steps.append(pure.steps(epoch))
        found.pure_validation.append(pure.validation())
        watched.forget()
        began = time.perf_counter()

    monkeypatch.setattr(CheckpointFolder, "save", note_and_alternate)
    fit(classifier, task, CheckpointFolder(folder / "states", "benchmark"))
    _tell(table, found, taken.words, task)


def _classifier_and_task(path: Path, folder: Path) -> tuple[Classifier, FitTask]:
    """What `train_fold` hands to the loop for the policy `full`, with scans that are watched."""
    study = read_study(path)
    store = encoders.WeightStore((folder / "weights",))
    encoder = encoders.build_encoder(study.encoder, store=store, seed=study.seed)
    cohort = read_cohort(study)
    cache = imaging.PreparedCache(folder / "cache")
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    split = recruited.folds.split(recruited.folds.folds[FOLD])
    scans = training.Scans.of(
        recruited.cohort, prepared, augmentation=study.augmentation, preparation=study.preparation
    )
    classifier = classifier_with_new_head(
        encoder, classes=len(recruited.cohort.classes), seed=study.seed, dropout=study.adaptation.dropout
    )
    task = FitTask(
        name="full",
        scans=WatchedScans(scans),
        chance_keys={case.case_id: case.chance_key for case in recruited.cohort.cases},
        training=tuple(sorted(split.training)),
        validation=tuple(sorted(split.validation)),
        recipe=study.recipe,
        encoder_rate=study.adaptation.encoder_rate,
        head_rate=1.0,
        batch_norm_frozen=True,
        seed_names=(study.seed, "full", FOLD),
        device=torch.device("cpu"),
    )
    return classifier, task


def _tell(table: Any, found: Seconds, words: str, task: FitTask) -> None:
    def middle(*parts: list[float]) -> float:
        return float(median(sum(epoch) for epoch in list(zip(*parts, strict=True))[WARM_UP:]))

    def ratio(ours: list[list[float]], bare: list[list[float]]) -> str:
        pairs = list(zip(map(sum, zip(*ours, strict=True)), map(sum, zip(*bare, strict=True)), strict=True))
        return f"{median(one / other for one, other in pairs[WARM_UP:]):.3f}"

    whole = [found.steps, found.validation, found.state]
    for name, ours, bare, target in (
        ("full, an epoch / its bare steps", whole, [found.pure_steps], "<= 1.1"),
        ("full, an epoch / bare steps + validation", whole, [found.pure_steps, found.pure_validation], ""),
        ("full, training steps / bare steps", [found.steps], [found.pure_steps], ""),
    ):
        table.add(name, f"{middle(*ours):.2f} s", f"{middle(*bare):.2f} s", ratio(ours, bare), target)
    table.note(
        f"full: {words}; {len(task.training)} images of training in batches of {task.recipe.batch_size}, "
        f"{len(task.validation)} of validation; {torch.get_num_threads()} threads on {os.cpu_count()} processors, "
        f"scans read in the same process. Epochs of the loop and of the bare arithmetic alternate; medians of "
        f"{MEASURED} after {WARM_UP} to warm up; a ratio is the median of the ratios of neighbours."
    )
    table.note(
        f"Where an epoch's {middle(*whole):.2f} s went: training steps {middle(found.steps):.2f} s (reading and "
        f"varying scans {middle(found.reading):.2f} s of it), validation {middle(found.validation):.2f} s, state on "
        f"disk {middle(found.state):.2f} s. Bare: steps {middle(found.pure_steps):.2f} s, validation "
        f"{middle(found.pure_validation):.2f} s."
    )
