"""Who the patient is, by the names of files and folders: every reading that they allow, with its counts.

Readings are compared by how they group the images, not by what they are called: two that group them alike are one.

* `file`: each file is a patient; the sequences of one scan belong together.
* `file name`: files of the same whole name in several folders are one patient (`baseline/07`, `followup/07`).
* `name`: the name without side, sequence, running number and word at its end (`12_left`, `01L`, `IM-0115-0001`,
  `person12_virus_45`), and every shorter beginning of the name that still holds a figure (`A_001_2019` and `A_001`).
* `folder`: each folder that is no split, class, site, or folder of images; with the same name in several folders once
  as several patients and once as one.

A reading of one patient alone is none, nor is a beginning without a figure that looks like the name of a class.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from medtl.intake.class_folders import FEWEST_IN_A_CLASS, MOST_CLASSES
from medtl.intake.folder_levels import Level
from medtl.intake.folder_names import has_class_word
from medtl.intake.name_parts import NUMBERED_LETTER, RUNNING, SEPARATORS, is_sequence, parts_of
from medtl.intake.sequences import Unit

FIGURE = re.compile(r"\d")


@dataclass(frozen=True)
class PatientReading:
    """One way to read who the patient is: what to type for it, what it means, and the patient of each image."""

    option: str
    words: str
    patients: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of patients."""
        return len(set(self.patients))

    @property
    def summary(self) -> str:
        """A line with the option, the counts and the meaning of the reading."""
        sizes = Counter(self.patients).values()
        each = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
        images = "image" if max(sizes) == 1 else "images"
        return f"--patients-from {self.option}: {self.count:,} patients of {each} {images} ({self.words})"

    @property
    def grouping(self) -> tuple[int, ...]:
        """For each image the index of the first of the same patient; equal for readings that group the images alike."""
        first: dict[str, int] = {}
        return tuple(first.setdefault(patient, index) for index, patient in enumerate(self.patients))


def by_file(units: Sequence[Unit]) -> PatientReading:
    """Each file a patient, the sequences of one scan together; by its bare name where no other has it."""
    whole = ["/".join(unit.whole) for unit in units]
    last = [unit.last for unit in units]
    patients = last if len(set(last)) == len(set(whole)) else whole
    return PatientReading("file", "each file is a patient, sequences of one scan together", tuple(patients))


def by_name(
    folders: Sequence[tuple[str, ...]], units: Sequence[Unit], levels: Sequence[Level], *, class_level: int | None
) -> PatientReading:
    """The name without what numbers or describes the images of one patient; of several sites, after the site."""
    unshortened = names_across(units, levels, class_level=class_level)
    sites = [level.number - 1 for level in levels if level.kind == "site"]
    site = ["".join(f"{own[index]}/" for index in sites if len(own) > index) for own in folders]
    names = [unit.last for unit in units]
    reduced = [reduced_name(name) for name in names]
    wordy = [one for one in reduced if one and not FIGURE.search(one)]
    if _looks_like_classes(wordy, units):
        reduced = [one if FIGURE.search(one) else "" for one in reduced]
    patients = [f"{at}{one}" if one else name for at, one, name in zip(site, reduced, unshortened, strict=True)]
    words = "the name without side, sequence, last word and running number; the same in all folders of a site"
    return PatientReading("name", words, tuple(patients))


def by_folder(folders: Sequence[tuple[str, ...]], units: Sequence[Unit], *, number: int | None) -> PatientReading:
    """The folders down to a level, or that which holds the file, but for those of images and sequences."""
    if number is None:
        patients = ["/".join(unit.folders) or unit.name for unit in units]
        return PatientReading("folder", "the folder that holds the file", tuple(_short(patients)))
    rest = ["/".join(unit.whole) for unit in units]
    deep = ["/".join(own[:number]) if len(own) >= number else one for own, one in zip(folders, rest, strict=True)]
    return PatientReading(f"folder:{number}", f"each folder at level {number} is a patient", tuple(_short(deep)))


def _short(patients: list[str]) -> list[str]:
    """The last part alone where it distinguishes as many patients."""
    last = [patient.rpartition("/")[2] for patient in patients]
    return last if len(set(last)) == len(set(patients)) else patients


def readings_of(
    folders: Sequence[tuple[str, ...]], units: Sequence[Unit], levels: Sequence[Level], *, class_level: int | None
) -> tuple[PatientReading, ...]:
    """All readings that group the images differently, the finest first."""
    found = [by_file(units)]
    across = names_across(units, levels, class_level=class_level)
    known = {level.number for level in levels if level.kind != "open"} | ({class_level} if class_level else set())
    same = PatientReading('"**/{patient}"', "files of one name in several folders are one patient", across)
    found += [same, by_name(folders, units, levels, class_level=class_level)]
    found += _beginnings([unit.last for unit in units], '"**/{{{0}}}*"')
    for level in levels:
        if level.number in known:
            continue
        found.append(by_folder(folders, units, number=level.number))
        names = [own[level.number - 1] if len(own) >= level.number else "" for own in folders]
        if all(names):
            start = "*/" * (level.number - 1)
            words = f"folders of one name at level {level.number} are one patient, wherever they lie"
            found.append(PatientReading(f'"{start}{{patient}}/**"', words, tuple(names)))
            found += _beginnings(names, f'"{start}{{{{{{0}}}}}}*/**"')
    distinct: dict[tuple[int, ...], PatientReading] = {}
    for reading in found:
        if reading.count > 1 or len(units) == 1 or reading is found[0]:
            distinct.setdefault(reading.grouping, reading)
    return tuple(sorted(distinct.values(), key=lambda reading: -reading.count))


def names_across(units: Sequence[Unit], levels: Sequence[Level], *, class_level: int | None) -> tuple[str, ...]:
    """The bare names, the same in all folders.

    Where all folders are classes and parts of a split, in which numbers begin anew, with these before them.
    """
    begin_anew = all(level.kind != "open" or level.number == class_level for level in levels)
    return tuple("/".join(unit.whole) if begin_anew else unit.last for unit in units)


def _beginnings(names: Sequence[str], option: str) -> list[PatientReading]:
    """Readings by the first parts of the names, one part, two, … ; those of which every name holds a figure."""
    found = []
    parts = [parts_of(name) for name in names]
    for size in range(1, max(map(len, parts), default=0)):
        starts = [_start(name, own, size) for name, own in zip(names, parts, strict=True)]
        if all(FIGURE.search(start) for start in starts):
            field = "patient" if size == 1 else f"patient:{size}"
            words = f"the name's first {'part' if size == 1 else f'{size} parts'}"
            found.append(PatientReading(option.format(field), words, tuple(starts)))
    return found


def _start(name: str, parts: Sequence[str], size: int) -> str:
    """The beginning of a name that holds so many of its parts."""
    if not parts:
        return name
    pattern = "".join(f"{re.escape(part)}{SEPARATORS.pattern}" for part in parts[: size - 1])
    pattern += re.escape(parts[min(size, len(parts)) - 1])
    match = re.match(f"(?:{SEPARATORS.pattern})?{pattern}", name)
    return match.group() if match else name


def reduced_name(name: str) -> str:
    """What is left of a name without what may number or describe the images of one patient at its end.

    From the end go one number, names of sequences and sides, words, parts such as `frame01`, and a letter glued to a
    number. What is left ends with a part that holds a figure, or is one word; empty when nothing was left away.
    """
    every = parts_of(name)
    parts = list(every)
    while len(parts) > 1:
        last = parts[-1]
        is_number = last.isdigit() and len(parts) == len(every)
        if not (is_number or is_sequence(last) or last.isalpha() or RUNNING.fullmatch(last)):
            break
        parts.pop()
    start = _start(name, parts, len(parts)) if len(parts) < len(every) else name
    glued = NUMBERED_LETTER.fullmatch(start)
    if glued:
        return glued[1]
    return start if len(parts) < len(every) else ""


def _looks_like_classes(starts: Sequence[str], units: Sequence[Unit]) -> bool:
    """Few beginnings of many files each, or such as folders have: `benign (1)`, `NORMAL-0001`."""
    counts = Counter(start.casefold() for start in starts)
    folders = {folder.casefold() for unit in units for folder in unit.folders}
    few = len(counts) <= MOST_CLASSES and len(starts) >= FEWEST_IN_A_CLASS * len(counts)
    return few or all(start in folders or has_class_word(start) for start in counts)
