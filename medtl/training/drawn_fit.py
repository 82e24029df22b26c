"""A network fitted on a few drawn cases of a fold, what it says of the fold's test cases, and what that will cost.

In: a study's data, a policy, and a draw with the probe that was fitted to it. Out: probabilities of the test cases, and
seconds before anything is fitted. The recipe's schedule runs to its end: no case beyond the draw chooses an epoch.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from medtl.adaptation import classifier_with_new_head, freezing, probe
from medtl.folds import Split
from medtl.training.batches import Request, load
from medtl.training.fold import fit_policy
from medtl.training.seeding import seed_for
from medtl.training.study_data import FoldData, StudyData
from medtl.training.test_time import predict_probabilities
from medtl.training.variant import Variant


@dataclass(frozen=True)
class DrawnCases:
    """The cases of one fold that a network learns from, and those it is tested on; `seed_names` seed the fit."""

    fold: int
    training: tuple[str, ...]
    test: tuple[str, ...]
    seed_names: tuple[object, ...]


def fit_on_draw(
    policy: str, data: StudyData, variant: Variant, draw: DrawnCases, *, start: probe.Probe
) -> Float[np.ndarray, "case class"]:
    """The probabilities of the test cases by a network that learnt from the drawn ones."""
    changes = {"stopping": "fixed", "trunk_cache_gb": None}
    fixed = replace(variant, recipe=variant.recipe.model_copy(update=changes))
    validation = draw.training[:1]  # its loss is written down and decides nothing
    ids = {"training": draw.training, "validation": validation, "test": draw.test}
    own = replace(data, seed=seed_for(data.seed, *draw.seed_names))
    fold = FoldData(own, draw.fold, Split(draw.training, validation, draw.test), None)
    cases = {case.case_id: case for case in data.cohort.cases}
    classifier, _, _ = fit_policy(policy, fold, fixed, ids=ids, start=start, cases=cases)
    return predict_probabilities(
        classifier, data.scans, draw.test, recipe=fixed.recipe, device=data.device, what="test cases of a draw"
    )


def seconds_to_learn(data: StudyData, variant: Variant, case_ids: Sequence[str]) -> float:
    """The seconds of one step of the whole network by case, on a batch of these; the first step is not timed."""
    encoder = copy.deepcopy(data.encoders[variant.encoder])
    classifier = classifier_with_new_head(encoder, classes=data.cohort.outcome.head_width, seed=data.seed)
    classifier.to(data.device)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=0.0)
    own = list(case_ids)[: variant.recipe.micro_batch_size or variant.recipe.batch_size]
    (batch,) = load(data.scans, [[Request(case) for case in own]], workers=0)
    seconds = 0.0
    with freezing.training_mode(classifier, batch_norm_frozen=True):
        for _ in range(2):
            begun = time.perf_counter()
            loss = classifier(batch.scans.to(data.device)).square().mean()
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            loss.item()
            seconds = time.perf_counter() - begun
    return seconds / len(own)
