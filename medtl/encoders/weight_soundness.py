"""Whether tensors can be the weights of a trained network: finite numbers, no dead kernels, no negative variances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from medtl.encoders.account import COUNTER
from medtl.encoders.foreign_file import LARGEST_FILE_BYTES, dtype_of

if TYPE_CHECKING:
    import torch

WEIGHT_DTYPES: Final = ("float16", "bfloat16", "float32", "float64")
VARIANCE: Final = "running_var"


def fault_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """The first thing that is wrong, as the end of `it is refused: …`; empty when the tensors are sound.

    Refused: sparse, quantised or hollow tensors, integers where weights belong, NaN and infinity, kernels that are 0
    throughout, and running variances below 0. Counters of batch normalisation may be of any kind of number.
    """
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > LARGEST_FILE_BYTES:
        return f"its tensors claim {claimed:,} bytes; expected at most {LARGEST_FILE_BYTES:,}"
    return next((fault for name, tensor in tensors.items() if (fault := _fault(name, tensor))), "")


def _fault(name: str, tensor: torch.Tensor) -> str:
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        return f"the tensor {name} is sparse, quantised or without numbers; expected plain numbers"
    if name.endswith(COUNTER):
        return ""
    dtype = dtype_of(tensor)
    if dtype not in WEIGHT_DTYPES:
        return f"the tensor {name} holds {dtype}; expected {' or '.join(WEIGHT_DTYPES)}"
    if not bool(torch.isfinite(tensor).all()):
        return f"the tensor {name} holds NaN or infinity; expected finite weights"
    if tensor.ndim > 2 and not bool(tensor.any()):
        return f"the kernel {name} is 0 throughout; expected the weights of a trained network"
    if name.endswith(VARIANCE) and bool((tensor < 0).any()):
        return f"the running variance {name} is negative; a variance cannot be"
    return ""


def with_plain_counters(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors with counters as single whole numbers; one that half precision has overflowed becomes 0."""
    import torch

    return {
        name: torch.nan_to_num(tensor.double(), posinf=0.0, neginf=0.0).reshape(()).to(torch.int64)
        if name.endswith(COUNTER) and tensor.numel() == 1
        else tensor
        for name, tensor in tensors.items()
    }
