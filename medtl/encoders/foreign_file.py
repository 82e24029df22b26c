"""Reading weight files that others wrote, as data: never as code.

In: a .safetensors, .pt or .pth file. Out: its tensors, checked one by one. A file that holds anything else is refused.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Final

from medtl.encoders.key_maps import COUNTER
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import sha256_of

if TYPE_CHECKING:
    import torch

LARGEST_FILE_BYTES: Final = 1 << 30
"""1 GiB. The largest network here takes 185 MB; a file five times as large is not one of them."""

TORCH_SUFFIXES: Final = (".pt", ".pth")
SAFETENSORS_SUFFIX: Final = ".safetensors"
WRAPPERS: Final = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the state dict, beside epoch numbers and optimisers."""

WEIGHT_DTYPES: Final = ("float16", "bfloat16", "float32", "float64")
COUNTER_DTYPES: Final = ("int64", "int32")
DAMAGE: Final = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ImportError,
    OSError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What torch.load raises, as seen with cut and mutated files, besides UnpicklingError."""

LONGEST_STATEMENT: Final = 300
"""Characters kept of a licence or source that the file states about itself."""

HEADER_LENGTH_BYTES: Final = 8
"""A safetensors file starts with the length of its JSON header as an unsigned 64-bit little-endian number."""


@dataclass(frozen=True)
class ForeignFile:
    """The tensors of a file by their own names, what the file states about itself, and the hash of its bytes."""

    tensors: Mapping[str, torch.Tensor]
    licence: str | None
    source: str | None
    sha256: str


def read_foreign(path: Path) -> ForeignFile:
    """Read a file of weights.

    Refuses (IntegrityFailure): anything but tensors, pickled code, other endings, sizes over 1 GiB, damage, sparse or
    quantised tensors, integers where weights belong, NaN and infinity. Nothing in the file is ever executed.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}; expected a .safetensors, .pt or .pth file with weights.")
    if path.suffix not in (SAFETENSORS_SUFFIX, *TORCH_SUFFIXES):
        raise _refused(path, f"its ending is {path.suffix or 'missing'}; expected .safetensors, .pt or .pth")
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise _refused(path, f"it has {size:,} bytes; expected at most {LARGEST_FILE_BYTES:,}")
    if path.suffix == SAFETENSORS_SUFFIX:
        data = path.read_bytes()
        tensors, statements = _safetensors(path, data), _statements(data)
        digest = sha256_of(data)
    else:
        tensors, digest = _torch_file(path)
        statements = {}
    _check(path, tensors)
    return ForeignFile(tensors, statements.get("license"), statements.get("source"), digest)


def _refused(path: Path, why: str) -> IntegrityFailure:
    return IntegrityFailure(
        f"{path.name} is refused: {why}. Nothing in it was executed and nothing was stored. "
        "Get the weights as a .safetensors file, or as a .pt file that holds a state dict of tensors only.",
        file=path.name,
    )


def _safetensors(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _refused(path, f"it is not a whole safetensors file ({error})") from error


def _statements(data: bytes) -> dict[str, str]:
    """Licence and source in a header that safetensors has accepted; cut short, in printable characters."""
    length = int.from_bytes(data[:HEADER_LENGTH_BYTES], "little")
    header = json.loads(data[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + length])
    stated = header.get("__metadata__") or {}
    return {
        key: "".join(c if c.isprintable() else " " for c in str(stated[key]))[:LONGEST_STATEMENT]
        for key in ("license", "source")
        if stated.get(key)
    }


def _torch_file(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    import io

    import torch

    data = path.read_bytes()
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > LARGEST_FILE_BYTES:
                raise _refused(path, f"it unpacks to {unpacked:,} bytes; expected at most {LARGEST_FILE_BYTES:,}")
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise _refused(
            path, "it holds pickled objects, which can run code, or is damaged; expected only tensors"
        ) from error
    except DAMAGE as error:
        raise _refused(path, f"it is not a whole PyTorch file ({type(error).__name__})") from error
    return _state_dict(path, content), sha256_of(data)


def _state_dict(path: Path, content: object) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(content, Mapping):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content:
        raise _refused(path, f"it holds {_kind(content)}; expected a state dict, that is names and tensors")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise _refused(path, f"its entry {str(key)[:80]!r} is {_kind(value)}; expected only tensors under names")
    return dict(content)


def _kind(value: object) -> str:
    return "empty" if isinstance(value, Mapping) and not value else f"a {type(value).__name__}"


def _check(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    import torch

    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > LARGEST_FILE_BYTES:
        raise _refused(path, f"its tensors claim {claimed:,} bytes; expected at most {LARGEST_FILE_BYTES:,}")
    for key, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise _refused(path, f"the tensor {key} is sparse, quantised or without numbers; expected plain numbers")
        dtype = dtype_of(tensor)
        allowed = COUNTER_DTYPES if key.endswith(COUNTER) else WEIGHT_DTYPES
        if dtype not in allowed:
            raise _refused(path, f"the tensor {key} holds {dtype}; expected {' or '.join(allowed)}")
        if not bool(torch.isfinite(tensor).all()):
            raise _refused(path, f"the tensor {key} holds NaN or infinity; expected finite weights")


def dtype_of(tensor: torch.Tensor) -> str:
    """The kind of number in a tensor, such as `float16`."""
    return str(tensor.dtype).removeprefix("torch.")
