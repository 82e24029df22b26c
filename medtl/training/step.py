"""One step of the optimiser: as many cases at once as fit, gradients added up, no step on a loss that is no number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from medtl.adaptation import Classifier
from medtl.adaptation.heads import PLAIN, LossOptions, summed_loss
from medtl.errors import DataRefused, ResourceExhausted
from medtl.heartbeat import beat
from medtl.outcomes import Outcome
from medtl.progress import say
from medtl.training.batches import Batch
from medtl.training.device import autocast
from medtl.training.mixing import Mixing
from medtl.training.ranks import ALONE, Ranks
from medtl.training.recipe import Recipe
from medtl.training.seeding import piece_sizes, seed_for, seeded_torch

Penalty = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]
"""A term of the loss from the network's parameters at the start and now, by name."""


class TrainingStep:
    """Takes steps for one fit.

    When the device runs out of memory the micro-batch is halved, once and for the rest of the fit, and the step is
    taken again: the gradient is the same sum over the batch. (A net whose batch-norm statistics are not frozen sees
    smaller batches from then on, though never fewer than `fewest` cases at once; that is said.) Of several `ranks` each
    computes its share of every micro-batch, and all take the same step.
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
        rates_from: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None,
        loss: LossOptions = PLAIN,
        forward: Callable[[Tensor], Tensor] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.classifier, self.optimiser, self.scaler, self.outcome = classifier, optimiser, scaler, outcome
        self.recipe, self.dtype, self.device = recipe, dtype, device
        self.micro_batch_size = recipe.micro_batch_size or recipe.batch_size
        self.fewest, self.ranks = fewest, ranks
        self.penalty, self.scale, self.loss = penalty, scale, loss
        self.forward = classifier if forward is None else forward
        self.rates_from, self.shares = rates_from, dict[str, float]()
        self.mixing = Mixing(recipe.options.mixup, recipe.options.cutmix)
        self.start = {name: value.detach().clone() for name, value in classifier.named_parameters()} if penalty else {}

    def take(self, batch: Batch, *, rate: float, seed: int, progress: float = 0.0, begins_epoch: bool = False) -> float:
        """Learn from one batch at `rate` times each group's share; gives the mean loss of the batch.

        `progress` is the share of the training that lies behind; a stage's share may depend on it, or on the gradients
        of the batch with which an epoch begins.
        """
        if self.mixing.is_on:
            mixed = self.mixing.mixed(batch, classes=self.outcome.head_width, seed=seed_for(seed, "mix"))
            batch = self.ranks.own_of(mixed)
        loss = self._summed_gradients(batch, seed=seed)
        self.scaler.unscale_(self.optimiser)
        if self.rates_from is not None and begins_epoch:
            self.shares = dict(self.rates_from(self._relative_norms()))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"] * self._share(group.get("stage", ""), progress)
        if self.scale is not None:
            self._forget_kept_stages()
        torch.nn.utils.clip_grad_norm_(self.classifier.parameters(), self.recipe.gradient_limit)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        beat()
        return loss

    def _share(self, stage: str, progress: float) -> float:
        """A stage's share of the rate; that of the head and of attention over slices is 1."""
        if self.scale is not None and stage:
            return self.scale(stage, progress)
        return self.shares.get(stage, 1.0)

    def _relative_norms(self) -> dict[str, float]:
        """The norm of each stage's gradient as a share of that of its weights, over its kernels."""
        gradients: dict[str, float] = defaultdict(float)
        weights: dict[str, float] = defaultdict(float)
        for group in self.optimiser.param_groups:
            for parameter in group["params"] if group["stage"] else ():
                if parameter.ndim > 1 and parameter.grad is not None:
                    gradients[group["stage"]] += float(parameter.grad.square().sum())
                    weights[group["stage"]] += float(parameter.detach().square().sum())
        return {stage: (gradients[stage] / length) ** 0.5 for stage, length in weights.items() if length > 0}

    def _forget_kept_stages(self) -> None:
        """Gradients of stages that are kept for now count neither for the clipping nor for the optimiser's moments."""
        for group in self.optimiser.param_groups:
            if group["lr"] == 0.0:
                for parameter in group["params"]:
                    parameter.grad = None

    def _summed_gradients(self, batch: Batch, *, seed: int) -> float:
        """The mean loss of the batch, after the gradients of its micro-batches, and of all ranks, were added up."""
        while True:
            total, error = torch.zeros((), device=self.device), None
            try:
                total = self._gradients(batch, seed=seed)
            except torch.OutOfMemoryError as found:
                self._refuse_to_halve_alone(found)
                error = found
            if not self.ranks.any(error is not None):
                break
            self._halve(error)
        self.ranks.add_up(total, self.classifier.parameters())
        mean = float(total)
        if not torch.isfinite(total):
            raise DataRefused(
                f"The training loss is {mean} on the batch of cases {', '.join(batch.case_ids)}. No step was taken and "
                "nothing was saved. Lower recipe.learning_rate, or look at these scans with medtl check.",
                cases=batch.case_ids,
            )
        return mean

    def _gradients(self, batch: Batch, *, seed: int) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        with seeded_torch(seed, self.device):
            sizes = piece_sizes(len(batch.case_ids), at_most=self.micro_batch_size, fewest=self.fewest)
            for piece in self.ranks.pieces(batch, sizes):
                with autocast(self.device, self.dtype), self.ranks.of_whole(piece):
                    logits, labels = self.forward(piece.scans.to(self.device, non_blocking=True)), piece.labels
                    loss = summed_loss(logits.float(), labels.to(self.device), outcome=self.outcome, options=self.loss)
                    loss = loss * piece.weight / len(batch.case_ids)
                self.scaler.scale(loss).backward()
                total += loss.detach()
            if self.penalty is not None and self.ranks.is_first:
                term = self.penalty(self.start, dict(self.classifier.named_parameters()))
                self.scaler.scale(term).backward()
                total += term.detach()
        return total

    def _refuse_to_halve_alone(self, error: torch.OutOfMemoryError) -> None:
        """Nothing, unless other ranks wait for this one in the middle of a pass, for the statistics of the batch."""
        if self.ranks.world > 1 and self.fewest > 1:
            fewer = max(self.fewest, self.micro_batch_size // 2)
            raise ResourceExhausted(
                f"The device has too little memory for {self.micro_batch_size} cases at a time on {self.ranks.world} "
                "processes, and batch normalisation that learns its statistics cannot take fewer in the middle of a "
                f"training. Begin anew with --set recipe.micro_batch_size={fewer}."
            ) from error

    def _halve(self, error: torch.OutOfMemoryError | None) -> None:
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
