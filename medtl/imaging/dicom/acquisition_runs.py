"""Whether the clocks of a header mean one acquisition that runs on, or several that were put into one series.

AcquisitionNumber and AcquisitionTime change while one volume is taken: with each rotation of a step-and-shoot CT, each
package of an MR, each bed of a PET. So they separate stacks only together with how slices lie and are numbered
(InstanceNumber); slices are looked at along their normal.

| slices of the acquisitions      | image numbers                 | modality | decided |
|---------------------------------|-------------------------------|----------|---|
| a value for each slice          | any                           | any      | one volume: it counts slices |
| blocks that follow in turn      | go on, or are not given       | any      | one volume, with a note |
| the same, over 30 s in between  | any                           | CT       | several: no table step takes so long |
| blocks                          | begin again                   | any      | several |
| blocks, not in turn             | do not follow the position    | any      | several |
| interleaved                     | follow the position           | not CT   | one volume: packages of an MR |
| interleaved                     | otherwise                     | any      | several |
| interleaved by time alone       | do not follow the position    | not CT   | refused: packages or phases, unknown |
| no clock, blocks                | begin again                   | any      | several |
| no clock, interleaved           | each comes twice, or thrice … | any      | refused: nothing tells which belong |

Of times only AcquisitionTime parts blocks; ContentTime is when an image was made, and a reconstruction may pause.

"Several" are volumes of their own when each is a regular stack of at least three slices, and refused otherwise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from medtl.imaging.dicom.candidate import Slice
from medtl.imaging.dicom.slice_stack import stack_of, usable_orientation

FEWEST_TO_TELL = 3
"""Two slices are always evenly spaced; with three, an even spacing says something."""

MOST_ACQUISITIONS = 4
"""Acquisitions by time alone: a bolus study has three phases; more clusters are table steps with pauses."""

LONGEST_STEP_SECONDS = 30.0
"""Between two rotations the table moves and the patient may breathe (10 s); two phases are 30 s or more apart."""

HALF_A_DAY = 12 * 3600.0
"""Times that differ by more are on both sides of midnight."""

BED_BY_BED = ("PT", "NM")


@dataclass(frozen=True)
class Runs:
    """How slices split by acquisition: several parts, a mixture that cannot be separated, or one volume with notes."""

    parts: tuple[tuple[Slice, ...], ...] = ()
    is_mixed: bool = False
    clock: str = ""
    notes: tuple[str, ...] = ()


def runs_of(slices: Sequence[Slice]) -> Runs:
    """Split slices at distinct positions into acquisitions by their acquisition number, time or image number.

    `Runs` without parts means one volume; `is_mixed` means several acquisitions that cannot be separated.
    """
    normal = _normal(slices)
    if normal is None or len(slices) < 2 * FEWEST_TO_TELL:
        return Runs()
    ordered = sorted(slices, key=lambda one: float(np.dot(one.plane.position or (0.0,) * 3, normal)))
    for judge in (_by_number, _by_time, _by_image_number):
        if (found := judge(ordered)) is not None:
            return found
    return Runs()


def is_regular(slices: Sequence[Slice]) -> bool:
    """Whether slices are a stack without a gap or a repetition; the gantry may be tilted."""
    if _normal(slices) is None:
        return False
    positions = np.array([one.plane.position for one in slices], dtype=float)
    first = slices[0].plane
    if not np.isfinite(positions).all() or len(slices) < 2:
        return False
    _, faults = stack_of(positions, np.array(first.orientation), pixel_mm=first.pixel_mm or (1.0, 1.0))
    return all(fault.reason == "gantry_tilt" for fault in faults)


def _normal(slices: Sequence[Slice]) -> np.ndarray | None:
    orientation = slices[0].plane.orientation
    if orientation is None or not usable_orientation(np.array(orientation)):
        return None
    return np.cross(orientation[:3], orientation[3:])


def _by_number(ordered: Sequence[Slice]) -> Runs | None:
    """By AcquisitionNumber, where every slice has one."""
    name = "AcquisitionNumber"
    values = [one.plane.moments.get(name, "") for one in ordered]
    parts = _parts(ordered, values)
    if "" in values or not 1 < len(parts) < len(ordered):
        return None
    if _in_blocks(values):
        return _of_blocks(ordered, values, parts, name)
    if ordered[0].header.modality != "CT" and _numbers_follow_position(ordered):
        return Runs(notes=(_continued(len(parts), name),))
    if not _are_stacks(parts) and _numbers_follow_position(ordered):
        return Runs(notes=(_continued(len(parts), name),))
    return _several(parts, name)


def _of_blocks(ordered: Sequence[Slice], values: Sequence[str], parts: Sequence[Sequence[Slice]], name: str) -> Runs:
    ranges = [_range(part) for part in parts]
    known = [one for one in ranges if one is not None]
    if len(known) == len(parts) and _overlap(known):
        return _several(parts, name)
    if not _in_turn(list(dict.fromkeys(values))) and not _numbers_follow_position(ordered):
        return _several(parts, name)
    if ordered[0].header.modality == "CT" and _longest_pause(parts) > LONGEST_STEP_SECONDS and _are_stacks(parts):
        return Runs(parts=tuple(map(tuple, parts)), clock=name)
    return Runs(notes=(_continued(len(parts), name),))


def _by_time(ordered: Sequence[Slice]) -> Runs | None:
    """By AcquisitionTime, else ContentTime: clusters with long pauses in CT, single times elsewhere."""
    modality = ordered[0].header.modality
    if modality in BED_BY_BED:
        return None
    name, times = _times(ordered)
    if times is None or max(times) - min(times) > HALF_A_DAY:
        return None
    if modality == "CT":
        clusters = [str(cluster) for cluster in _clusters(times)]
        parts = _parts(ordered, clusters)
        several = 1 < len(parts) <= MOST_ACQUISITIONS and _are_stacks(parts)
        several = several and not (name == "ContentTime" and _in_blocks(clusters))
        return Runs(parts=tuple(map(tuple, parts)), clock=name) if several else None
    values = [f"{time:.3f}" for time in times]
    parts = _parts(ordered, values)
    if not 1 < len(parts) <= MOST_ACQUISITIONS or not _are_stacks(parts):
        return None
    if _numbers_follow_position(ordered):
        return None
    ranges = [_range(part) for part in parts]
    known = [one for one in ranges if one is not None]
    if len(known) < len(parts):
        return None
    numbers = [one.header.instance_number for one in ordered]
    if len(set(numbers)) < len(numbers) or (_in_blocks(values) and _overlap(known)):
        return Runs(parts=tuple(map(tuple, parts)), clock=name)
    return None if _in_blocks(values) else Runs(is_mixed=True, clock=name)


def _by_image_number(ordered: Sequence[Slice]) -> Runs | None:
    """By InstanceNumber alone: numbers that begin again."""
    numbers = [one.header.instance_number for one in ordered]
    known = [number for number in numbers if number is not None]
    times = Counter(known)
    if len(known) < len(numbers) or len(times) < FEWEST_TO_TELL or len(set(times.values())) > 1:
        return None
    if next(iter(times.values())) == 1:
        return None
    steps = list(enumerate(pairwise(known), start=1))
    falls = [index for index, (before, after) in steps if after <= before]
    rises = [index for index, (before, after) in steps if after >= before]
    for starts in (falls, rises):
        if len(starts) == next(iter(times.values())) - 1:
            parts = [list(ordered[a:b]) for a, b in zip([0, *starts], [*starts, len(ordered)], strict=True)]
            return _several(parts, "InstanceNumber")
    return Runs(is_mixed=True, clock="InstanceNumber")


def _several(parts: Sequence[Sequence[Slice]], clock: str) -> Runs:
    if _are_stacks(parts):
        return Runs(parts=tuple(map(tuple, parts)), clock=clock)
    return Runs(is_mixed=True, clock=clock)


def _continued(number: int, name: str) -> str:
    return f"taken in {number} acquisitions that continue one another ({name})"


def _are_stacks(parts: Sequence[Sequence[Slice]]) -> bool:
    return all(len(part) >= FEWEST_TO_TELL and is_regular(part) for part in parts)


def _parts(ordered: Sequence[Slice], values: Sequence[str]) -> list[list[Slice]]:
    parts: dict[str, list[Slice]] = defaultdict(list)
    for one, value in zip(ordered, values, strict=True):
        parts[value].append(one)
    return list(parts.values())


def _in_blocks(values: Sequence[str]) -> bool:
    changes = sum(before != after for before, after in pairwise(values))
    return changes == len(set(values)) - 1


def _in_turn(values: Sequence[str]) -> bool:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return False
    return _is_monotone(numbers)


def _numbers_follow_position(ordered: Sequence[Slice]) -> bool:
    """Whether the image numbers rise, or fall, from slice to slice."""
    numbers = [one.header.instance_number for one in ordered]
    known = [float(number) for number in numbers if number is not None]
    return len(known) == len(numbers) and _is_monotone(known)


def _is_monotone(numbers: Sequence[float]) -> bool:
    pairs = list(pairwise(numbers))
    return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)


def _range(part: Sequence[Slice]) -> tuple[int, int] | None:
    """The lowest and highest image number; None where some are missing or repeat."""
    numbers = [one.header.instance_number for one in part]
    known = [number for number in numbers if number is not None]
    return (min(known), max(known)) if len(set(known)) == len(numbers) else None


def _overlap(ranges: Sequence[tuple[int, int]]) -> bool:
    ordered = sorted(ranges)
    return any(first[1] >= second[0] for first, second in pairwise(ordered))


def _longest_pause(parts: Sequence[Sequence[Slice]]) -> float:
    """Seconds between the blocks' times, the longest; 0 where times are not given."""
    spans = []
    for part in parts:
        _, times = _times(part)
        if times is None:
            return 0.0
        spans.append((min(times), max(times)))
    spans.sort()
    pauses = [later[0] - earlier[1] for earlier, later in pairwise(spans)]
    return max((pause for pause in pauses if pause < HALF_A_DAY), default=0.0)


def _times(slices: Sequence[Slice]) -> tuple[str, list[float] | None]:
    """The first clock that every slice has, and its seconds of the day."""
    for name in ("AcquisitionDateTime", "FrameAcquisitionDateTime", "AcquisitionTime", "ContentTime"):
        read: Callable[[str], float | None] = _seconds_of_datetime if name.endswith("DateTime") else _seconds
        found = [read(one.plane.moments.get(name, "")) for one in slices]
        known = [value for value in found if value is not None]
        if len(known) == len(found):
            return name, known
    return "", None


def _seconds_of_datetime(text: str) -> float | None:
    return _seconds(text[8:].split("+", maxsplit=1)[0].split("-", maxsplit=1)[0])


def _seconds(text: str) -> float | None:
    """Seconds of the day of a time (TM), HHMMSS with fractions; also with colons as old headers have it."""
    digits = text.replace(":", "")
    whole, _, fraction = digits.partition(".")
    if not whole.isdigit() or len(whole) not in (2, 4, 6) or (fraction and not fraction.isdigit()):
        return None
    padded = whole.ljust(6, "0")
    return int(padded[:2]) * 3600 + int(padded[2:4]) * 60 + int(padded[4:6]) + float(f"0.{fraction or 0}")


def _clusters(times: Sequence[float]) -> list[int]:
    """The number of the cluster that each time is in; a pause begins another."""
    order = sorted(range(len(times)), key=times.__getitem__)
    found = [0] * len(times)
    cluster = 0
    for before, after in pairwise(order):
        cluster += times[after] - times[before] > LONGEST_STEP_SECONDS
        found[after] = cluster
    return found
