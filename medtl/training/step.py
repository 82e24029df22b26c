"""One step of the optimiser: as many cases at once as fit, gradients added up, no step on a loss that is no number."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from medtl.adaptation import Classifier
from medtl.adaptation.heads import summed_loss
from medtl.errors import DataRefused, ResourceExhausted
from medtl.outcomes import Outcome
from medtl.progress import say
from medtl.training.batches import Batch
from medtl.training.device import autocast
from medtl.training.recipe import Recipe
from medtl.training.seeding import piece_sizes, seeded_torch

Penalty = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]
"""A term of the loss from the network's parameters at the start and now, by name."""


class TrainingStep:
    """Takes steps for one fit.

    When the device runs out of memory the micro-batch is halved, once and for the rest of the fit, and the step is
    taken again: the gradient is the same sum over the batch. (A net whose batch-norm statistics are not frozen sees
    smaller batches from then on, though never fewer than `fewest` cases at once; that is said.)
    """

    def __init__(
        self,
        classifier: Classifier,
        optimiser: Optimizer,
        scaler: torch.amp.GradScaler,
        *,
        outcome: Outcome,
        recipe: Recipe,
        dtype: torch.dtype | None,
        device: torch.device,
        fewest: int = 1,
        penalty: Penalty | None = None,
        scale: Callable[[str, float], float] | None = None,
    ) -> None:
        self.classifier, self.optimiser, self.scaler, self.outcome = classifier, optimiser, scaler, outcome
        self.recipe, self.dtype, self.device = recipe, dtype, device
        self.micro_batch_size = recipe.micro_batch_size or recipe.batch_size
        self.fewest = fewest
        self.penalty, self.scale = penalty, scale
        self.start = {name: value.detach().clone() for name, value in classifier.named_parameters()} if penalty else {}

    def take(self, batch: Batch, *, rate: float, seed: int, progress: float = 0.0) -> float:
        """Learn from one batch at `rate` times each group's share; gives the mean loss of the batch.

        `progress` is the share of the training that lies behind; a stage's share may depend on it.
        """
        for group in self.optimiser.param_groups:
            share = self.scale(group["stage"], progress) if self.scale and group["stage"] else 1.0
            group["lr"] = rate * group["rate"] * share
        while True:
            try:
                loss = self._gradients(batch, seed=seed)
                break
            except torch.OutOfMemoryError as error:
                self._halve(error)
        self.scaler.unscale_(self.optimiser)
        if self.scale is not None:
            self._forget_kept_stages()
        torch.nn.utils.clip_grad_norm_(self.classifier.parameters(), self.recipe.gradient_limit)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss

    def _forget_kept_stages(self) -> None:
        """Gradients of stages that are kept for now count neither for the clipping nor for the optimiser's moments."""
        for group in self.optimiser.param_groups:
            if group["lr"] == 0.0:
                for parameter in group["params"]:
                    parameter.grad = None

    def _gradients(self, batch: Batch, *, seed: int) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        with seeded_torch(seed, self.device):
            sizes = piece_sizes(len(batch.case_ids), at_most=self.micro_batch_size, fewest=self.fewest)
            for scans, labels in zip(batch.scans.split(sizes), batch.labels.split(sizes), strict=True):
                with autocast(self.device, self.dtype):
                    logits = self.classifier(scans.to(self.device, non_blocking=True))
                    loss = summed_loss(logits.float(), labels.to(self.device), outcome=self.outcome)
                    loss = loss / len(batch.case_ids)
                self.scaler.scale(loss).backward()
                total += loss.detach()
            if self.penalty is not None:
                term = self.penalty(self.start, dict(self.classifier.named_parameters()))
                self.scaler.scale(term).backward()
                total += term.detach()
        mean = float(total)
        if not torch.isfinite(total):
            raise DataRefused(
                f"The training loss is {mean} on the batch of cases {', '.join(batch.case_ids)}. No step was taken and "
                "nothing was saved. Lower recipe.learning_rate, or look at these scans with medtl check.",
                cases=batch.case_ids,
            )
        return mean

    def _halve(self, error: torch.OutOfMemoryError) -> None:
        if self.micro_batch_size <= self.fewest:
            least = "one case" if self.fewest == 1 else f"{self.fewest} cases, which batch normalisation needs,"
            raise ResourceExhausted(
                f"The device has too little memory even for {least} at a time. Use a smaller preparation.size_px, a "
                "smaller encoder, or another device; finished epochs are kept for --resume.",
            ) from error
        self.micro_batch_size = max(self.fewest, self.micro_batch_size // 2)
        self.optimiser.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        say(f"Out of memory: from here on {self.micro_batch_size} cases at a time, gradients added up to the batch.")
