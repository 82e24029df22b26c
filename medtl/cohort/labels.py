"""Labels into classes: which there are, in which order, and which cells name none of them."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable

from medtl.cohort.manifest_row import as_number
from medtl.cohort.settings import ManifestSettings
from medtl.errors import DataRefused


def ordered_classes(
    labels: Iterable[tuple[int, str]], *, settings: ManifestSettings, faults: list[tuple[int, str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes in the study's order, and what to tell about them.

    `labels` are (line, label), empty when there is none. With two classes the positive one comes last: as named in
    the settings, or the last in alphabetical (for numbers: numerical) order, which is told in a note. Labels outside
    the named classes are added to `faults`.

    Raises:
        DataRefused: fewer than two classes have cases, or a name in the settings does not occur.
    """
    lines = tuple(labels)
    counts = Counter(label for _, label in lines if label)
    for name in settings.leave_out_labels:
        if lines and name not in counts:
            raise DataRefused(
                f"leave_out_labels names {name!r}, but the labels are {_listed(counts)}. Correct or remove the name.",
                labels=dict(counts),
            )
    studied = Counter({label: n for label, n in counts.items() if label not in settings.leave_out_labels})
    if settings.classes is not None:
        faults.extend(_unknown(lines, known=(*settings.classes, *settings.leave_out_labels)))
        classes = settings.classes
    else:
        classes = tuple(sorted(studied, key=_alphabetical))
        _refuse_near_twins(classes, counts=studied)
    if faults:
        return classes, ()
    absent = [name for name in classes if not studied[name]]
    if absent or len(classes) < 2:
        wrong = f"no case has the label {absent[0]!r}" if absent else "a study needs at least two classes"
        raise DataRefused(
            f"The column {settings.label_column!r} holds {_listed(studied)}, but {wrong}. "
            "Check label_column, classes and leave_out_labels.",
            labels=dict(studied),
        )
    return _with_positive_last(classes, settings)


def _with_positive_last(
    classes: tuple[str, ...], settings: ManifestSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if settings.positive_class is None:
        if settings.classes is not None or len(classes) != 2:
            return classes, ()
        return classes, (
            f"The positive class is {classes[-1]}, the last label in alphabetical order; "
            "positive_class in the study chooses another.",
        )
    if len(classes) != 2 or settings.positive_class not in classes:
        raise DataRefused(
            f"positive_class is {settings.positive_class!r}, but the classes are {', '.join(classes)}. "
            "Expected one of exactly two classes.",
            classes=classes,
        )
    others = tuple(name for name in classes if name != settings.positive_class)
    return (*others, settings.positive_class), ()


def _unknown(lines: Iterable[tuple[int, str]], *, known: tuple[str, ...]) -> Iterable[tuple[int, str]]:
    for line, label in lines:
        if label and label not in known:
            close = difflib.get_close_matches(label, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield line, f"the label {label[:40]!r} is not one of {', '.join(known)}{hint}"


def _refuse_near_twins(classes: tuple[str, ...], *, counts: Counter[str]) -> None:
    seen: dict[str, str] = {}
    for name in classes:
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            raise DataRefused(
                f"The labels {twin!r} ({counts[twin]} cases) and {name!r} ({counts[name]} cases) differ only in "
                "capitals. Write one of them everywhere, or name both in classes if they are different.",
                labels=(twin, name),
            )


def _listed(counts: Counter[str]) -> str:
    if not counts:
        return "no labels"
    most = ", ".join(f"{label!r} ({n} cases)" for label, n in sorted(counts.items())[:12])
    return most if len(counts) <= 12 else f"{most} and {len(counts) - 12} other labels"


def _alphabetical(label: str) -> tuple[bool, float, str]:
    number = as_number(label)
    return (number is None, number or 0.0, label)
