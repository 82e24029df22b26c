"""A JSON schema of study.yaml, by which editors complete keys and underline what medtl would refuse.

In: nothing. Out: the schema (draft 2020-12) of `Study`, wider where a study file may be shorter than what it stands
for: one policy instead of a list, a threshold rule as one word, names of the manifest that are numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from medtl.errors import ConfigurationError
from medtl.files import write_atomically
from medtl.study.settings import NAMES_IN_A_MANIFEST, Study

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FILE: Final = "study.schema.json"
LANGUAGE_SERVER: Final = "# yaml-language-server: $schema="
"""How a line begins that tells an editor which schema a YAML file has (redhat.vscode-yaml and others)."""

OWN: Final = "medtl init --schema: the settings of a study"
ONE_OR_SEVERAL: Final = (("AdaptationSettings", "policy"), ("VolumeSettings", "planes"))
"""Lists that a study file may give as one word."""

PLAIN: Final = ["string", "number", "boolean"]
"""What a name in a manifest looks like in YAML."""


def study_schema() -> dict[str, Any]:
    """The schema as plain values."""
    schema = Study.model_json_schema(mode="validation")
    parts = schema["$defs"]
    for model, field in ONE_OR_SEVERAL:
        own = parts[model]["properties"][field]
        kept = {key: own.pop(key) for key in ("description", "default", "title") if key in own}
        parts[model]["properties"][field] = {**kept, "anyOf": [own["items"], own]}
    rule = parts["ThresholdRule"]
    parts["ThresholdRule"] = {
        "description": "youden, sensitivity=0.9, specificity=0.95, cost_ratio=10, or a threshold such as 0.5.",
        "anyOf": [
            {"type": "string", "pattern": r"^(youden|(sensitivity|specificity|cost_ratio)=[0-9.eE+-]+|[0-9.]+)$"},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            rule,
        ],
    }
    for part in (schema, *parts.values()):
        for name, field in part.get("properties", {}).items():
            if name in NAMES_IN_A_MANIFEST:
                _widen(field)
    return {"$schema": DIALECT, "$comment": OWN, **schema}


def _widen(field: dict[str, Any]) -> None:
    """Let a name of the manifest be written as a number or a truth value."""
    if field.get("type") == "string":
        field["type"] = PLAIN
    for below in (field.get("items"), *field.get("anyOf", ())):
        if isinstance(below, dict):
            _widen(below)


def write_schema(path: Path) -> None:
    """Write the schema into a file.

    Raises:
        ConfigurationError: a file of this name exists that is no such schema, or it does not end in .json.
    """
    if path.suffix.lower() != ".json":
        raise ConfigurationError(
            f"A schema is a JSON file: give --schema a name that ends in .json, not {path.name!r}."
        )
    if path.exists() and OWN not in path.read_text(encoding="utf-8", errors="replace"):
        raise ConfigurationError(f"{path} exists, and medtl init did not write it: nothing was written over.")
    write_atomically(path, json.dumps(study_schema(), indent=1, ensure_ascii=False) + "\n")


def editor_line(study: Path) -> str:
    """The first line of a study that names its schema, empty where none lies beside it."""
    return f"{LANGUAGE_SERVER}{SCHEMA_FILE}" if (study.parent / SCHEMA_FILE).is_file() else ""
