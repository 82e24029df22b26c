"""Labels into classes: which there are, in which order, and which cells name none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from medtl.close_names import did_you_mean
from medtl.cohort.cells import class_name, declared_class, is_missing, marker_counts, plain
from medtl.cohort.patient_ids import id_form
from medtl.cohort.positive_class import alphabetical, positive_class_findings
from medtl.cohort.settings import ManifestSettings
from medtl.errors import DataRefused
from medtl.findings import Finding


def label_of(cell: str, *, settings: ManifestSettings) -> str:
    """The class that a label's cell names, empty when it names none.

    A name that the settings declare is taken as it stands, also one such as NA that is a missing marker otherwise.
    Whole numbers are one class however they are written (`1`, `1.0`), in the settings' spelling where they name it.
    """
    declared = (*(settings.classes or ()), *settings.leave_out_labels, *filter(None, [settings.positive_class]))
    found = declared_class(cell, declared)
    if found is not None:
        return found
    return "" if is_missing(cell) else class_name(cell)


def label_findings(cells: Iterable[str], *, settings: ManifestSettings) -> tuple[Finding, ...]:
    """What was read as missing, and which numbers were read as one class."""
    texts = [plain(cell) for cell in cells]
    found = []
    gone = [cell for cell in texts if cell and not label_of(cell, settings=settings)]
    if gone:
        found.append(
            Finding(
                "missing labels",
                f"{len(gone)} label{'s are' if len(gone) > 1 else ' is a'} missing marker"
                f"{'s' if len(gone) > 1 else ''}: {marker_counts(gone)}. Such cases have no label; a class that is "
                "really called so has to be named in classes in the study.",
            )
        )
    written: dict[str, set[str]] = {}
    for cell in texts:
        if label := label_of(cell, settings=settings):
            written.setdefault(label, set()).add(cell)
    merged = [f"{' and '.join(sorted(ways))} as {label}" for label, ways in sorted(written.items()) if len(ways) > 1]
    if merged:
        found.append(Finding("merged labels", f"Labels that are one number are one class: {', '.join(merged)}."))
    return tuple(found)


def ordered_classes(
    labels: Iterable[tuple[int, str]], *, settings: ManifestSettings, faults: list[tuple[int, str]], missing: str = ""
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The classes in the study's order, and the findings on the positive class.

    `labels` are (line, label) as `label_of` gives them, empty when there is none; `missing` names the markers that were
    read as none. With two classes the positive one
    comes last: as named in the settings, or the last in alphabetical order without regard to capitals (for numbers:
    numerical order); which one and why is the first finding. Labels outside the named classes are added to `faults`.

    Raises:
        DataRefused: fewer than two classes have cases, or a name in the settings does not occur.
    """
    lines = tuple(labels)
    counts = Counter(label for _, label in lines if label)
    for name in settings.leave_out_labels:
        if lines and name not in counts:
            raise DataRefused(
                f"leave_out_labels names {name!r}, but the labels are {_listed(counts)}. Correct or remove the name."
                f"{did_you_mean(name, counts, before=' ')}",
                labels=dict(counts),
            )
    studied = Counter({label: n for label, n in counts.items() if label not in settings.leave_out_labels})
    if settings.classes is not None:
        faults.extend(_unknown(lines, known=(*settings.classes, *settings.leave_out_labels)))
        classes = settings.classes
    else:
        classes = tuple(sorted(studied, key=alphabetical))
        _refuse_near_twins(classes, counts=studied)
    if faults:
        return classes, ()
    absent = [name for name in classes if not studied[name]]
    if absent or len(classes) < 2:
        wrong = f"no case has the label {absent[0]!r}" if absent else "a study needs at least two classes"
        raise DataRefused(
            f"The column {settings.label_column!r} holds {_listed(studied)}, but {wrong}. "
            + (
                f"Missing markers were read as no label: {missing}; a class of that name belongs into classes. "
                * bool(missing)
            )
            + "Check label_column, classes and leave_out_labels.",
            labels=dict(studied),
        )
    return _with_positive_last(classes, settings)


def _with_positive_last(
    classes: tuple[str, ...], settings: ManifestSettings
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    if settings.positive_class is None:
        by_value = all(alphabetical(name)[0] is False for name in classes)
        if settings.classes is not None:
            return classes, positive_class_findings(classes, reason="order_of_classes")
        return classes, positive_class_findings(classes, reason="numbers" if by_value else "alphabet")
    if len(classes) != 2 or settings.positive_class not in classes:
        raise DataRefused(
            f"positive_class is {settings.positive_class!r}, but the classes are {', '.join(classes)}. "
            f"Expected one of exactly two classes.{did_you_mean(settings.positive_class, classes, before=' ')}",
            classes=classes,
        )
    others = tuple(name for name in classes if name != settings.positive_class)
    ordered = (*others, settings.positive_class)
    return ordered, positive_class_findings(ordered, reason="named")


def _unknown(lines: Iterable[tuple[int, str]], *, known: tuple[str, ...]) -> Iterable[tuple[int, str]]:
    for line, label in lines:
        if label and label not in known:
            hint = did_you_mean(label, known, quoted=True)
            yield line, f"the label {label[:40]!r} is not one of {', '.join(known)}{hint}"


def _refuse_near_twins(classes: tuple[str, ...], *, counts: Counter[str]) -> None:
    seen: dict[str, str] = {}
    for name in classes:
        twin = seen.setdefault(id_form(name), name)
        if twin != name:
            how = "in capitals" if twin.casefold() == name.casefold() else "in zeros, blanks, dashes or width"
            raise DataRefused(
                f"The labels {twin!r} ({_cases(counts[twin])}) and {name!r} ({_cases(counts[name])}) differ only "
                f"{how}. Write one of them everywhere, or name both in classes if they are different.",
                labels=(twin, name),
            )


def _cases(count: int) -> str:
    return f"{count} case{'s' if count != 1 else ''}"


def _listed(counts: Counter[str]) -> str:
    if not counts:
        return "no labels"
    most = ", ".join(f"{label!r} ({n} cases)" for label, n in sorted(counts.items())[:12])
    return most if len(counts) <= 12 else f"{most} and {len(counts) - 12} other labels"
