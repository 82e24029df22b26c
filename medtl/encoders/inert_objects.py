"""Stand-ins for the objects that checkpoints hold beside their tensors: read past, never made.

A checkpoint often keeps an argparse.Namespace, numpy scalars, a configuration or a scheduler. PyTorch's restricted
reader stops at each. Here it gets an inert stand-in for every class that the file names, so that the tensors can be
read and nothing of the file is imported or called. A file that names a function of Python's own library, which is how
a pickle runs code, is refused all the same.
"""

from __future__ import annotations

import io
import pickletools
import sys
import zipfile
from collections import OrderedDict
from typing import Final

HARMLESS: Final = frozenset(
    {
        "argparse.Namespace", "collections.OrderedDict", "collections.defaultdict", "collections.Counter",
        "collections.deque", "types.SimpleNamespace", "datetime.datetime", "datetime.date", "datetime.timedelta",
        "decimal.Decimal", "fractions.Fraction", "uuid.UUID", "_codecs.encode", "copyreg._reconstructor",
    }
)  # fmt: skip
"""Data holders of Python's own library, by the names that pickles have for them."""

HARMLESS_MODULES: Final = frozenset({"pathlib"})
HARMLESS_BUILTINS: Final = frozenset(
    {"set", "frozenset", "slice", "complex", "bytearray", "range", "object", "int", "float", "str", "bool", "bytes",
     "list", "dict", "tuple"}
)  # fmt: skip
BUILTINS: Final = "builtins"
PYTHON_2: Final = frozenset({"commands", "os", "posix", "nt", "sys"})
"""Modules that Python 3's own list of its library does not name."""

TODAYS_MODULES: Final = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""What Python 2 called them, which is how PyTorch's pickles still do; its reader looks them up by today's names."""

PICKLES_BEFORE_THE_STORAGES: Final = 5
"""In PyTorch's old format: magic number, protocol, system, the object, the keys of the storages."""


class Inert:
    """Takes what an object would be made of, and keeps nothing."""

    def __new__(cls, *_args: object, **_named: object) -> Inert:
        """An inert object, whatever it is made from."""
        return object.__new__(cls)

    def __init__(self, *_args: object, **_named: object) -> None: ...

    def __setstate__(self, _state: object) -> None: ...


class PlainDictionary:
    """Becomes an empty dictionary instead of one with a class of its own; PyTorch's reader fills no other."""

    def __new__(cls, *_args: object, **_named: object) -> OrderedDict[object, object]:  # type: ignore[misc]
        """An empty dictionary, whatever it is made from."""
        return OrderedDict()


def names_in(data: bytes) -> tuple[str, ...]:
    """Every `module.name` that a PyTorch file refers to, in order; nothing is imported.

    Raises:
        ValueError: the pickle in it is damaged.
    """
    streams = []
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            streams = [io.BytesIO(archive.read(name)) for name in archive.namelist() if name.endswith("data.pkl")]
        pickles = 1
    else:
        streams, pickles = [io.BytesIO(data)], PICKLES_BEFORE_THE_STORAGES
    names: dict[str, None] = {}
    for stream in streams:
        for _ in range(pickles):
            for operation, argument, _position in pickletools.genops(stream):
                if operation.name == "GLOBAL":
                    module, _, name = str(argument).partition(" ")
                    names[f"{TODAYS_MODULES.get(module, module)}.{name}"] = None
    return tuple(names)


def refused_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of Python's own library that are no data holders: what a pickle would run code with."""
    return tuple(name for name in names if not _is_harmless(name))


def _is_harmless(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module == BUILTINS:
        return last in HARMLESS_BUILTINS
    top = module.partition(".")[0] or name
    if top in sys.stdlib_module_names or top in PYTHON_2:
        return name in HARMLESS or module in HARMLESS_MODULES
    return True
