"""Supervised pretraining on cohorts of one's own: an encoder to lend, fitted by the loop that serves every study.

In: one source task or several, each with its cohort, split and scans. Out: the encoder, which all tasks share, and how
well each task's head did on held-out patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.adaptation.heads import mean_loss
from medtl.cohort import Cohort
from medtl.encoders import Encoder
from medtl.errors import ConfigurationError
from medtl.files import fingerprint
from medtl.folds import Split
from medtl.policies.small_data import CHANGE_THE_LOSS
from medtl.training.batches import Scans
from medtl.training.checkpoint import CheckpointFolder, EpochRecord
from medtl.training.device import repeatable
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.joined_scans import JoinedScans, joined_name
from medtl.training.predict import predict_logits
from medtl.training.recipe import Recipe
from medtl.training.seeding import seed_for


@dataclass(frozen=True)
class SourceTask:
    """A cohort with labels of its own to pretrain on; the split's test part is held out."""

    name: str
    cohort: Cohort
    split: Split
    scans: Scans


@dataclass(frozen=True)
class HeldOut:
    """How well a task was learnt, on patients who had no part in the training."""

    task: str
    cases: int
    accuracy: float
    log_loss: float
    most_frequent_class: float

    def in_words(self) -> str:
        """How well it learnt, beside what naming the most frequent class would give."""
        return (
            f"On {self.cases} held-out cases: accuracy {self.accuracy:.3f} (most frequent class "
            f"{self.most_frequent_class:.3f}), log loss {self.log_loss:.3f}."
        )


@dataclass(frozen=True)
class Pretrained:
    """An encoder fitted on all patients but the held-out ones, with how well it did on those of each task."""

    encoder: Encoder
    history: tuple[EpochRecord, ...]
    held_out: tuple[HeldOut, ...]


def pretrain(
    encoder: Encoder,
    tasks: Sequence[SourceTask],
    *,
    recipe: Recipe,
    dropout: float,
    seed: int,
    device: torch.device,
    states: Path,
    draws: int | None = None,
) -> Pretrained:
    """Fit `encoder` with a new head for each task on the training parts; the test parts only say how well it learnt.

    An encoder that comes with weights keeps its batch-norm statistics and moves as slowly as its heads. The cases of
    all tasks are drawn together, so that a task counts by its number of cases.

    Raises:
        ConfigurationError: the recipe has batches of one case, and batch-norm statistics are to be learnt; or it mixes,
            smooths or balances labels, which several tasks do not share.
    """
    if not encoder.card.needs_weights:
        recipe.refuse_lone_cases(learning="an encoder that starts from chance")
    scans = tasks[0].scans
    if len(tasks) > 1:
        _refuse_shared_labels(recipe)
        scans = JoinedScans({task.name: task.scans for task in tasks})
    classifier: Classifier = classifier_with_new_head(
        encoder, classes=scans.outcome.head_width, seed=seed_for(seed, "pretrain head"), dropout=dropout
    )
    keys = {
        _named(task, case.case_id, among=tasks): _named(task, case.chance_key, among=tasks)
        for task in tasks
        for case in task.cohort.cases
    }
    learnt = [_named(task, case, among=tasks) for task in tasks for case in task.split.training]
    training = sorted(learnt, key=keys.__getitem__)
    fit_task = FitTask(
        name="pretraining",
        scans=scans,
        chance_keys=keys,
        training=tuple(training),
        validation=tuple(_named(task, case, among=tasks) for task in tasks for case in task.split.validation),
        recipe=recipe,
        encoder_rate=1.0,
        head_rate=1.0,
        batch_norm_frozen=encoder.card.needs_weights,
        seed_names=(seed, "pretrain"),
        device=device,
        heads=scans.heads if isinstance(scans, JoinedScans) else (),
        draws=draws,
    )
    checkpoints = CheckpointFolder(states, fingerprint([seed, recipe.deciding(), dropout, *training]))
    with repeatable(device, wanted=recipe.deterministic):
        history = fit(classifier, fit_task, checkpoints)
    found, first = [], 0
    for task in tasks:
        own = slice(first, first + task.scans.outcome.head_width)
        names = [_named(task, case, among=tasks) for case in task.split.test]
        logits = predict_logits(classifier, scans, names, recipe=recipe, device=device, what="held-out cases")[:, own]
        labels = [task.scans.labels[case] for case in task.split.test]
        found.append(
            HeldOut(
                task=task.name,
                cases=len(labels),
                accuracy=float((logits.argmax(axis=1) == labels).mean()),
                log_loss=mean_loss(logits, labels, outcome=task.scans.outcome),
                most_frequent_class=max(labels.count(label) for label in set(labels)) / len(labels),
            )
        )
        first = own.stop
    checkpoints.clear()
    return Pretrained(classifier.encoder.cpu(), history, tuple(found))


def _named(task: SourceTask, name: str, *, among: Sequence[SourceTask]) -> str:
    """The name of a case where there are several tasks; its own where there is one."""
    return joined_name(task.name, name) if len(among) > 1 else name


def _refuse_shared_labels(recipe: Recipe) -> None:
    unfit = sorted(CHANGE_THE_LOSS.intersection(recipe.options.named))
    if unfit:
        raise ConfigurationError(
            f"recipe.small_data ({', '.join(unfit)}) changes labels across all classes, and several source tasks share "
            "none: remove it, or pretrain on one manifest."
        )
