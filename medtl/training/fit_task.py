"""What one fit is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from medtl.training.batches import Scans
from medtl.training.class_balance import ClassBalance
from medtl.training.ranks import ALONE, Ranks
from medtl.training.recipe import Recipe
from medtl.training.seeding import FEWEST_NORMALISED
from medtl.training.step import Penalty


@dataclass(frozen=True)
class FitTask:
    """One fit: which cases teach, which judge the epochs, and the names that seed every draw.

    `name` begins the line that each epoch prints; a fit without a name, one of very many, prints none.
    `stage_scale` gives a stage's rate as a share of the encoder's, by its name and the share of the training that lies
    behind; 0 keeps the stage for now. `rates_from` gives the shares of all stages from their relative gradient norms.
    `heads` are the classes of each of several tasks that are learnt at once. `chance_keys` name the cases for chance,
    so that pseudonyms do not change a result. `seed_names` begin with the study's seed. `draws` is how many varied
    copies a case has; None: a new one in every epoch. `ranks` are the processes that share its batches.
    """

    name: str
    scans: Scans
    chance_keys: Mapping[str, str]
    training: tuple[str, ...]
    validation: tuple[str, ...]
    recipe: Recipe
    encoder_rate: float
    head_rate: float
    batch_norm_frozen: bool
    seed_names: tuple[object, ...]
    device: torch.device
    penalty: Penalty | None = None
    stage_scale: Callable[[str, float], float] | None = None
    rates_from: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None
    heads: tuple[int, ...] = ()
    draws: int | None = None
    ranks: Ranks = ALONE

    @property
    def has_rates_by_stage(self) -> bool:
        """Whether stages learn at rates of their own."""
        return self.stage_scale is not None or self.rates_from is not None

    @property
    def balance(self) -> ClassBalance | None:
        """How the classes are made to count the same; None where they count as they come."""
        by = self.recipe.options.class_balance
        if by is None:
            return None
        targets = [self.scans.labels[case] for case in self.training]
        return ClassBalance.of(targets, by=by, classes=self.scans.outcome.head_width)

    @property
    def fewest(self) -> int:
        """Cases that a pass through the network has at least."""
        return 1 if self.batch_norm_frozen else FEWEST_NORMALISED
