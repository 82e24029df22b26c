"""A GPU that others use too: the emptiest of several, and waiting until there is room.

In: a CUDA device. Out: where to work, and when. A GPU that Slurm gives is nobody else's, and nothing here waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import torch

from medtl.errors import ConfigurationError
from medtl.progress import say

VARIABLE = "MEDTL_GPU_WAIT_MINUTES"
DEFAULT_MINUTES = 60.0
"""After that a run goes on with smaller micro-batches."""

SECONDS_BETWEEN = 30.0
"""Two looks at a GPU that is waited for."""

OWN_OVERHEAD = 10**9
"""Bytes that a process with its libraries takes on a GPU beside its tensors, at most."""

FREE_OF_EACH = "import torch; print(*(torch.cuda.mem_get_info(n)[0] for n in range(torch.cuda.device_count())))"
"""Asked in a process of its own: looking takes some memory on every GPU for as long as the process lives."""

GB = 10**9


def emptiest_gpu() -> torch.device:
    """Of several GPUs the one with the most free memory; the first where there is one, or where none can be asked."""
    if torch.cuda.device_count() < 2:
        return torch.device("cuda")
    answer = subprocess.run([sys.executable, "-c", FREE_OF_EACH], capture_output=True, text=True, check=False)
    free = [int(word) for word in answer.stdout.split() if word.isdecimal()]
    best = max(range(len(free)), key=lambda number: free[number], default=0)
    if best:
        say(f"cuda:{best} is taken, with {free[best] / GB:.1f} GB the GPU with the most free memory.")
        return torch.device("cuda", best)
    return torch.device("cuda")


def minutes_to_wait() -> float:
    """How long a run waits for a GPU that others use.

    Raises:
        ConfigurationError: MEDTL_GPU_WAIT_MINUTES is no number of minutes.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        minutes = float(given) if given else DEFAULT_MINUTES
    except ValueError:
        minutes = -1.0
    if not 0.0 <= minutes < float("inf"):
        raise ConfigurationError(f"{VARIABLE} is a number of minutes, 0 or more; got {given!r}.")
    return minutes


class SharedGpu:
    """Room on a GPU that is waited for, once for all that a run asks."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.until = time.monotonic() + 60.0 * minutes_to_wait()
        self.is_announced = False

    def is_worth_waiting(self) -> bool:
        """Whether others hold memory and the time is not over; waits a little if so, and says it once.

        Never on the processor.
        """
        if self.device.type != "cuda":
            return False
        torch.cuda.empty_cache()
        free, total = torch.cuda.mem_get_info(self.device)
        others = total - free - torch.cuda.memory_reserved(self.device) - OWN_OVERHEAD
        if others <= 0 or time.monotonic() >= self.until:
            return False
        if not self.is_announced:
            self.is_announced = True
            say(
                f"{self.device} has {free / GB:.1f} of {total / GB:.1f} GB free, since others use it, and a batch of "
                f"this study does not fit: waiting for up to {minutes_to_wait():g} minutes ({VARIABLE}). Interrupt to "
                "choose another GPU with --device cuda:1, or a smaller recipe.micro_batch_size."
            )
        time.sleep(min(SECONDS_BETWEEN, max(0.0, self.until - time.monotonic())))
        return True
