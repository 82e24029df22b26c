"""The JSON schema of study.yaml: what medtl reads is valid, what it refuses by its form is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from medtl.cli import app
from medtl.errors import ConfigurationError
from medtl.study.schema import editor_line, study_schema, write_schema
from medtl.study.settings import Study, study_from

ROOT = Path(__file__).resolve().parents[2]
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip
LIMITS = {
    "minimum": lambda value, limit: value >= limit, "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit, "exclusiveMaximum": lambda value, limit: value < limit,
    "maxLength": lambda value, limit: len(value) <= limit, "minLength": lambda value, limit: len(value) >= limit,
    "minItems": lambda value, limit: len(value) >= limit, "maxItems": lambda value, limit: len(value) <= limit,
    "pattern": lambda value, limit: re.search(limit, value) is not None,
    "enum": lambda value, limit: value in limit, "const": lambda value, limit: value == limit,
}  # fmt: skip


def is_valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """A small validator of the keywords that pydantic writes, after draft 2020-12."""
    if "$ref" in schema:
        return is_valid(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema and not any(is_valid(value, one, root) for one in schema["anyOf"]):
        return False
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fits = [
        kind
        for kind in kinds
        if isinstance(value, KINDS[kind])
        and (kind == "boolean" or value not in (True, False) or type(value) is not bool)
    ]
    if kinds and not fits:
        return False
    for keyword, holds in LIMITS.items():
        is_for = keyword in ("enum", "const") or not isinstance(value, dict | bool | type(None))
        if keyword in schema and is_for and not holds(value, schema[keyword]):
            return False
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        rest = schema.get("items", {})
        return all(
            is_valid(one, first[number] if number < len(first) else rest, root)
            for number, one in enumerate(value)
            if isinstance(rest, dict) or number < len(first)
        )
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if not set(schema.get("required", ())) <= set(value):
            return False
        extra = schema.get("additionalProperties", True)
        return all(
            is_valid(one, known[key], root) if key in known else extra is not False for key, one in value.items()
        )
    return True


def test_the_studies_that_are_shown_are_valid() -> None:
    schema = study_schema()
    shown = [yaml.safe_load(block) for page in ("README.md", "docs/choosing.md", "docs/volumes.md")
             for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), flags=re.M | re.S)]  # fmt: skip
    whole = [study for study in shown if isinstance(study, dict) and "manifest" in study]
    assert whole
    for study in whole:
        assert is_valid(study, schema, schema), study


@pytest.mark.parametrize(
    "more",
    [
        {}, {"adaptation": {"policy": "probe"}}, {"adaptation": {"policy": ["probe", "lp_ft"]}},
        {"evaluation": {"threshold": "youden"}}, {"evaluation": {"threshold": "sensitivity=0.9"}},
        {"evaluation": {"threshold": 0.5}}, {"evaluation": {"threshold": {"rule": "fixed", "at": 0.5}}},
        {"preparation": {"preset": "mr", "spacing_mm": [1, 1, 1.5], "extent_mm": [90, 90, 90]}},
        {"folds": {"count": 3, "repeats": 2, "seed": 7, "sealed": "split"}}, {"classes": ["a", "b"]},
    ],
)  # fmt: skip
def test_what_medtl_reads_is_valid(more: dict[str, Any]) -> None:
    schema, study = study_schema(), {"name": "s", "manifest": "m.csv", **more}
    assert study_from(study, folder=Path())
    assert is_valid(study, schema, schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"encodr": "resnet18"}, {"preparation": {"preset": "radiografph"}}, {"folds": {"count": 1}},
        {"recipe": {"epochs": 0}}, {"name": "Not a name"}, {"resamples": "many"}, {"folds": {"conut": 5}},
        {"evaluation": {"threshold": "best"}},
    ],
)  # fmt: skip
def test_what_medtl_refuses_by_its_form_is_not_valid(wrong: dict[str, Any]) -> None:
    schema, study = study_schema(), {"name": "s", "manifest": "m.csv", **wrong}
    with pytest.raises(ConfigurationError):
        study_from(study, folder=Path())
    assert not is_valid(study, schema, schema)


def test_every_key_of_a_study_has_a_description() -> None:
    schema = study_schema()
    for name, field in schema["properties"].items():
        refers = [field, *field.get("anyOf", ()), *field.get("allOf", ())]
        below = [schema["$defs"][one["$ref"].rpartition("/")[2]] for one in refers if "$ref" in one]
        assert any("description" in one for one in (*refers, *below)), name
    assert set(schema["properties"]) == set(Study.model_fields)


def test_labels_that_are_numbers_are_valid_as_they_are_written_by_hand() -> None:
    schema = study_schema()
    study = {"name": "s", "manifest": "m.csv", "classes": [0, 1], "positive_class": 1, "leave_out_labels": [2]}
    assert is_valid(study, schema, schema)


def test_the_file_is_json_and_nothing_of_others_is_written_over(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", "--schema", str(tmp_path / "study.schema.json")])
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "study.schema.json").read_text()) == study_schema()
    assert editor_line(tmp_path / "study.yaml") == "# yaml-language-server: $schema=study.schema.json"
    assert editor_line(tmp_path / "below" / "study.yaml") == ""
    write_schema(tmp_path / "study.schema.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"other\.json exists, and medtl init did not write it"):
        write_schema(tmp_path / "other.json")
    with pytest.raises(ConfigurationError, match=r"a name that ends in \.json, not 'study\.txt'"):
        write_schema(tmp_path / "study.txt")
    assert "Name a manifest (medtl init manifest.csv), or --schema FILE" in CliRunner().invoke(app, ["init"]).stderr
