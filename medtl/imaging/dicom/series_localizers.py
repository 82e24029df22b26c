"""Localizers: images to plan others by, alone or among the slices of a stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from medtl.imaging.dicom.candidate import Candidate
from medtl.imaging.dicom.series_rules import LOCALIZER_ORIENTATIONS, LOCALIZER_WORDS


def localizers_among(candidates: Sequence[Candidate], *, fewest_slices: int) -> set[int]:
    """The places of those that say that they are localizers, and of series that are cut in three directions.

    A localizer among the slices of a stack is refused alone: by its own ImageType or description; and of a series of
    three directions, the one direction that has slices enough for a volume when the others have not is no localizer.
    """
    found: set[int] = set()
    series: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, candidate in enumerate(candidates):
        plane = candidate.slices[0].plane
        words = " ".join((*plane.image_type, candidate.header.series_description)).upper()
        if any(word in words for word in LOCALIZER_WORDS):
            found.add(place)
        elif plane.orientation is not None and candidate.header.series_uid:
            series[(candidate.header.study_uid, candidate.header.series_uid)].append(place)
    for places in series.values():
        directions: dict[tuple[float, ...], list[int]] = defaultdict(list)
        for place in places:
            directions[tuple(np.round(candidates[place].slices[0].plane.orientation or (), 3))].append(place)
        if len(directions) < LOCALIZER_ORIENTATIONS:
            continue
        deep = [own for own in directions.values() if max(len(candidates[p].slices) for p in own) >= fewest_slices]
        found |= set(places) - set(deep[0] if len(deep) == 1 else ())
    return found
