"""`medtl run` as one of several processes that torchrun started, which train inside of a fold together.

In: the environment that torchrun gives to each process. Out: which of them this one is, and where it computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from medtl.errors import ConfigurationError, Interrupted

if TYPE_CHECKING:
    from medtl.study.settings import Study
    from medtl.training import Ranks


def is_one_of_several() -> bool:
    """Whether torchrun started this process beside others."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def device_of_rank(device: str) -> str:
    """The device of this process: a GPU each where there are GPUs, by the number of the process on its machine.

    Raises:
        ConfigurationError: one GPU is named, and every process needs its own.
    """
    if device.startswith("cuda:") and os.environ["RANK"] != "0":
        raise typer.Exit(ConfigurationError.exit_code)  # the first process says why
    if device.startswith("cuda:"):
        raise ConfigurationError(
            f"--device is {device}, and torchrun gives a GPU to each process: leave it out, or give --device cuda."
        )
    import torch

    has_gpus = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if has_gpus else "cpu"


def refuse_sharing_twice(*, processes: int | None, gpus: str | None, prepare_only: bool) -> None:
    """Nothing, if the processes of torchrun are the only ones and there is something to train.

    Raises:
        ConfigurationError: workers of medtl's own are wanted too, or nothing is to be trained.
    """
    if processes is not None or gpus is not None:
        option = "--processes" if gpus is None else "--gpus"
        raise ConfigurationError(
            f"torchrun shares each fit among its processes, and {option} gives whole folds to workers: use one of the "
            f"two, torchrun without {option}, or medtl run {option} without torchrun."
        )
    if prepare_only:
        raise ConfigurationError(
            "--prepare-only trains nothing, so that torchrun has nothing to share: run it with one process, without "
            "torchrun."
        )


def refuse_untrained(study: Study) -> None:
    """Nothing, if a study trains a network inside of its folds.

    Raises:
        ConfigurationError: it fits models on frozen features alone.
    """
    if not study.adaptation.trained:
        raise ConfigurationError(
            f"The study trains no network inside of a fold (policies: {', '.join(study.adaptation.policy)}), so that "
            "torchrun has nothing to share: run it with one process, without torchrun."
        )


@contextmanager
def met_ranks(device: str) -> Iterator[tuple[Ranks, str]]:
    """The processes that torchrun started, once all have met, and the device of this one.

    Another one that ends with an error has said why: this one ends with the same exit code, without a word.
    """
    from medtl.training import Ranks, choose_device
    from medtl.training.meeting import RankEnded, meeting_of

    own = device_of_rank(device)
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    try:
        with meeting_of(
            rank=rank, world=world, address=os.environ["MASTER_ADDR"], device=choose_device(own)
        ) as meeting:
            yield Ranks(rank, world, meeting), own
    except RankEnded as error:
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        if rank == 0:
            raise
        raise typer.Exit(Interrupted.exit_code) from None
