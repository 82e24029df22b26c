"""One volume out of several in a file, as somebody chose; without a choice the file is refused with the count."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from medtl.imaging.formats.format import Choice
from medtl.imaging.scan import UnreadableScan

OPTION = "--volume first, --volume mean, or --volume N with N from 1"


def wanted_volumes(count: int, choice: Choice) -> range:
    """The volumes that are read, counted from 0; of `mean` all of them.

    Raises:
        UnreadableScan: `several_volumes`, there are several and nobody chose, or there is none of that number.
    """
    if count == 1:
        return range(1)
    if choice.volume is None:
        raise UnreadableScan(
            f"The file holds {count} volumes (time points, directions or channels); a case is one. Choose with "
            f"medtl intake {OPTION}, or save the one that is meant as its own file.",
            reason="several_volumes",
            volumes=count,
        )
    if choice.volume == "mean":
        return range(count)
    number = 1 if choice.volume == "first" else choice.volume
    if not 1 <= number <= count:
        raise UnreadableScan(
            f"--volume {number} was asked for, and the file holds {count} volumes, counted from 1.",
            reason="several_volumes",
            volumes=count,
        )
    return range(number - 1, number)


def only_or_mean(volumes: Iterable[np.ndarray], count: int) -> np.ndarray:
    """The only volume as it is, or the mean of so many; one at a time is held."""
    total: np.ndarray | None = None
    for volume in volumes:
        if count == 1:
            return volume
        total = volume.astype(np.float64) if total is None else total + volume
    assert total is not None
    return total / count


def volume_note(count: int, choice: Choice) -> tuple[str, ...]:
    """The note on a file with so many volumes."""
    if count == 1:
        return ()
    if choice.volume == "mean":
        return (f"mean of the {count} volumes in the file",)
    return (f"volume {1 if choice.volume == 'first' else choice.volume} of {count} in the file (counted from 1)",)


def refuse_vectors(what: str, count: int) -> UnreadableScan:
    """The refusal of a file whose voxels are colours or vectors."""
    return UnreadableScan(
        f"The {what} file has {count} numbers in each voxel (colours, vectors or tensors); a scan has one. "
        "Save the map that is meant (for example a magnitude) as its own file.",
        reason="vector_voxels",
    )
