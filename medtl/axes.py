"""The patient's axes: one definition for encoders, explanation, record and report.

Volumes lie along (right, anterior, superior), with indices and millimetres growing that way. A plane is named as a
radiologist names it; its normal is the axis that it stands upright on.
"""

from __future__ import annotations

from typing import Final, Literal

Plane = Literal["axial", "coronal", "sagittal"]

PLANES: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")

TOWARDS: Final = ("right", "anterior", "superior")
"""Where each axis goes to."""

ENDS: Final = (("L", "R"), ("P", "A"), ("I", "S"))
"""The letters of where each axis comes from and goes to."""

NORMAL: Final[dict[Plane, int]] = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The axis that a plane's slices are counted along."""

EDGES: Final[dict[Plane, tuple[str, str]]] = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("A", "P")}
"""What lies at the left and the right of a picture: rows run towards posterior or inferior, columns towards left or
posterior, as films are hung."""


def left_right_axis(axes: int) -> int:
    """The spatial axis from the patient's one side to the other: the columns of a picture, the first of a volume."""
    return 0 if axes == len(TOWARDS) else axes - 1


def direction_code(axis: int, mm: float) -> str:
    """The letter of the side of zero on which a position lies, once rounded to a tenth of a millimetre."""
    return ENDS[axis][round(mm, 1) >= 0]


def position_in_words(axis: int, mm: float, *, space: str = " ") -> str:
    """A position along an axis, with the patient's letter in place of a sign: `S 12.5`."""
    return f"{direction_code(axis, mm)}{space}{abs(round(mm, 1)):.1f}"
