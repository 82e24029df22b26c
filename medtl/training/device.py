"""Where the arithmetic happens: the processor or a CUDA device, and how exactly it is repeated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from medtl.close_names import did_you_mean
from medtl.errors import ConfigurationError
from medtl.training.shared_gpu import emptiest_gpu

DEVICES = ("auto", "cpu", "cuda")
ALSO_CALLED = {"gpu": "cuda", "nvidia": "cuda", "processor": "cpu"}
"""What people call them."""


def choose_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is some, and of several GPUs the emptiest, as `cuda` does.

    Asking for CUDA where there is none, or for a GPU too many, is refused.
    """
    kind, _, number = name.partition(":")
    if name not in ("auto", "cpu", "cuda") and not (kind == "cuda" and number.isdecimal()):
        hint = did_you_mean(kind, DEVICES, before=" ", also_called=ALSO_CALLED)
        raise ConfigurationError(
            f"--device is auto, cpu, cuda or a GPU by its number, such as cuda:1; got {name!r}.{hint}"
        )
    available = torch.cuda.is_available()
    if number and available and int(number) >= torch.cuda.device_count():
        raise ConfigurationError(
            f"--device {name} was asked for, and torch sees {torch.cuda.device_count()} GPUs, counted from cuda:0."
        )
    if kind == "cuda" and not available:
        raise ConfigurationError(
            f"--device {name} was asked for, but torch sees no CUDA device. Run medtl doctor to see what is missing, "
            "or use --device auto."
        )
    if number:
        return torch.device(name)
    return emptiest_gpu() if available and name != "cpu" else torch.device("cpu")


def lower_precision(device: torch.device, *, wanted: bool) -> torch.dtype | None:
    """The dtype for mixed precision: bfloat16 where the device has it, else float16, and none on the CPU."""
    if device.type != "cuda" or not wanted:
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[object]:
    """Mixed precision for the block, or nothing."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


@contextmanager
def repeatable(device: torch.device, *, wanted: bool) -> Iterator[None]:
    """The same bits every time on CUDA, for the block; what was set before is given back.

    Nets here pool by `mean`, which has a deterministic gradient; AdaptiveAvgPool has none on CUDA.
    """
    if device.type != "cuda" or not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
    )
    try:
        torch.use_deterministic_algorithms(mode=True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        yield
    finally:
        torch.use_deterministic_algorithms(mode=before[0])
        torch.backends.cudnn.benchmark = before[1]
        torch.backends.cudnn.allow_tf32 = before[2]
        torch.backends.cuda.matmul.allow_tf32 = before[3]
