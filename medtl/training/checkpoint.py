"""Two generations of a fit's whole state, so that a full disk, a kill or a flipped bit costs one epoch at most.

A generation is a safetensors file (weights, average, optimiser) and a JSON side file with its sha256, written last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from medtl.files import replacing, sha256_of_file, write_atomically
from medtl.progress import say


class EpochRecord(BaseModel):
    """One row of history.csv.

    Losses are mean cross-entropies in nats; the training loss is the running one of the epoch (augmented scans,
    dropout), the validation loss is of the averaged weights (neither).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: int
    learning_rate: float
    training_loss: float
    validation_loss: float
    seconds: float


class Progress(BaseModel):
    """How far a fit has come, and what it needs beside tensors to go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    history: tuple[EpochRecord, ...] = ()
    average_steps: int = 0
    gradient_scale: dict[str, float | int] = {}

    @property
    def epochs_done(self) -> int:
        """Finished epochs."""
        return len(self.history)


class _SideFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sha256: str
    fit: str
    progress: Progress


class Checkpoints(Protocol):
    """Where a fit goes on from, and what it leaves after each epoch."""

    def save(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Keep a state."""

    def latest(self) -> tuple[dict[str, Tensor], Progress] | None:
        """The newest state, or None."""


class NoCheckpoints:
    """For fits so short that one is simply made again."""

    def save(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Keep nothing."""

    def latest(self) -> tuple[dict[str, Tensor], Progress] | None:
        """None."""
        return None


@dataclass(frozen=True)
class OnlyRead:
    """The states that another process keeps."""

    kept: Checkpoints

    def save(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Keep nothing."""

    def latest(self) -> tuple[dict[str, Tensor], Progress] | None:
        """The newest state, or None."""
        return self.kept.latest()


@dataclass(frozen=True)
class CheckpointFolder:
    """Where a fit keeps its two generations. `fit` names the fit: a state of another recipe or fold is never taken."""

    folder: Path
    fit: str

    def save(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Write the older generation anew."""
        generation = progress.epochs_done % 2
        path = self._tensors(generation)
        contiguous = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
        size = sum(value.numel() * value.element_size() for value in contiguous.values())
        self._side(generation).unlink(missing_ok=True)
        with replacing(path, bytes_needed=size) as temporary:
            save_file(contiguous, temporary)
        side = _SideFile(sha256=sha256_of_file(path), fit=self.fit, progress=progress)
        write_atomically(self._side(generation), side.model_dump_json())

    def latest(self) -> tuple[dict[str, Tensor], Progress] | None:
        """The newest generation whose hash holds, or None; a damaged one is told and passed over."""
        found: list[tuple[Progress, Path]] = []
        for generation in (0, 1):
            side = self._read_side(generation)
            if side is None or side.fit != self.fit:
                continue
            path = self._tensors(generation)
            if not path.is_file() or sha256_of_file(path) != side.sha256:
                say(f"Checkpoint of epoch {side.progress.epochs_done} is damaged; an earlier state is used.")
                continue
            found.append((side.progress, path))
        if not found:
            return None
        progress, path = max(found, key=lambda item: item[0].epochs_done)
        return load_file(path), progress

    def clear(self) -> None:
        """Remove both generations: the fit is finished and its result stored elsewhere."""
        for generation in (0, 1):
            self._side(generation).unlink(missing_ok=True)
            self._tensors(generation).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _tensors(self, generation: int) -> Path:
        return self.folder / f"state-{generation}.safetensors"

    def _side(self, generation: int) -> Path:
        return self.folder / f"state-{generation}.json"

    def _read_side(self, generation: int) -> _SideFile | None:
        try:
            return _SideFile.model_validate(json.loads(self._side(generation).read_bytes()))
        except (FileNotFoundError, json.JSONDecodeError, ValidationError):
            return None


def optimiser_tensors(optimiser: torch.optim.Optimizer, names: tuple[str, ...]) -> dict[str, Tensor]:
    """An optimiser's state as named tensors; `names` are the parameters' in the order the optimiser holds them."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    return {
        f"{name}|{key}": value
        for name, parameter in zip(names, parameters, strict=True)
        for key, value in optimiser.state[parameter].items()
        if isinstance(value, Tensor)
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, names: tuple[str, ...], tensors: dict[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` took."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    by_name: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        parameter, key = name.split("|")
        by_name.setdefault(parameter, {})[key] = value
    for name, parameter in zip(names, parameters, strict=True):
        if name in by_name:  # the step counter stays on the CPU, as AdamW keeps it; the rest lies as its parameter lies
            optimiser.state[parameter] = {
                key: value if key == "step" else torch.empty_like(parameter).copy_(value)
                for key, value in by_name[name].items()
            }
