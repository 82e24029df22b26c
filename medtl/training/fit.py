"""The loop, in plain sight.

Cross-entropy, AdamW, a cosine schedule with a short warm-up, averaged weights, and a state on disk after every epoch.
A resumed fit continues bit for bit on the CPU, because every draw is named by seed, fold, epoch and case.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import islice

import torch
from torch import Tensor

from medtl.adaptation import Classifier, freezing, parameter_groups
from medtl.adaptation.heads import LossOptions, mean_loss, within_own_head
from medtl.progress import say
from medtl.training.average import temporary_weights, weight_average
from medtl.training.batches import load, worker_count
from medtl.training.checkpoint import Checkpoints, EpochRecord, Progress, optimiser_tensors, restore_optimiser
from medtl.training.device import lower_precision
from medtl.training.epoch_plan import epoch_plan
from medtl.training.fit_task import FitTask
from medtl.training.kept_maps import KeptMaps
from medtl.training.predict import predict_logits
from medtl.training.recipe import schedule
from medtl.training.seeding import seed_for
from medtl.training.step import TrainingStep


def fit(
    classifier: Classifier, task: FitTask, checkpoints: Checkpoints, *, kept: KeptMaps | None = None
) -> tuple[EpochRecord, ...]:
    """Fit `classifier` in place, so that it ends with the weights to be judged, and give the history.

    Continues from `checkpoints` when they hold a state of this fit. With `kept` the passes start from the maps of the
    frozen stages. A loss that is not a finite number stops the fit
    and names the cases of the batch; nothing non-finite is ever saved.
    """
    recipe, device, balance = task.recipe, task.device, task.balance
    classifier.to(device)
    groups = parameter_groups(
        classifier, encoder_rate=task.encoder_rate, head_rate=task.head_rate, by_stage=task.has_rates_by_stage
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
        fewest=task.fewest, penalty=task.penalty, scale=task.stage_scale, rates_from=task.rates_from,
        loss=LossOptions(recipe.options.label_smoothing or 0.0, balance.of_loss if balance else None, task.heads),
        forward=None if kept is None else kept.trunk.logits, ranks=task.ranks,
    )  # fmt: skip
    steps_an_epoch = len(epoch_plan(task, 0))
    average = weight_average(classifier, recipe=recipe, steps_an_epoch=steps_an_epoch)
    progress, best = Progress(), dict[str, Tensor]()

    if state := checkpoints.latest():
        tensors, progress = state
        classifier.load_state_dict(_part(tensors, "weights"))
        average.restore(_part(tensors, "average"))
        average.steps = progress.average_steps
        restore_optimiser(optimiser, names, _part(tensors, "optimiser"))
        scaler.load_state_dict(progress.gradient_scale)
        best = _part(tensors, "best")
    task.ranks.start_together(classifier, epochs_done=progress.epochs_done)

    plan = [batch for epoch in range(progress.epochs_done, recipe.epochs) for batch in epoch_plan(task, epoch)]
    workers = worker_count(device, recipe.loading_workers)
    loader = partial(load, task.scans, workers=workers) if kept is None else kept.load
    stream = task.ranks.load(loader, plan, whole=step.mixing.is_on)

    for epoch in range(progress.epochs_done, recipe.epochs):
        started, loss_sum, rate = time.monotonic(), 0.0, 0.0
        with freezing.training_mode(classifier, batch_norm_frozen=task.batch_norm_frozen):
            for index, batch in enumerate(islice(stream, steps_an_epoch), start=epoch * steps_an_epoch):
                rate = recipe.learning_rate * schedule(index, steps_an_epoch=steps_an_epoch, recipe=recipe)
                loss = step.take(
                    batch,
                    rate=rate,
                    progress=index / (steps_an_epoch * recipe.epochs),
                    seed=seed_for(*task.seed_names, "dropout", index),
                    begins_epoch=index % steps_an_epoch == 0,
                )
                loss_sum += loss * len(batch.case_ids)
                average.update(classifier)
        with temporary_weights(classifier, average.values):
            validation_loss = task.ranks.from_first(partial(_validation_loss, classifier, task, kept))
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
        if task.name:
            say(
                f"{task.name}: epoch {record.epoch} of {recipe.epochs}, training loss {record.training_loss:.3f}, "
                f"validation loss {record.validation_loss:.3f}, {record.seconds:.0f} s"
            )

    classifier.load_state_dict(best or average.values)
    if balance is not None:
        balance.undo(classifier)
    return progress.history


def _validation_loss(classifier: Classifier, task: FitTask, kept: KeptMaps | None) -> float:
    logits = predict_logits(
        classifier, task.scans, task.validation, recipe=task.recipe, device=task.device, what="validation", kept=kept
    )
    if task.balance is not None:
        logits = logits - task.balance.shift
    labels = [task.scans.labels[case] for case in task.validation]
    if task.heads:
        logits = within_own_head(torch.from_numpy(logits), torch.tensor(labels), task.heads).numpy()
    return mean_loss(logits, labels, outcome=task.scans.outcome)


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}/"): value for name, value in tensors.items() if name.startswith(f"{part}/")}
