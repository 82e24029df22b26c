"""Reading weight files that others wrote, as data: never as code.

In: a file as safetensors or PyTorch writes it, whatever its ending. Out: what it holds, tables of tensors by name
among them; objects of classes are read past (`inert_objects`).
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

from medtl.encoders.file_kinds import other_kind
from medtl.encoders.inert_objects import Inert, PlainDictionary, names_in, refused_names
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import sha256_of

if TYPE_CHECKING:
    import torch

LARGEST_FILE_BYTES: Final = 1 << 30
"""1 GiB. The largest network here takes 185 MB; a file five times as large is not one of them."""

SUFFIXES: Final = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".tar", ".torch", ".model")
"""Endings that weights have (`.pth.tar` too); which format a file is in, its bytes tell."""

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

NUMPY: Final = ("numpy.", "_codecs.")
DEFAULT_DICTIONARY: Final = "collections.defaultdict"
NAMES_SHOWN: Final = 3

LONGEST_STATEMENT: Final = 300
"""Characters kept of a licence or source that the file states about itself."""

HEADER_LENGTH_BYTES: Final = 8
"""A safetensors file starts with the length of its JSON header as an unsigned 64-bit little-endian number."""


@dataclass(frozen=True)
class ForeignFile:
    """The content of a weights file, its own statements, and the hash of its bytes.

    `content` is a mapping of names to tensors, or of other things with such mappings among them.
    """

    content: Mapping[object, object]
    licence: str | None
    source: str | None
    sha256: str


def read_foreign(path: Path) -> ForeignFile:
    """Read a file of weights.

    Nothing in the file is ever executed.

    Raises:
        ConfigurationError: there is no such file.
        IntegrityFailure: another ending, a file that is something else (named), more than 1 GiB, damage, or a pickle
            that names functions, which could run code.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}; expected a file of weights ({', '.join(SUFFIXES)}).")
    if path.suffix not in SUFFIXES:
        raise refused(path, f"its ending is {path.suffix or 'missing'}; expected one of {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise refused(path, f"it has {size:,} bytes; expected at most {LARGEST_FILE_BYTES:,}")
    data = path.read_bytes()
    kind = None if _is_safetensors(data) else other_kind(data)
    if kind is not None:
        what, advice = kind
        raise IntegrityFailure(
            f"{path.name} is refused: {what}. Nothing in it was executed and nothing was stored. {advice}.",
            file=path.name,
        )
    statements: dict[str, str] = {}
    content: object
    if _is_safetensors(data) or path.suffix == ".safetensors":
        content, statements = _safetensors(path, data), _statements(data)
    else:
        content = _torch_content(path, data)
    if not isinstance(content, Mapping):
        raise refused(
            path,
            "it holds a whole network or another object as code, not its weights; load it where it was made and save "
            "net.state_dict()"
            if isinstance(content, Inert)
            else f"it holds a {type(content).__name__}; expected a state dict, that is tensors by name",
        )
    return ForeignFile(content, statements.get("license"), statements.get("source"), sha256_of(data))


def refused(path: Path, why: str) -> IntegrityFailure:
    """The message for a file of weights that is not taken."""
    return IntegrityFailure(
        f"{path.name} is refused: {why}. Nothing in it was executed and nothing was stored. "
        "Get the weights as a .safetensors file, or as a .pt file that holds a state dict of tensors only.",
        file=path.name,
    )


def _is_safetensors(data: bytes) -> bool:
    """A header length that fits into the file, and a JSON object behind it; no PyTorch file begins so."""
    length = int.from_bytes(data[:HEADER_LENGTH_BYTES], "little")
    return data[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + 1] == b"{" and length < len(data)


def _safetensors(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise refused(path, f"it is not a whole safetensors file ({error})") from error


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


def _torch_content(path: Path, data: bytes) -> object:
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            _refuse_other_archives(path, data)
        names = names_in(data)
    except (
        ValueError,
        LookupError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise refused(path, f"it is not a whole PyTorch file ({type(error).__name__})") from error
    suspicious = refused_names(names)
    if suspicious:
        raise refused(
            path,
            f"it holds pickled objects, which can run code: it names {', '.join(suspicious[:NAMES_SHOWN])}; "
            "expected only tensors",
        )
    try:
        try:
            return _read_past(data, names, stand_in=Inert)
        except UnpicklingError:  # PyTorch's reader fills no objects as it fills dictionaries
            return _read_past(data, names, stand_in=PlainDictionary)
    except UnpicklingError as error:
        raise refused(
            path, "it holds pickled objects, which can run code, or is damaged; expected only tensors"
        ) from error
    except DAMAGE as error:
        raise refused(path, f"it is not a whole PyTorch file ({type(error).__name__})") from error


def _refuse_other_archives(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        names = archive.namelist()
    if unpacked > LARGEST_FILE_BYTES:
        raise refused(path, f"it unpacks to {unpacked:,} bytes; expected at most {LARGEST_FILE_BYTES:,}")
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise refused(
            path, "it is a TorchScript program, which is code; load it where it was made, and save its state dict"
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise refused(path, f"it is a zip archive of {len(names)} other files; unpack it and give the file of weights")


def _read_past(data: bytes, names: tuple[str, ...], *, stand_in: Callable[..., object]) -> object:
    """The content, with a stand-in for every class that PyTorch's restricted reader does not know itself."""
    import torch

    stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        (PlainDictionary if name == DEFAULT_DICTIONARY else Inert if name.startswith(NUMPY) else stand_in, name)
        for name in names
    ]
    with torch.serialization.safe_globals(stand_ins):
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def dtype_of(tensor: torch.Tensor) -> str:
    """The kind of number in a tensor, such as `float16`."""
    return str(tensor.dtype).removeprefix("torch.")
