"""Settings of encoders for volumes: `slices`, `inflated`, `acs` and 3D networks, readable without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from medtl.axes import Plane

Pooling = Literal["attention", "mean", "max"]
Inflation = Literal["centre", "mean"]

LARGEST_STRIDE = 4
THICKEST_STEM = 7
"""Voxels; the stems of ImageNet networks are 7 wide in both directions of the picture."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class VolumeSettings(BaseModel):
    """A study's settings of encoders for volumes; every field says which encoders use it.

    Centre inflation is the default because it is exact: a stack of equal slices gives the 2D network's features
    everywhere. Mean inflation gives them only where no zero padding is in reach, and ImageNet networks reach further
    than most volumes are deep (measured in tests/encoders/test_real_volumes.py).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    planes: Annotated[tuple[Plane, ...], BeforeValidator(_as_tuple)] = Field(
        default=("axial",),
        min_length=1,
        description="slices: the planes that are cut, each pooled by itself, their features averaged. inflated and "
        "bare 3D networks: the first one is the plane of the 2D kernels, and the stem's thickness lies across it.",
    )
    pooling: Pooling = Field(default="attention", description="slices: how the slices' features become the patient's.")
    slices_at_once: int = Field(
        default=32,
        ge=1,
        le=4096,
        description="slices: the most that go through the network together; fewer if they are over 224 x 224 pixels.",
    )
    inflation: Inflation = Field(
        default="centre",
        description="inflated: the 2D kernel in the middle of the depth (centre), or a share of it everywhere (mean).",
    )
    stem_stride: tuple[int, int, int] | None = Field(
        default=None,
        description="3D networks: voxels (right, anterior, superior) between the first convolution's positions; None "
        "keeps the network's own 2. Fewer keep the detail of thin or tiny volumes.",
    )
    stem_thickness: int | None = Field(
        default=None,
        ge=1,
        le=THICKEST_STEM,
        description="inflated and bare 3D networks: how many slices the first convolution sees; None keeps the "
        "network's own, 7 or 3.",
    )

    @field_validator("planes")
    @classmethod
    def _each_once(cls, planes: tuple[Plane, ...]) -> tuple[Plane, ...]:
        if len(set(planes)) < len(planes):
            raise ValueError(f"each plane can be named once; got {', '.join(planes)}")
        return planes

    @field_validator("stem_stride")
    @classmethod
    def _stride_is_small(cls, stride: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        if stride is not None and not all(1 <= step <= LARGEST_STRIDE for step in stride):
            raise ValueError(
                f"stem_stride is {stride}; expected three whole numbers (right, anterior, superior) from 1 to "
                f"{LARGEST_STRIDE}, such as [2, 2, 1] for few slices"
            )
        return stride

    @field_validator("stem_thickness")
    @classmethod
    def _thickness_has_a_middle(cls, thickness: int | None) -> int | None:
        if thickness is not None and thickness % 2 == 0:
            raise ValueError(
                f"stem_thickness is {thickness}; expected an odd number of slices, so that one is the middle"
            )
        return thickness
