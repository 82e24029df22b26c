"""The stacks that slices of one series, kind and orientation make: one, or several that the headers distinguish.

In: slices in any order. Out: a candidate for each stack, none judged yet. Where positions repeat, one tag must explain
every repetition; where they do not, slices may still be of two acquisitions that interleave or follow one another.
`acquisition_tags` says which tags count, and why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from medtl.imaging.dicom.acquisition_runs import FEWEST_TO_TELL, is_regular, runs_of
from medtl.imaging.dicom.acquisition_tags import EACH_ITS_OWN, STEADY, VARYING
from medtl.imaging.dicom.candidate import Candidate, Slice
from medtl.imaging.dicom.slice_stack import SAME_POSITION_MM, Fault

COMPLETE_SHARE = 0.5
"""At least this share of time points must have every position, or time does not explain the repetition."""

MOST_VALUES = 4
"""More values than this of a tag that may vary slice by slice are slice timing or rounding, not acquisitions."""

LatticePoint = tuple[int, ...]
Parts = list[list[Slice]]


def parted(slices: Sequence[Slice]) -> list[Candidate]:
    """One candidate for each stack that the headers distinguish, in the order of time."""
    positions = {_lattice_point(one) for one in slices}
    if len(positions) == 1 or any(one.plane.position is None for one in slices):
        return [Candidate(tuple(slices))]
    if len(positions) == len(slices):
        return _numbered(_of_one_kind(slices))
    found = _repeating(slices, everywhere=positions)
    return _numbered(found) if found else [Candidate(tuple(slices))]


def _numbered(candidates: list[Candidate]) -> list[Candidate]:
    if len(candidates) == 1:
        return candidates
    ordered = sorted(candidates, key=lambda one: _in_time(one.part))
    return [
        Candidate(one.slices, moment=f"{number} of {len(ordered)}", part=one.part, faults=one.faults, notes=one.notes)
        for number, one in enumerate(ordered, start=1)
    ]


def _repeating(slices: Sequence[Slice], *, everywhere: set[LatticePoint]) -> list[Candidate]:
    """Candidates without a repeated position, split by the first tags that explain the repetition; else none."""
    moments = list(dict.fromkeys(name for one in slices for name in one.plane.moments))
    steady = _differing(slices)
    ways: list[Callable[[Slice], str]] = [lambda one, name=name: one.plane.moments.get(name, "") for name in moments]  # type: ignore[misc]
    if steady:
        ways.append(lambda one: _values(one, steady))
        ways += [
            lambda one, name=name: f"{one.plane.moments.get(name, '')} {_values(one, steady)}"  # type: ignore[misc]
            for name in moments
        ]
    for way in ways:
        parts = _by(slices, way)
        if len(parts) < 2 or any(len({_lattice_point(one) for one in part}) < len(part) for part in parts):
            continue
        complete = sum(len(part) == len(everywhere) for part in parts)
        if complete >= COMPLETE_SHARE * len(parts):
            return [
                _whole_or_lacking(candidate, part=way(part[0]), lacking=len(everywhere) - len(part))
                for part in parts
                for candidate in _of_one_kind(part)
            ]
        if all(len(part) >= FEWEST_TO_TELL and is_regular(part) for part in parts):
            return [_with_part(candidate, way(part[0])) for part in parts for candidate in _of_one_kind(part)]
    return []


def _with_part(candidate: Candidate, part: str) -> Candidate:
    joined = f"{part}|{candidate.part}" if candidate.part else part
    return Candidate(candidate.slices, part=joined, faults=candidate.faults, notes=candidate.notes)


def _whole_or_lacking(candidate: Candidate, *, part: str, lacking: int) -> Candidate:
    named = _with_part(candidate, part)
    if not lacking:
        return named
    total = lacking + len(candidate.slices)
    return named.refused(Fault("missing_slice", f"This time point lacks {lacking} of the {total} slices of others."))


def _of_one_kind(slices: Sequence[Slice]) -> list[Candidate]:
    """Slices at distinct positions, split by the settings that no two slices of a volume differ in."""
    differing = _differing(slices)
    parts = _by(slices, lambda one: _values(one, differing)) if differing else [list(slices)]
    if len(parts) == 1:
        return _of_few_values(slices)
    large = [part for part in parts if len(part) >= FEWEST_TO_TELL]
    small = len(parts) - len(large)
    if not large or (small and not all(map(is_regular, large))):
        return [Candidate(tuple(slices)).refused(mixed(parts, differing))]
    found: list[Candidate] = []
    for part in parts:
        value, note = _values(part[0], differing), _note(len(parts), differing)
        if len(part) < FEWEST_TO_TELL:
            found.append(Candidate(tuple(part), part=value).refused(mixed(parts, differing)))
        else:
            found += [
                Candidate(one.slices, part=f"{value}|{one.part}", faults=one.faults, notes=(*note, *one.notes))
                for one in _of_few_values(part)
            ]
    return found


def _of_few_values(slices: Sequence[Slice]) -> list[Candidate]:
    """Slices of one kind, split by a setting that may vary where each of its few values has a regular stack."""
    for name in VARYING:
        parts = _by(slices, lambda one, name=name: one.plane.settings.get(name, ""))  # type: ignore[misc]
        if 1 < len(parts) <= MOST_VALUES and all(len(part) >= FEWEST_TO_TELL and is_regular(part) for part in parts):
            note = _note(len(parts), (name,))
            return [
                Candidate(
                    one.slices,
                    part=f"{part[0].plane.settings.get(name, '')}|{one.part}",
                    faults=one.faults,
                    notes=(*note, *one.notes),
                )
                for part in parts
                for one in _of_few_values(part)
            ]
    return _of_one_run(slices)


def _of_one_run(slices: Sequence[Slice]) -> list[Candidate]:
    found = runs_of(slices)
    if found.parts:
        return [
            Candidate(tuple(part), part=str(number), notes=_note(len(found.parts), (found.clock,)))
            for number, part in enumerate(found.parts)
        ]
    whole = Candidate(tuple(slices), notes=found.notes)
    return [whole.refused(mixed([], (found.clock,))) if found.is_mixed else whole]


def _differing(slices: Sequence[Slice]) -> tuple[str, ...]:
    """The steady settings in which slices differ.

    A value that is missing counts where the slices that lack it and those that have it are regular stacks of their
    own, as of a native and a contrast phase; else the header is just not filled everywhere.
    """
    found = []
    for name in STEADY:
        parts = _by(slices, lambda one, name=name: one.plane.settings.get(name, ""))  # type: ignore[misc]
        if len(parts) == 1 or (name in EACH_ITS_OWN and len(parts) == len(slices)):
            continue
        lacking = any(not part[0].plane.settings.get(name) for part in parts)
        if len(parts) == 2 and lacking and not all(len(p) >= FEWEST_TO_TELL and is_regular(p) for p in parts):
            continue
        found.append(name)
    return tuple(found)


def _values(one: Slice, names: Sequence[str]) -> str:
    return " ".join(f"{one.plane.settings.get(name, '')};" for name in names)


def _by(slices: Sequence[Slice], key: Callable[[Slice], Hashable]) -> Parts:
    parts: dict[Hashable, list[Slice]] = defaultdict(list)
    for one in slices:
        parts[key(one)].append(one)
    return list(parts.values())


def mixed(parts: Parts, names: Sequence[str]) -> Fault:
    """The fault of slices that are of several acquisitions and make no whole stacks."""
    sizes = f" ({', '.join(str(len(part)) for part in parts)} slices)" if parts else ""
    return Fault(
        "mixed_series",
        f"The series holds several acquisitions or reconstructions, which differ in {_listed(names)}{sizes}, and its "
        "slices cannot be sorted into complete stacks. Export each of them as a series of its own.",
    )


def _note(number: int, names: Sequence[str]) -> tuple[str, ...]:
    return (f"one of {number} stacks of its series, which differ in {_listed(names)}",)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _lattice_point(one: Slice) -> LatticePoint:
    """The position on a lattice so fine that two slices of a volume never share a point of it."""
    position = one.plane.position or (np.nan,) * 3
    return tuple(round(value / SAME_POSITION_MM) if np.isfinite(value) else 0 for value in position)


def _in_time(name: str) -> tuple[float, str]:
    try:
        return float(name.split(" ", maxsplit=1)[0].split(";", maxsplit=1)[0].split("|", maxsplit=1)[0]), name
    except ValueError:
        return float("inf"), name
