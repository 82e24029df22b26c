"""A JSON or YAML file of the run folder as one frozen value: written by its model, read back by the same model.

In: a model and a path. Out: the value, or an error that names the file and the field. Text that a page will show loses
the folders of absolute paths, so that no page tells where somebody keeps their patients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import write_json
from medtl.yaml_values import values_in

LONGEST_YAML_BYTES = 1_000_000
"""A study is a page of text; a larger file is not one, and YAML aliases can grow without limit."""

FOLDERS_OF_A_PATH = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:[\\/]|~?/|\\\\)(?=\S)(?:[^'\"<>|,;:()\\/\n]+[\\/])+")
"""The folders of an absolute path inside a text: `/a/b/` of `/a/b/c.png`, but not of `https://a/b`."""

MAKE_ANEW = "Restore it, or run again with --resume."
"""What to do about a file that the run can write once more."""

ONLY_ONCE = "Restore it from a backup; a seal or an opening cannot be made anew."
"""What to do about a file that tells what was known before a test was opened."""

Model = TypeVar("Model", bound=BaseModel)
Count = Annotated[int, Field(ge=0)]


def without_folders(text: str) -> str:
    """The text with every absolute path cut down to its last name."""
    return FOLDERS_OF_A_PATH.sub("", text)


Text = Annotated[str, AfterValidator(without_folders)]
"""Text that pages show: it holds no absolute path."""


class Frozen(BaseModel):
    """What one file holds: every key is known, every number is finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def write_typed(path: Path, value: BaseModel) -> None:
    """Write a value as JSON that `read_typed` reads back to the same value."""
    write_json(path, value.model_dump(mode="json"))


def read_typed(path: Path, model: type[Model], *, what: str, advice: str = MAKE_ANEW) -> Model:
    """The value in a JSON file; `what` and `advice` end the sentences of a refusal: "the file does not say ...".

    Raises:
        ConfigurationError: there is no such file.
        IntegrityFailure: the file is broken, or is not what medtl wrote.
    """
    return typed(read_mapping(path, advice=advice), model, path=path, what=what, advice=advice)


def typed(values: Mapping[str, object], model: type[Model], *, path: Path, what: str, advice: str = MAKE_ANEW) -> Model:
    """The values of a file as its model; a refusal names the file and the first wrong field.

    Args:
        values: What the file holds.
        model: Of the file.
        path: Of the file; its name and that of its folder are named.
        what: Ends the sentence "the file does not say ...".
        advice: What to do about a file that was changed.

    Raises:
        IntegrityFailure: the file was changed, or was written by an earlier medtl with other fields.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise IntegrityFailure(
                f"{path.name} in {path.parent.name} lacks {field}: an earlier medtl wrote it, which environment.json "
                f"names, or it was changed afterwards. {advice}",
                file=path.name,
                field=field,
            ) from error
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} does not say {what} ({f'{field}: ' if field else ''}"
            f"{first['msg'].removeprefix('Value error, ')}): it was changed after the run wrote it. {advice}",
            file=path.name,
            field=field,
        ) from error


def read_mapping(path: Path, *, advice: str = MAKE_ANEW) -> Mapping[str, object]:
    """The named values in a `.json` or `.yaml` file.

    Raises:
        ConfigurationError: there is no such file.
        IntegrityFailure: the file is broken, or holds something else.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"{path.name} is missing in {path.parent.name}: a run folder holds one. "
            "Was this folder made by medtl run? If it was copied, copy it whole.",
            file=path.name,
        )
    data = path.read_bytes()
    try:
        value = json.loads(data) if path.suffix == ".json" else _read_yaml(data, path, advice=advice)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} cannot be read ({type(error).__name__}): it was changed or cut off "
            f"after the run wrote it. {advice}",
            file=path.name,
        ) from error
    if not isinstance(value, dict):
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} holds a {type(value).__name__}, expected named values. {advice}",
            file=path.name,
        )
    return value


def _read_yaml(data: bytes, path: Path, *, advice: str) -> object:
    if len(data) > LONGEST_YAML_BYTES:
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} has {len(data):,} bytes; at most {LONGEST_YAML_BYTES:,} are read. "
            f"{advice}",
            file=path.name,
        )
    return values_in(data.decode("utf-8-sig"))


def text_of(value: object) -> str:
    """A plain value as it is written on a page: lists joined, numbers short, folders of absolute paths cut."""
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
    return without_folders(str(value))


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
