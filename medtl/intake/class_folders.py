"""Folders as classes: when the user says so, or when their names are clear.

Without the option --labels-from, a level of folders is taken for the classes when all of this holds:

1. Every image lies below a folder of this level, and there are 2 to 10 of them.
2. The level is no split (train, test), no folder of images or masks, no sequence (t1, flair), no site.
3. Each folder holds at least 5 images, of at least 2 patients.
4. At least one name is known from classes (normal, benign, glioma, covid, grade 2, …), and none may be a person's (two
   words, a comma), a date or an id.
5. No other level is so.

Where one of these fails, the names are not used: they may be those of persons, and stand neither in the manifest nor on
a page or the console. `--labels-from folder` or `folder:N` takes them all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medtl.cohort.cells import declared_class, plain
from medtl.errors import ConfigurationError
from medtl.intake.folder_levels import Level
from medtl.intake.folder_names import has_class_word, may_name_somebody
from medtl.intake.offer import Offer

MOST_CLASSES, FEWEST_IN_A_CLASS, FEWEST_PATIENTS = 10, 5, 2


@dataclass(frozen=True)
class ClassLevel:
    """The level whose folders are the classes, None when there is none; and whether the user requested it."""

    number: int | None = None
    is_requested: bool = False


def class_level(levels: Sequence[Level], *, labels_from: str | None) -> ClassLevel:
    """The level of the classes, by the user's request or by the rules above that need no patients.

    Raises:
        ConfigurationError: no level, or no single one, fits the request.
    """
    if labels_from is not None:
        return ClassLevel(_requested_level(levels, labels_from), is_requested=True)
    fitting = [level.number for level in levels if _fits(level)]
    return ClassLevel(fitting[0] if len(fitting) == 1 else None)


def _fits(level: Level) -> bool:
    names = [name for name, _ in level.names]
    return (
        level.kind == "open"
        and level.holds_all
        and 2 <= len(names) <= MOST_CLASSES
        and min(level.sizes) >= FEWEST_IN_A_CLASS
        and any(map(has_class_word, names))
        and not any(map(may_name_somebody, names))
    )


def _requested_level(levels: Sequence[Level], labels_from: str) -> int:
    word, _, number = labels_from.partition(":")
    possible = [level for level in levels if level.kind not in ("split", "image", "single")]
    if word == "folder" and number.isdecimal() and 1 <= int(number) <= len(levels):
        return int(number)
    if word == "folder" and not number and len(possible) == 1:
        return possible[0].number
    known = levels_text(levels)
    raise ConfigurationError(
        f"--labels-from {labels_from}: expected folder:N, with N the level below the collection's folder (1 is the "
        f"highest), or folder where only one level could be meant. Levels here: {known or 'none'}. Nothing was written."
    )


def levels_text(levels: Sequence[Level]) -> str:
    """The levels described in a line of text, without the names of folders."""
    kinds = {"split": ", a split", "image": ", called as images are", "sequence": ", sequences", "site": ", sites"}
    return "; ".join(
        f"folder:{level.number} with {len(level.names):,} {'name' if len(level.names) == 1 else 'names'}"
        f" and {_range(level.sizes)} images in each{kinds.get(level.kind, '')}"
        for level in levels
    )


def _range(sizes: Sequence[int]) -> str:
    return f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"


def with_classes(
    offers: Sequence[Offer],
    folders: Sequence[tuple[str, ...]],
    levels: Sequence[Level],
    chosen: ClassLevel,
    *,
    declared: Sequence[str] = (),
) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    """The offers with the name of their folder as label, and notes; patients have to be known.

    Args:
        offers: the offers, with their patients.
        folders: the folders above each offer's file, in the order of the offers.
        levels: all levels of folders in the collection.
        chosen: the level whose folders are the classes.
        declared: the classes that the user declared. Other names are in no note: those labels are left empty later
            (`declared_classes`).
    """
    if chosen.number is None:
        return tuple(offers), _not_taken(levels)
    own = [parts[chosen.number - 1] if len(parts) >= chosen.number else "" for parts in folders]
    patients: dict[str, set[str]] = defaultdict(set)
    for offer, name in zip(offers, own, strict=True):
        patients[name].add(offer.patient)
    if not chosen.is_requested and min(map(len, patients.values())) < FEWEST_PATIENTS:
        return tuple(offers), _not_taken(levels)
    classes = sorted(patients.keys() - {""}, key=str.casefold)
    if declared:
        classes = [name for name in classes if declared_class(plain(name), declared) is not None]
    notes = [
        f"The classes are the names of {len(classes)} folders: {', '.join(classes)}. Decide otherwise with --labels."
    ]
    if chosen.is_requested and (odd := sum(map(may_name_somebody, classes))):
        notes.append(
            f"{odd} of them may be names of persons, dates or ids; they now stand in the manifest and on its page, as "
            "--labels-from asks for."
        )
    labelled = (replace(offer, label=name) for offer, name in zip(offers, own, strict=True))
    return tuple(labelled), tuple(notes)


def _not_taken(levels: Sequence[Level]) -> tuple[str, ...]:
    left = [level for level in levels if level.kind in ("open", "site") and len(level.names) > 1]
    if not left:
        return ()
    return (
        f"No folder was taken for a class, so no case has a label: {levels_text(left)}. Their names may be those of "
        "persons and stay in your private folder. Give --labels with a CSV, or --labels-from folder:N where the names "
        "are the classes.",
    )
