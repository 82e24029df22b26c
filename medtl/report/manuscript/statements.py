"""What only the authors can say: `statements.yaml`, a form beside the study that the next build reads.

In: a run folder, and perhaps a file beside the study. Out: frozen statements; the form itself, written once and never
over an existing one. It is read as data; a key that nothing asks for is refused with the names close to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from medtl.close_names import did_you_mean
from medtl.errors import ConfigurationError
from medtl.files import write_atomically
from medtl.record import run_folder as names
from medtl.report.manuscript.checklist_items import ITEMS, TITLES
from medtl.yaml_values import read_yaml

MODEL_CARD_KEYS = {
    "intended_use": "For whom and for what the model is meant",
    "out_of_scope": "What it must not be used for",
    "contact": "Whom to ask",
}
"""What a model card needs from its authors, and what each entry is."""

GROUPS: dict[str, dict[str, str]] = {
    "model_card": MODEL_CARD_KEYS,
    **{guideline: {item.number: item.name for item in items} for guideline, items in ITEMS.items()},
}
"""The groups of the form: what may be stated in each, and its name."""

LONGEST_STATEMENT = 4000
"""Letters; a statement is a paragraph at most."""

LARGEST_FORM = 1_000_000
"""Bytes; a hundred statements of the longest kind are less than half of it."""

BEGINNING = """\
# What only you can say about this study. Fill in what applies and build the pages again: medtl report RUN.
# An empty entry stays a gap on the page. What the run itself can say is filled in there; you may add to it here.
# Names are short; what an item asks in full stands in the guideline. Long text: write | and indent the next lines.
"""


@dataclass(frozen=True)
class Statements:
    """What was stated, by group and number; empty entries are left out."""

    stated: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, group: str, key: str) -> str | None:
        """A statement, or None where nothing was stated."""
        return self.stated.get(group, {}).get(key)


def read_statements(run: Path, *, beside_the_study: Path | None = None) -> Statements:
    """The statements of a run folder; where it has none, those of the file beside the study, if it is given."""
    own = _read(run / names.STATEMENTS)
    other = _read(beside_the_study) if beside_the_study is not None else {}
    merged = {group: {**other.get(group, {}), **own.get(group, {})} for group in GROUPS}
    return Statements(MappingProxyType({group: MappingProxyType(found) for group, found in merged.items() if found}))


def take_statements(beside_the_study: Path, *, run: Path) -> Statements:
    """Take the statements of a file beside the study into the run folder, where they fill what is empty.

    Refuses a file that is not there. What the run folder states already stays.
    """
    if not beside_the_study.is_file():
        raise ConfigurationError(
            f"There is no file {beside_the_study.name}: give the {names.STATEMENTS} that lies beside the study."
        )
    statements = read_statements(run, beside_the_study=beside_the_study)
    write_atomically(run / names.STATEMENTS, form(statements))
    return statements


def write_form(run: Path) -> None:
    """Write the empty form, unless the run folder has one."""
    if not (run / names.STATEMENTS).exists():
        write_atomically(run / names.STATEMENTS, form(Statements()))


def form(statements: Statements) -> str:
    """The form as text, items in their order, with what is stated already."""
    lines = [BEGINNING]
    for group, keys in GROUPS.items():
        title = TITLES.get(group, "The model card")  # type: ignore[call-overload]
        lines.append(f"{group}:  # {title}")
        for key, name in keys.items():
            lines.append(f"  {_written(key)}: {_written(statements.of(group, key) or '')}  # {name}")
        lines.append("")
    return "\n".join(lines)


def _written(text: str) -> str:
    """A text in double quotes as YAML reads it back, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + "".join(message if message.isprintable() else f"\\U{ord(message):08x}" for message in escaped) + '"'


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    if path.stat().st_size > LARGEST_FORM:
        raise ConfigurationError(f"{path.name} is larger than {LARGEST_FORM:,} bytes; the form is a few pages.")
    values = read_yaml(path)
    faults: list[str] = []
    if not isinstance(values, dict | None):
        raise ConfigurationError(f"{path.name} should hold groups such as `claim:`, found a {type(values).__name__}.")
    found: dict[str, dict[str, str]] = {}
    for group, entries in (values or {}).items():
        if group not in GROUPS:
            faults.append(f"{group}: no such group{_near(str(group), list(GROUPS))}")
        elif not isinstance(entries, dict | None):
            faults.append(f'{group}: should hold entries such as `{next(iter(GROUPS[group]))}: "…"`')
        else:
            found[group] = _entries(str(group), entries or {}, faults)
    if faults:
        sentence = "\n".join(f"  - {fault}" for fault in faults)
        raise ConfigurationError(
            f"{path.name} has {len(faults)} fault{'s' if len(faults) > 1 else ''}; no page was written:\n{sentence}",
            faults=len(faults),
        )
    return found


def _entries(group: str, entries: Mapping[object, object], faults: list[str]) -> dict[str, str]:
    found = {}
    for key, value in entries.items():
        number = str(key)
        if number not in GROUPS[group]:
            faults.append(f"{group}.{number}: no such entry{_near(number, list(GROUPS[group]))}")
        elif value is not None and not isinstance(value, str | int | float):
            faults.append(f"{group}.{number}: a statement is a text, got a {type(value).__name__}")
        elif len(str(value)) > LONGEST_STATEMENT:
            faults.append(f"{group}.{number}: longer than {LONGEST_STATEMENT:,} letters")
        elif value is not None and str(value).strip():
            found[number] = str(value).strip()
    return found


def _near(name: str, known: list[str]) -> str:
    return did_you_mean(name, known, most=3, cutoff=0.5) or f"; known are {known[0]} to {known[-1]}"
