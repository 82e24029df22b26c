"""Checks at every call that arrays have the shapes and kinds of number which the signatures of `medtl` state.

An import hook: each room's functions and methods whose annotations name an array of jaxtyping are wrapped once the room
has been imported, so that names which only type checkers import are known as well. beartype judges the values;
annotations without an array are left to mypy. Dimensions of one name must be equal within a call.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

ARRAY = re.compile(r"\b(?:Float|UInt|Int|Integer|Bool|Num|Real|Shaped|Complex)(?:8|16|32|64|128)?\[")
PACKAGE = "medtl"


def install() -> None:
    """Check every room of the package that is imported from now on."""
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: Any) -> None:
        super().exec_module(module)
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value):
                setattr(module, name, checked(value, vars(module)))
            elif inspect.isclass(value):
                _check_methods(value, vars(module))


def _check_methods(owner: type, names: dict[str, Any]) -> None:
    for name, value in list(vars(owner).items()):
        if name == "__init__" and "__post_init__" in vars(owner):
            continue  # the class refuses what does not fit in its own words
        if inspect.isfunction(value):
            new: Any = checked(value, names)
        elif isinstance(value, classmethod | staticmethod):
            new = type(value)(checked(value.__func__, names))
        elif isinstance(value, property) and value.fget is not None:
            new = property(checked(value.fget, names), value.fset, value.fdel, value.__doc__)
        else:
            continue
        setattr(owner, name, new)


def checked(function: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    """The function, checked where its annotations name arrays; any other as it is."""
    stated = {
        name: text
        for name, text in getattr(function, "__annotations__", {}).items()
        if isinstance(text, str) and ARRAY.search(text) and not (name == "return" and _yields(function))
    }
    if not stated:
        return function
    from beartype import BeartypeConf, beartype
    from jaxtyping import jaxtyped

    known = _for_type_checkers_only() | names
    function.__annotations__ = {name: eval(text, known) for name, text in stated.items()}
    return jaxtyped(function, typechecker=beartype(conf=BeartypeConf(is_pep484_tower=True)))


def _yields(function: Callable[..., Any]) -> bool:
    inner = inspect.unwrap(function)
    return inspect.isgeneratorfunction(inner)


def _for_type_checkers_only() -> dict[str, Any]:
    import jaxtyping
    import numpy as np
    import torch

    arrays = {name: value for name, value in vars(jaxtyping).items() if ARRAY.match(f"{name}[")}
    return {"np": np, "torch": torch, "Tensor": torch.Tensor, **arrays}
