"""YAML as values with one meaning: safe types only, no aliases, no key twice, numbers as people write them.

Less is taken for a number or a truth value than YAML 1.1 does: `yes`, `no`, `on`, `off`, dates, `1:30` (there a
number of base 60, whose cost grows with the square of its length), `0x1f` and `010` stay text. A number has at most 40
characters.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from medtl.errors import ConfigurationError

LONGEST_NUMBER = 40
"""Characters: a float in full precision needs 24."""

LONGEST_LINE = 10**6
END = "...\n"
"""How PyYAML ends a document that is one plain word."""

RARE_LINE_BREAKS = "\x85\u2028\u2029"
"""What YAML takes for the end of a line besides the usual ones."""

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
NOTHING = re.compile(r"~|null|Null|NULL|")
MERGE = re.compile(r"<<")

IMPLICIT = (
    ("int", INTEGER, "-+0123456789"), ("float", FLOAT, "-+.0123456789"), ("bool", TRUTH, "tTfF"),
    ("null", NOTHING, ["~", "n", "N", ""]), ("merge", MERGE, "<"),
)  # fmt: skip
"""What a plain word is taken for: tag, form, and first characters."""


class _OneMeaning(yaml.SafeLoader):
    """YAML as data; scalars below a key of `text_keys` are text as they are written."""

    text_keys: frozenset[str] = frozenset()
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own name, filled below)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.YAMLError(f"line {event.start_mark.line + 1}: aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        _write_out(node, self.text_keys)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                raise yaml.YAMLError(f"line {line}: a {type(key).__name__} cannot be a key")
            if key in seen:
                raise yaml.YAMLError(f"line {line}: the key {key!r} stands there twice")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        return int(_short(node))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        text = _short(node).lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _kind, _form, _starts in IMPLICIT:
    _OneMeaning.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_form.pattern})\Z"), list(_starts)
    )
_OneMeaning.add_constructor("tag:yaml.org,2002:int", _OneMeaning.construct_yaml_int)
_OneMeaning.add_constructor("tag:yaml.org,2002:float", _OneMeaning.construct_yaml_float)


def _short(node: yaml.ScalarNode) -> str:
    if len(node.value) > LONGEST_NUMBER:
        raise yaml.YAMLError(
            f"line {node.start_mark.line + 1}: a number of {len(node.value):,} characters; at most {LONGEST_NUMBER} "
            "are read"
        )
    return str(node.value)


def _write_out(node: yaml.Node | None, keys: frozenset[str], *, below: bool = False) -> None:
    """Make text of every plain scalar below one of the keys; a null as the whole value stays one."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            named = isinstance(key, yaml.ScalarNode) and key.value in keys
            if not (named and isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null")):
                _write_out(value, keys, below=below or named)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _write_out(value, keys, below=below)
    elif isinstance(node, yaml.ScalarNode) and below and node.style is None and node.value:
        node.tag = "tag:yaml.org,2002:str"


def values_in(text: str, *, text_keys: frozenset[str] = frozenset()) -> Any:
    """The values of YAML text, scalars below one of `text_keys` as text.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: it is not YAML with one meaning.
    """
    loader = _OneMeaning(text)
    loader.text_keys = text_keys
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read_yaml(path: Path, *, text_keys: frozenset[str] = frozenset()) -> Any:
    """The values of a YAML file.

    Raises:
        ConfigurationError: it is not UTF-8, or not YAML with one meaning.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8 and try again."
        ) from error
    return parsed_yaml(text, what=path.name, text_keys=text_keys)


def parsed_yaml(text: str, *, what: str, text_keys: frozenset[str] = frozenset()) -> Any:
    """The values of YAML text; `what` names it in the error.

    Raises:
        ConfigurationError: it is not YAML with one meaning.
    """
    try:
        return values_in(text, text_keys=text_keys)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = str(error).replace("\n", " ")[:300]
        raise ConfigurationError(f"{what} is not YAML that can be read: {where}. No value was used.") from error


def yaml_text(values: Mapping[str, object]) -> str:
    """Values as YAML that `values_in` reads back to the same values."""
    return yaml.dump(dict(values), Dumper=_OneText, sort_keys=False, allow_unicode=True, width=110)


def flow_text(values: Mapping[str, object]) -> str:
    """Values as YAML with one line a key, `folds: {count: 5}`, that `values_in` reads back to the same values."""
    lines = []
    for key, value in values.items():
        inner = yaml.dump(
            value, Dumper=_OneText, sort_keys=False, allow_unicode=True, default_flow_style=True, width=LONGEST_LINE
        )
        lines.append(f"{key}: {inner.removesuffix(END).rstrip()}")
    return "\n".join(lines)


class _OneText(yaml.SafeDumper):
    """YAML that reads back to the same text: PyYAML folds the rarer line breaks into blanks unless they are escaped."""


def _written_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = '"' if any(end in text for end in RARE_LINE_BREAKS) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_OneText.add_representer(str, _written_text)
for _kind, _form, _starts in IMPLICIT:  # quotes around every text that would be taken for something else
    _OneText.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_form.pattern})\Z"), list(_starts))
