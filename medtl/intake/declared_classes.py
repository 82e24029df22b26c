"""Classes that are declared with --classes: these names are classes as written, also NA and other missing markers.

Any other label is no class: it is left empty, counted, and named in a note, but for folders and for names that may be
a person's, a date or an id, which are only counted. A declared class without a case is refused, as it is a typing
mistake more often than not.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence

from medtl.cohort.cells import is_missing, plain
from medtl.errors import DataRefused
from medtl.intake.folder_names import may_name_somebody

NAMED = 6
"""Labels that one note names."""


def class_names(value: object) -> object:
    """The names in a list of words, each with commas between names; quotes keep a comma: `NA,"mild, early"`.

    Raises:
        ValueError: a name is empty, or there are fewer than two.
    """
    if not isinstance(value, list | tuple | str):
        return () if value is None else value
    words = [value] if isinstance(value, str) else [str(word) for word in value]
    names = [plain(name) for row in csv.reader(words, skipinitialspace=True) for name in row]
    if words and (not all(names) or len(set(names)) < 2):
        raise ValueError('name every class, at least two, such as "NA,B"; none is empty')
    return tuple(dict.fromkeys(names))


def declared_notes(
    taken: Mapping[str, int], unknown: Mapping[str, int], *, classes: Sequence[str], are_folders: bool
) -> tuple[str, ...]:
    """Notes on the cases of each declared class and on the labels that are no class.

    Raises:
        DataRefused: a declared class has no case.
    """
    absent = [name for name in classes if not taken.get(name)]
    if absent:
        raise DataRefused(
            f"--classes names {', '.join(map(repr, absent))}, and no case has such a label. "
            f"{_found(taken, unknown, are_folders=are_folders)}Write the names as the labels are written; nothing was "
            "written.",
            absent=tuple(absent),
        )
    notes = []
    if unknown:
        count = sum(unknown.values())
        notes.append(
            f"{count:,} case{'s have labels' if count > 1 else ' has a label'} that --classes does not name: "
            f"{named(unknown, are_folders=are_folders)}. They were left empty, so such cases are in no class. Name "
            "them in --classes where they are classes."
        )
    if markers := [name for name in classes if is_missing(name)]:
        shown = ", ".join(f"{name!r} ({taken[name]:,} cases)" for name in markers)
        every = json.dumps(list(classes), ensure_ascii=False)
        notes.append(
            f"Declared as classes though they read as missing markers: {shown}. A study on this manifest has to "
            f"declare them too (classes: {every}); else such cases have no label there."
        )
    return tuple(notes)


def named(labels: Mapping[str, int], *, are_folders: bool) -> str:
    """Labels with their counts; those that may be of somebody, or that are names of folders, only as a number."""
    shown = {} if are_folders else {name: n for name, n in labels.items() if not may_name_somebody(name)}
    parts = [f"{name[:40]!r} ({count:,})" for name, count in Counter(shown).most_common(NAMED)]
    if hidden := len(labels) - len(parts):
        what = "folder name" if are_folders else "other label" if parts else "label"
        parts.append(f"{hidden} {what}{'s' if hidden > 1 else ''} not shown here")
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _found(taken: Mapping[str, int], unknown: Mapping[str, int], *, are_folders: bool) -> str:
    found = {name: count for name, count in taken.items() if count}
    phrases = [named(found, are_folders=False)] if found else []
    phrases += [named(unknown, are_folders=are_folders)] if unknown else []
    if phrases:
        return f"The labels are {' and '.join(phrases)}. "
    return "No case has a label" + ("; --labels-from folder:N takes folders for classes. " if are_folders else ". ")
