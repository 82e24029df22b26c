"""JSON and YAML from a run folder as plain data, read with a letter when they are absent or broken.

In: a file of the run folder. Out: a mapping of plain values; text that names a place on a disk loses its folders, so
that no page tells where somebody keeps their patients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.yaml_values import values_in

LONGEST_YAML_BYTES = 1_000_000
"""A study is a page of text; a larger file is not one, and YAML aliases can grow without limit."""

PLACE_ON_DISK = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:[\\/]|~?/|\\\\)(?=\S)(?:[^'\"<>|,;:()\\/\n]+[\\/])+")
"""The folders of an absolute path inside a text: `/a/b/` of `/a/b/c.png`, but not of `https://a/b`."""


def read_mapping(path: Path) -> Mapping[str, object]:
    """The mapping in a `.json` or `.yaml` file; refuses by name a file that is missing, broken or no mapping."""
    if not path.is_file():
        raise ConfigurationError(
            f"{path.name} is missing in {path.parent.name}: a run folder holds one. "
            "Was this folder made by medtl run? If it was copied, copy it whole.",
            file=path.name,
        )
    data = path.read_bytes()
    try:
        value = json.loads(data) if path.suffix == ".json" else _read_yaml(data, path)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} cannot be read ({type(error).__name__}): it was changed or cut off "
            "after the run wrote it. Restore it, or run again with --resume.",
            file=path.name,
        ) from error
    if not isinstance(value, dict):
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} holds a {type(value).__name__}, expected named values. "
            "Restore it, or run again with --resume.",
            file=path.name,
        )
    return value


def _read_yaml(data: bytes, path: Path) -> object:
    if len(data) > LONGEST_YAML_BYTES:
        raise ValueError(f"{path.name} has {len(data):,} bytes")
    return values_in(data.decode("utf-8-sig"))


def without_places(text: str) -> str:
    """The text with every absolute path cut down to its last name."""
    return PLACE_ON_DISK.sub("", text)


def inside(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The mapping under a key, empty when there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def text_of(value: object) -> str:
    """A plain value as it is written on a page: lists joined, numbers short, places on a disk cut."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(text_of(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {text_of(item)}" for key, item in value.items())
    return without_places(str(value))


def flattened(value: Mapping[str, object], *, before: str = "") -> tuple[tuple[str, str], ...]:
    """Nested named values as pairs of a dotted name and a text."""
    pairs: list[tuple[str, str]] = []
    for key, item in value.items():
        name = f"{before}{key}"
        if isinstance(item, dict) and item:
            pairs.extend(flattened(item, before=f"{name}."))
        else:
            pairs.append((name, text_of(item)))
    return tuple(pairs)
