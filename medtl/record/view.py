"""The facts of a volume's small copy, as the run wrote them: its grid in the patient, its slices, and its weights.

In: `<stem>-view.json` of a fold's `saliency/` folder. Out: a frozen value, checked number by number, since it goes
into a page and steers the viewer there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from medtl.axes import NORMAL, Plane, position_in_words
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import write_atomically

LARGEST_FILE_BYTES = 200_000
"""A view of 160 slices with their weights has less than 10 kB."""

LEAST_VOLUME_MM3 = 1e-9
"""Of a voxel: below it the axes of a grid lie in a plane."""

NO_BREAK = "\u00a0"
"""Letter and number stay on one line."""

OBLIQUE_DEGREES = 0.1
"""From here on a position holds along the slice axis only."""

Side = Annotated[int, Field(ge=1, le=512)]
Point = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
AffineRow = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
Numbers = Annotated[tuple[FiniteFloat, ...], Field(min_length=1, max_length=4096)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Sheet(_Facts):
    """The plane of the sheet of slices, and where its slices lie along their axis."""

    plane: Plane
    positions_mm: Numbers


class Weights(_Facts):
    """How much the network weighed each slice of a plane; `indices` are places on the small grid."""

    plane: Plane
    values: Numbers
    positions_mm: Numbers
    indices: Numbers

    @model_validator(mode="after")
    def _one_position_for_each(self) -> Self:
        if not len(self.values) == len(self.positions_mm) == len(self.indices) or min(self.values) < 0:
            raise ValueError(
                f"expected weights of at least 0, each with a position and an index; got {len(self.values)} weights "
                f"from {min(self.values)}, {len(self.positions_mm)} positions and {len(self.indices)} indices"
            )
        return self


class Checksums(_Facts):
    """Adler-32 of the mosaics' pixels, row by row."""

    scan: Annotated[int, Field(ge=0, lt=2**32)]
    map: Annotated[int, Field(ge=0, lt=2**32)]


class ViewFacts(_Facts):
    """A small copy of a volume along (right, anterior, superior); `affine` leads from its indices to mm."""

    format: Literal[1]
    shape: tuple[Side, Side, Side]
    columns: Side
    spacing_mm: Point
    affine: tuple[AffineRow, AffineRow, AffineRow, AffineRow]
    tilt_degrees: dict[Plane, FiniteFloat]
    checksums: Checksums
    peak: Point | None
    peak_mm: Point | None
    seen_box: tuple[tuple[FiniteFloat, FiniteFloat], ...] | None
    montage: Sheet
    slice_weights: Weights | None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        voxel_mm3 = abs(np.linalg.det(np.array(self.affine)[:3, :3]))
        if voxel_mm3 < LEAST_VOLUME_MM3:
            raise ValueError(
                f"the axes of the grid lie in a plane: a voxel of {voxel_mm3:g} mm³, "
                f"expected at least {LEAST_VOLUME_MM3}"
            )
        if set(self.tilt_degrees) != set(NORMAL):
            raise ValueError(
                f"expected a tilt for axial, coronal and sagittal; got {', '.join(sorted(self.tilt_degrees)) or 'none'}"
            )
        if self.peak is not None and not all(
            -0.5 <= index <= side - 0.5 for index, side in zip(self.peak, self.shape, strict=True)
        ):
            raise ValueError(f"the strongest point lies outside the grid: index {self.peak} of {self.shape} voxels")
        if self.seen_box is not None and len(self.seen_box) != len(self.shape):
            raise ValueError(f"the box of what was seen has {len(self.seen_box)} sides; expected {len(self.shape)}")
        return self

    @property
    def mosaic_px(self) -> tuple[int, int]:
        """Width and height that the mosaics must have."""
        right, anterior, superior = self.shape
        return self.columns * right, -(-superior // self.columns) * anterior

    def along_normal_mm(self, plane: Plane, index: float) -> float:
        """Where a slice of the small grid lies along the normal of its plane."""
        affine, own = np.array(self.affine), NORMAL[plane]
        first, second = (affine[:3, axis] for axis in range(3) if axis != own)
        upright = np.cross(first, second)
        upright *= np.sign(upright @ affine[:3, own]) / np.linalg.norm(upright)
        return float(upright @ (affine[:3, 3] + index * affine[:3, own]))

    def is_oblique(self, plane: Plane) -> bool:
        """Whether positions of a plane hold along its slice axis only."""
        return self.tilt_degrees[plane] > OBLIQUE_DEGREES


def write_view(facts: Mapping[str, object], path: Path) -> None:
    """Write a view's JSON; facts that `read_view` would refuse are not written."""
    ViewFacts.model_validate(facts)
    write_atomically(path, json.dumps(facts, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_view(path: Path, *, fold: int) -> ViewFacts:
    """The facts in a view's JSON; a file that is missing, cut or from another tool is refused by its name."""
    name = f"fold_{fold}/saliency/{path.name}"
    if not path.is_file():
        raise ConfigurationError(
            f"{name} is missing: saliency.csv names it. If the run was copied, copy it whole.", file=path.name
        )
    size = path.stat().st_size
    try:
        if size > LARGEST_FILE_BYTES:
            raise ValueError(f"it has {size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read")
        return ViewFacts.model_validate_json(path.read_bytes())
    except ValueError as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}" if first else str(error)
        raise IntegrityFailure(
            f"{name} does not describe a view of a volume ({where}): it was changed after the run wrote it. "
            "Restore it, or run again with --resume.",
            file=path.name,
        ) from error


def along(plane: Plane, mm: float) -> str:
    """A position along a plane's slice axis, with the patient's letter in place of a sign: `S 12.5`."""
    return position_in_words(NORMAL[plane], mm, space=NO_BREAK)


def point_words(mm: Point) -> str:
    """A point of the patient: `L 29.8, A 30.0, S 64.6 mm`."""
    return f"{', '.join(position_in_words(axis, value, space=NO_BREAK) for axis, value in enumerate(mm))} mm"
