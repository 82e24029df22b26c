"""Private elements of manufacturers: b-values, kinds of image, and grids of tiles.

They are public, as makers' conformance statements and free converters name them; each counts only where its block names
the maker's creator. The b-value: Siemens (0019,100C), GE (0043,1039, the first number, modulo 10^9), Philips
(2001,1003), United Imaging (0065,1009). Runs in the worker process.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from pydicom import Dataset
from pydicom.tag import Tag

from medtl.imaging.dicom.acquisition_tags import setting_text

PRIVATE_B_VALUES = {
    (0x0019, 0x100C): "SIEMENS MR HEADER",
    (0x0043, 0x1039): "GEMS_PARM_01",
    (0x2001, 0x1003): "Philips Imaging DD 001",
    (0x0065, 0x1009): "Image Private Header",
}
"""Element of each maker's b-value and the creator that its block must name."""

TEXT_GROUPS = (0x0019, 0x0043)
"""Siemens and GE write integer strings, the others binary numbers of 4 or 8 bytes."""

PRIVATE_IMAGE_KINDS = {
    (0x0043, 0x102F): "GEMS_PARM_01",
    (0x0043, 0x1030): "GEMS_PARM_01",
    (0x2005, 0x1413): "Philips MR Imaging DD 005",
}
"""Elements in which a maker says of what kind an image is, where ImageType does not: of GE's field maps the two images
of each slice (0 and 2 in the second) differ in nothing else; Philips numbers the directions of a diffusion series, of
which two may be equal."""

PRIVATE_DIRECTIONS = {
    (0x0019, 0x100E): "SIEMENS MR HEADER",
    (0x0065, 0x1037): "Image Private Header",
    (0x2005, 0x10B0): "Philips MR Imaging DD 001",
    (0x2005, 0x10B1): "Philips MR Imaging DD 001",
    (0x2005, 0x10B2): "Philips MR Imaging DD 001",
}
"""The direction of the diffusion weighting: three numbers in one element, or one in each of Philips' three."""

PRIVATE_ELEMENTS = {**PRIVATE_DIRECTIONS, **PRIVATE_B_VALUES, **PRIVATE_IMAGE_KINDS}

GE_B_VALUE_OFFSET = 10**9
"""GE adds multiples of it as a flag."""

TILE_COUNTS = {(0x0019, 0x100A): "SIEMENS MR HEADER", (0x0065, 0x1050): "Image Private Header"}
"""Where Siemens and United Imaging say how many slices are tiles of one image, and who must have made the element."""

ALL_ELEMENTS = {**PRIVATE_ELEMENTS, **TILE_COUNTS}
WANTED = [
    *(Tag(*tag) for tag in ALL_ELEMENTS),
    *(Tag(group, element >> 8) for group, element in ALL_ELEMENTS),
]
"""The elements and the creators of their blocks, as a partial reading asks for them."""


def private_settings(dataset: Dataset) -> dict[str, str]:
    """The settings that makers' own elements of a dataset hold.

    DiffusionBValue, DiffusionGradientOrientation and MakersImageKind.
    """
    elements = {tag: dataset[Tag(*tag)].value for tag in PRIVATE_ELEMENTS if Tag(*tag) in dataset}
    creators = {tag: creator_of(dataset, tag) for tag in elements}
    found = {
        "DiffusionBValue": private_b_value(elements, creators),
        "DiffusionGradientOrientation": private_direction(elements, creators),
        "MakersImageKind": private_image_kind(elements, creators),
    }
    return {name: text for name, text in found.items() if text}


def tiles_of(dataset: Dataset) -> int:
    """The number of slices that are tiles of the image, by a private element; 0 without one."""
    for tag, creator in TILE_COUNTS.items():
        if Tag(*tag) in dataset and creator_of(dataset, tag) == creator:
            number = _first_number(dataset[Tag(*tag)].value, is_text=tag[0] != 0x0019)
            return int(number) if number is not None and math.isfinite(number) else 0
    return 0


def creator_of(dataset: Dataset, tag: tuple[int, int]) -> str:
    """The private creator of the block that an element lies in."""
    block = Tag(tag[0], tag[1] >> 8)
    return str(dataset[block].value).strip() if block in dataset else ""


def private_b_value(elements: Mapping[tuple[int, int], object], creators: Mapping[tuple[int, int], str]) -> str:
    """The b-value of a maker's own element, as `setting_text` writes it; empty when there is none.

    `creators` names the creator of the block of each element.
    """
    for tag, creator in PRIVATE_B_VALUES.items():
        if tag in elements and creators.get(tag, "").strip() == creator:
            number = _first_number(elements[tag], is_text=tag[0] in TEXT_GROUPS)
            if number is not None and math.isfinite(number) and number >= 0:
                return setting_text("DiffusionBValue", number % GE_B_VALUE_OFFSET if tag[0] == 0x0043 else number)
    return ""


def private_direction(elements: Mapping[tuple[int, int], object], creators: Mapping[tuple[int, int], str]) -> str:
    """The direction of the weighting in a maker's own elements, as `setting_text` writes it; empty without one."""
    own = [tag for tag, creator in PRIVATE_DIRECTIONS.items() if tag in elements and creators.get(tag, "") == creator]
    numbers = [number for tag in own for number in _numbers(elements[tag])]
    return setting_text("DiffusionGradientOrientation", numbers) if len(numbers) == 3 else ""


def _numbers(value: object) -> list[float]:
    """Numbers of an element, also of bytes whose type the file does not say (one float, or doubles)."""
    if isinstance(value, bytes):
        size = 4 if len(value) == 4 else 8
        return [
            float(one) for (one,) in struct.iter_unpack("<f" if size == 4 else "<d", value[: len(value) // size * size])
        ]
    try:
        return [float(one) for one in value]  # type: ignore[attr-defined]
    except TypeError:
        number = _first_number(value, is_text=True)
        return [] if number is None else [number]
    except ValueError:
        return []


def private_image_kind(elements: Mapping[tuple[int, int], object], creators: Mapping[tuple[int, int], str]) -> str:
    """The kinds that a maker's own elements give an image, as one text; empty when there are none."""
    found = [
        setting_text("MakersImageKind", _first_number(elements[tag], is_text=False))
        for tag, creator in PRIVATE_IMAGE_KINDS.items()
        if tag in elements and creators.get(tag, "").strip() == creator
    ]
    return " ".join(filter(None, found))


def _first_number(value: object, *, is_text: bool) -> float | None:
    """A number, the first of several, or one in bytes whose type the file does not say."""
    if isinstance(value, bytes):
        if not is_text:
            code = {2: "<h", 4: "<f", 8: "<d"}.get(len(value))
            return None if code is None else float(struct.unpack(code, value)[0])
        value = value.decode("ascii", errors="replace").split("\\")[0].strip(" \0")
    elif not isinstance(value, str | int | float) and value is not None:
        values = list(value)  # type: ignore[call-overload]
        value = values[0] if values else None
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None
