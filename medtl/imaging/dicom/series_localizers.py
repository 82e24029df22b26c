"""Localizers: images to plan others by, alone or among the slices of a stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from medtl.imaging.dicom.candidate import Candidate
from medtl.imaging.dicom.series_rules import LOCALIZER_ORIENTATIONS, LOCALIZER_WORDS


def localizers_among(candidates: Sequence[Candidate], *, fewest_slices: int) -> set[int]:
    """Indices of the localizers: candidates that say so, and series with slices in three directions.

    A localizer among the slices of a stack is refused alone: by its own ImageType or description; and of a series of
    three directions, the one direction that has slices enough for a volume when the others have not is no localizer.
    """
    found: set[int] = set()
    series: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, candidate in enumerate(candidates):
        plane = candidate.slices[0].plane
        words = " ".join((*plane.image_type, candidate.header.series_description)).upper()
        if any(word in words for word in LOCALIZER_WORDS):
            found.add(index)
        elif plane.orientation is not None and candidate.header.series_uid:
            series[(candidate.header.study_uid, candidate.header.series_uid)].append(index)
    for indices in series.values():
        directions: dict[tuple[float, ...], list[int]] = defaultdict(list)
        for index in indices:
            directions[tuple(np.round(candidates[index].slices[0].plane.orientation or (), 3))].append(index)
        if len(directions) < LOCALIZER_ORIENTATIONS:
            continue
        deep = [own for own in directions.values() if max(len(candidates[p].slices) for p in own) >= fewest_slices]
        found |= set(indices) - set(deep[0] if len(deep) == 1 else ())
    return found
