"""What one fit is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from medtl.training.batches import Scans
from medtl.training.recipe import Recipe
from medtl.training.seeding import FEWEST_NORMALISED
from medtl.training.step import Penalty


@dataclass(frozen=True)
class FitTask:
    """One fit: which cases teach, which judge the epochs, and the names that seed every draw.

    `stage_scale` gives a stage's rate as a share of the encoder's, by its name and the share of the training that lies
    behind; 0 keeps the stage for now. `chance_keys` name the cases for chance, so that pseudonyms do not change a
    result.
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

    @property
    def fewest(self) -> int:
        """Cases that a pass through the network has at least."""
        return 1 if self.batch_norm_frozen else FEWEST_NORMALISED
