"""What a training step costs here: seconds a case and memory, measured on noise of the scans' size before a study runs.

In: an encoder and the size of a prepared scan. Out: seconds and bytes of this machine and this moment; no seconds where
one case takes so long that the first epoch had better be waited for.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from medtl.adaptation import classifier_with_new_head, freezing
from medtl.encoders import Encoder
from medtl.training.device import autocast, lower_precision
from medtl.training.recipe import Recipe
from medtl.training.seeding import seeded_torch
from medtl.training.shared_gpu import SharedGpu

SECONDS_TO_MEASURE = 2.0
"""Spent at most, about: who starts a study of hours does not mind, and who tries a small one hardly notices."""

SMALL_SIDE = 32
"""Side of the scan that is tried first, to see how long a whole one would take."""

LEARNING_PASSES = 3.0
"""A forward and a backward pass, as forward passes: the backward one has two products for each of the forward one."""


@dataclass(frozen=True)
class MeasuredStep:
    """Seconds a case to learn from and to predict, and the memory of the GPU; None where they were not measured."""

    learning_seconds: float | None
    predicting_seconds: float | None
    gpu_bytes: int | None = None


def measured_step(
    encoder: Encoder, *, shape: Sequence[int], channels: int, recipe: Recipe, device: torch.device, is_learning: bool
) -> MeasuredStep:
    """The cost of one step of the whole network; the encoder is left as it is.

    Where a batch does not fit into a GPU that others use too, it waits; where it still does not, fewer cases at a time
    are measured, as the training will then take them.

    Args:
        encoder: Of the study.
        shape: Of a prepared scan, without its channels.
        channels: Of a prepared scan.
        recipe: How many cases a step has.
        device: Where it is computed.
        is_learning: Whether networks are trained; otherwise frozen features are all that is measured.
    """
    shared, together = SharedGpu(device), (recipe.micro_batch_size or recipe.batch_size) if is_learning else 1
    while True:
        try:
            with seeded_torch(0, device):
                own = copy.deepcopy(encoder).to(device)
                passes = LEARNING_PASSES if is_learning else 1.0
                if passes * _expected(own, tuple(shape), channels=channels, device=device) > SECONDS_TO_MEASURE:
                    return MeasuredStep(None, None)
                step = _learning(own, recipe=recipe, device=device) if is_learning else _predicting(own)
                seconds, peak = _measured(step, (channels, *shape), together=together, device=device)
        except torch.OutOfMemoryError:
            if shared.is_worth_waiting():
                continue
            if together == 1:
                raise
            together = math.ceil(together / 2)
        else:
            return (
                MeasuredStep(seconds, seconds / LEARNING_PASSES, peak) if is_learning else MeasuredStep(None, seconds)
            )


def _expected(encoder: Encoder, shape: tuple[int, ...], *, channels: int, device: torch.device) -> float:
    """The seconds that one whole scan takes to predict, as a small one lets expect."""
    small = [min(side, SMALL_SIDE) for side in shape]
    scan, predict = _noise((1, channels, *small), device), _predicting(encoder)
    predict(scan)
    return _seconds(lambda: predict(scan), device) * math.prod(shape) / math.prod(small)


def _measured(
    step: Callable[[torch.Tensor], None], scan: tuple[int, ...], *, together: int, device: torch.device
) -> tuple[float, int | None]:
    """Seconds a case, and the GPU's memory at most; None on the processor."""
    begun, alone = time.perf_counter(), _noise((1, *scan), device)
    step(alone)
    own = time.perf_counter() - begun
    if device.type == "cpu":
        together = max(1, min(together, int((SECONDS_TO_MEASURE - own) / own)))
    else:
        torch.cuda.reset_peak_memory_stats(device)
    batch = _noise((together, *scan), device)
    seconds = min(own, _seconds(lambda: step(batch), device) / together)
    return seconds, torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def _noise(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)


def _predicting(encoder: Encoder) -> Callable[[torch.Tensor], None]:
    def predict(scans: torch.Tensor) -> None:
        with freezing.eval_mode(encoder), torch.inference_mode():
            encoder.pooled(encoder.normalised(scans)).cpu()

    return predict


def _learning(encoder: Encoder, *, recipe: Recipe, device: torch.device) -> Callable[[torch.Tensor], None]:
    classifier = classifier_with_new_head(encoder, classes=2, seed=0).to(device)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=0.0)
    dtype = lower_precision(device, wanted=recipe.mixed_precision)

    def learn(scans: torch.Tensor) -> None:
        with freezing.training_mode(classifier, batch_norm_frozen=True), autocast(device, dtype):
            loss = classifier(scans).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        loss.item()

    return learn


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    begun = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun
