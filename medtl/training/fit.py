"""The loop, in plain sight.

Cross-entropy, AdamW, a cosine schedule with a short warm-up, averaged weights, and a state on disk after every epoch.
A resumed fit continues bit for bit on the CPU, because every draw is named by seed, fold, epoch and case.
"""

from __future__ import annotations

import time
from itertools import islice

import torch
from torch import Tensor

from medtl.adaptation import Classifier, freezing, parameter_groups
from medtl.adaptation.heads import mean_loss
from medtl.progress import say
from medtl.training.batches import Request, load, worker_count
from medtl.training.checkpoint import CheckpointFolder, EpochRecord, Progress, optimiser_tensors, restore_optimiser
from medtl.training.device import lower_precision
from medtl.training.ema import WeightAverage, temporary_weights
from medtl.training.fit_task import FitTask
from medtl.training.predict import predict_logits
from medtl.training.recipe import schedule
from medtl.training.seeding import batches_of, seed_for
from medtl.training.step import TrainingStep


def fit(classifier: Classifier, task: FitTask, checkpoints: CheckpointFolder) -> tuple[EpochRecord, ...]:
    """Fit `classifier` in place, so that it ends with the weights to be judged, and give the history.

    Continues from `checkpoints` when they hold a state of this fit. A loss that is not a finite number stops the fit
    and names the cases of the batch; nothing non-finite is ever saved.
    """
    recipe, device = task.recipe, task.device
    classifier.to(device)
    groups = parameter_groups(
        classifier, encoder_rate=task.encoder_rate, head_rate=task.head_rate, by_stage=task.stage_scale is not None
    )
    names = tuple(name for group in groups for name in group.names)
    optimiser = torch.optim.AdamW(
        [
            {
                "params": group.parameters,
                "rate": group.rate,
                "stage": group.stage,
                "weight_decay": recipe.weight_decay * group.decays,
            }
            for group in groups
        ]
    )
    dtype = lower_precision(device, wanted=recipe.mixed_precision)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
    step = TrainingStep(
        classifier, optimiser, scaler, outcome=task.scans.outcome, recipe=recipe, dtype=dtype, device=device,
        fewest=task.fewest, penalty=task.penalty, scale=task.stage_scale,
    )  # fmt: skip
    average = WeightAverage(classifier, decay=recipe.average_decay)
    progress, best = Progress(), dict[str, Tensor]()

    if state := checkpoints.latest():
        tensors, progress = state
        classifier.load_state_dict(_part(tensors, "weights"))
        average.restore(_part(tensors, "average"))
        average.steps = progress.average_steps
        restore_optimiser(optimiser, names, _part(tensors, "optimiser"))
        scaler.load_state_dict(progress.gradient_scale)
        best = _part(tensors, "best")

    steps_an_epoch = len(_plan(task, 0))
    plan = [batch for epoch in range(progress.epochs_done, recipe.epochs) for batch in _plan(task, epoch)]
    stream = load(task.scans, plan, workers=worker_count(device, recipe.loading_workers))

    for epoch in range(progress.epochs_done, recipe.epochs):
        started, loss_sum, rate = time.monotonic(), 0.0, 0.0
        with freezing.training_mode(classifier, batch_norm_frozen=task.batch_norm_frozen):
            for index, batch in enumerate(islice(stream, steps_an_epoch), start=epoch * steps_an_epoch):
                rate = recipe.learning_rate * schedule(index, steps_an_epoch=steps_an_epoch, recipe=recipe)
                progress_made = index / (steps_an_epoch * recipe.epochs)
                loss = step.take(
                    batch, rate=rate, progress=progress_made, seed=seed_for(*task.seed_names, "dropout", index)
                )
                loss_sum += loss * len(batch.case_ids)
                average.update(classifier)
        with temporary_weights(classifier, average.values):
            validation_loss = _validation_loss(classifier, task)
        record = EpochRecord(
            epoch=epoch + 1,
            learning_rate=rate,
            training_loss=loss_sum / len(task.training),
            validation_loss=validation_loss,
            seconds=round(time.monotonic() - started, 3),
        )
        history = (*progress.history, record)
        if recipe.stopping == "validation_loss" and record == min(history, key=lambda row: row.validation_loss):
            best = {name: value.clone() for name, value in average.values.items()}
        progress = Progress(history=history, average_steps=average.steps, gradient_scale=scaler.state_dict())
        parts = {
            "weights": classifier.state_dict(),
            "average": average.values,
            "best": best,
            "optimiser": optimiser_tensors(optimiser, names),
        }
        checkpoints.save(
            {f"{part}/{name}": v for part, tensors in parts.items() for name, v in tensors.items()}, progress
        )
        say(
            f"{task.name}: epoch {record.epoch} of {recipe.epochs}, training loss {record.training_loss:.3f}, "
            f"validation loss {record.validation_loss:.3f}, {record.seconds:.0f} s"
        )

    classifier.load_state_dict(best or average.values)
    return progress.history


def _plan(task: FitTask, epoch: int) -> list[list[Request]]:
    seed = seed_for(*task.seed_names, "order", epoch)
    order = batches_of(task.training, batch_size=task.recipe.batch_size, seed=seed, fewest=task.fewest)
    return [
        [Request(case, seed_for(*task.seed_names, "augment", epoch, task.chance_keys[case])) for case in batch]
        for batch in order
    ]


def _validation_loss(classifier: Classifier, task: FitTask) -> float:
    logits = predict_logits(
        classifier, task.scans, task.validation, recipe=task.recipe, device=task.device, what="validation"
    )
    return mean_loss(logits, [task.scans.labels[case] for case in task.validation], outcome=task.scans.outcome)


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}/"): value for name, value in tensors.items() if name.startswith(f"{part}/")}
