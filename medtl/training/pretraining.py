"""Supervised pretraining on a cohort of one's own: an encoder to lend, fitted by the loop that serves every study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.adaptation.heads import mean_loss
from medtl.cohort import Cohort
from medtl.encoders import Encoder
from medtl.files import fingerprint
from medtl.folds import Split
from medtl.training.batches import Scans
from medtl.training.checkpoint import CheckpointFolder, EpochRecord
from medtl.training.device import repeatable
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.predict import predict_logits
from medtl.training.recipe import Recipe
from medtl.training.seeding import seed_for


@dataclass(frozen=True)
class Pretrained:
    """An encoder fitted on all patients but the held-out ones, with how well it did on those."""

    encoder: Encoder
    history: tuple[EpochRecord, ...]
    held_out_cases: int
    held_out_accuracy: float
    held_out_log_loss: float
    most_frequent_class: float

    def in_words(self) -> str:
        """How well it learnt, beside what naming the most frequent class would give."""
        return (
            f"On {self.held_out_cases} held-out cases: accuracy {self.held_out_accuracy:.3f} (most frequent class "
            f"{self.most_frequent_class:.3f}), log loss {self.held_out_log_loss:.3f}."
        )


def pretrain(
    encoder: Encoder,
    *,
    cohort: Cohort,
    split: Split,
    scans: Scans,
    recipe: Recipe,
    dropout: float,
    seed: int,
    device: torch.device,
    states: Path,
) -> Pretrained:
    """Fit `encoder` with a new head on the training part; the test part only says how well it learnt.

    An encoder that comes with weights keeps its batch-norm statistics and moves as slowly as its head.

    Raises:
        ConfigurationError: the recipe has batches of one case, and batch-norm statistics are to be learnt.
    """
    cases = {case.case_id: case for case in cohort.cases}
    if not encoder.card.needs_weights:
        recipe.refuse_lone_cases(learning="an encoder that starts from chance")
    classifier: Classifier = classifier_with_new_head(
        encoder, classes=cohort.outcome.head_width, seed=seed_for(seed, "pretrain head"), dropout=dropout
    )
    training = tuple(sorted(split.training, key=lambda name: cases[name].chance_key))
    task = FitTask(
        name="pretraining",
        scans=scans,
        chance_keys={name: case.chance_key for name, case in cases.items()},
        training=training,
        validation=split.validation,
        recipe=recipe,
        encoder_rate=1.0,
        head_rate=1.0,
        batch_norm_frozen=encoder.card.needs_weights,
        seed_names=(seed, "pretrain"),
        device=device,
    )
    name = fingerprint([seed, recipe.deciding(), dropout, *training])
    checkpoints = CheckpointFolder(states, name)
    with repeatable(device, wanted=recipe.deterministic):
        history = fit(classifier, task, checkpoints)
    logits = predict_logits(classifier, scans, split.test, recipe=recipe, device=device, what="held-out cases")
    labels = [scans.labels[case] for case in split.test]
    counts = [labels.count(label) for label in set(labels)]
    checkpoints.clear()
    return Pretrained(
        encoder=classifier.encoder.cpu(),
        history=history,
        held_out_cases=len(labels),
        held_out_accuracy=float((logits.argmax(axis=1) == labels).mean()),
        held_out_log_loss=mean_loss(logits, labels, outcome=cohort.outcome),
        most_frequent_class=max(counts) / len(labels),
    )
