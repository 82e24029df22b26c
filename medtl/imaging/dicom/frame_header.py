"""The header of one frame: the tags of the file with those of the frame over them (PS3.3 C.7.6.16).

A file of several frames may say for each what its values mean, how they are shown and how large its pixels are. A still
has the same tags at the top of its header, so that a frame and the still that is made of it read the same.
"""

from __future__ import annotations

from pydicom import Dataset

FRAME_MACROS = (
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "FramePixelDataPropertiesSequence",
)
"""Functional groups that hold tags of `grey_values` or `pixel_size`."""


def header_of_frame(header: Dataset, frame: int) -> Dataset:
    """The tags that hold for a frame, counted from 0; without functional groups those of the file."""
    flat = Dataset(header)
    flat.file_meta = header.file_meta
    shared = header.get("SharedFunctionalGroupsSequence") or ()
    each = header.get("PerFrameFunctionalGroupsSequence") or ()
    for groups in (*shared[:1], *each[frame : frame + 1]):
        for macro in FRAME_MACROS:
            for item in (groups.get(macro) or ())[:1]:
                flat.update(item)
    return flat
