"""The card of an encoder, which lies beside its weights."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from medtl.encoders.families import Family, family_of
from medtl.encoders.settings import VolumeSettings

Architecture = str
"""A name that one of the families lists."""

GreyRule = Literal["repeat", "sum_stem"]
Form = str
Lifting = Literal["slices", "inflated", "acs"]
Standardisation = Literal["by_card", "by_foreground"]

NAME_PATTERN = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
"""Names become folder names: lower-case letters and digits, joined by single dots, dashes or underscores."""

LONGEST_NAME = 64
"""Characters; short enough for every file system and for a column of a table."""

EncoderName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
DownloadUrl = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+/[^\s?#@]*[^\s?#@/]$")]
"""The address of a file: https, no query, no user."""


class AccountSummary(BaseModel):
    """Counts of the stored tensors that reach the encoder; the names are in `Account`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loaded: int = Field(ge=0, description="Tensors taken as they are.")
    adapted: int = Field(ge=0, description="Tensors changed by a named rule, such as float16 widened to float32.")
    left_out: int = Field(ge=0, description="Tensors of the file that the encoder does not use: the old classifier.")

    @property
    def in_words(self) -> str:
        """The counts in a sentence."""
        return f"{self.loaded} tensors unchanged, {self.adapted} converted, {self.left_out} unused"


class SourceFeatures(BaseModel):
    """What the card says of the features of the images that the weights were trained on.

    Mean and covariance lie in `source_features.safetensors` beside the weights, which has this sha256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cases: int = Field(ge=2, description="Images, each seen once without augmentation.")
    patients: int = Field(ge=1)
    features: int = Field(ge=1, description="Of the last stage, pooled.")
    shrinkage: float = Field(ge=0, le=1, description="Of the covariance in distances (Ledoit and Wolf 2004).")
    limit: float = Field(
        ge=0, description="95th percentile of the images' Mahalanobis distances from those of other patients."
    )
    held_out_cases: int = Field(default=0, ge=0, description="Images of the source that were not learnt from.")
    held_out_outside: int = Field(default=0, ge=0, description="Of these, those beyond the limit.")
    sha256: Sha256


class EncoderCard(BaseModel):
    """Everything a Methods section says about a pretrained encoder, and what it needs as input.

    A scan in [0, 1] is mapped linearly onto `value_range`, then standardised by `mean` and `std` of its channel. With
    `by_foreground` it is standardised by its own voxels above 0 instead, and voxels at 0 become 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: EncoderName
    architecture: Architecture
    dimensions: Literal[2, 3] = Field(default=2, description="Of the scans that it takes: pictures or volumes.")
    lifting: Lifting | None = Field(
        default=None,
        description="How a network for pictures came to take volumes; None for networks of their own kind.",
    )
    form: Form = Field(
        default="imagenet",
        description="What weights of equal names and shapes do not show: as PyTorch's networks for ImageNet; with the "
        "padding of TensorFlow (tf); or as in MedicalNet, whose ResNets have shortcuts without weights at 18 and 34 "
        "layers, and dilation instead of the last two strides.",
    )
    volumes: VolumeSettings | None = Field(default=None, description="The settings that it takes volumes with.")
    channels: Literal[1, 3] = Field(default=3, description="Channels that the first convolution was trained on.")
    value_range: tuple[float, float] = Field(default=(0.0, 1.0), description="Values that black and white map to.")
    mean: tuple[float, ...] = Field(description="Per channel, in units of value_range.")
    std: tuple[float, ...] = Field(description="Per channel, in units of value_range.")
    input_size_px: int = Field(default=224, ge=32, description="Side of the square images or slices seen in training.")
    grey_rule: GreyRule = Field(
        default="repeat",
        description="How a grey scan enters a 3-channel stem: shown three times (repeat), or through the stem's "
        "kernels summed over the channels (sum_stem): the same function, no faster on a CPU, grey scans only.",
    )
    standardised: Standardisation = "by_card"
    trained_on: str = Field(description="The task and the data of the weights.")
    source_classes: int | None = Field(
        default=None, ge=2, description="Classes of the source task, which the file's classifier has to have."
    )
    licence: str
    source: str = Field(description="Where the weights come from, or can be had.")
    download_url: DownloadUrl | None = Field(default=None, description="Of the publisher's file itself.")
    research_only: bool = Field(default=False, description="Whether the licence excludes commercial or clinical use.")
    citation: str = ""
    note: str = Field(default="", description="What a reader has to know, such as a disputed normalisation.")
    needs_weights: bool = Field(default=True, description="False for bare architectures: they start from chance.")
    layout: str | None = Field(default=None, description="The layout of tensor names that the file came in.")
    published_sha256: Sha256 | None = Field(default=None, description="Of the publisher's file, where it is known.")
    original_sha256: Sha256 | None = Field(default=None, description="Of the file that was imported.")
    sha256: Sha256 | None = Field(default=None, description="Of the stored weights.safetensors.")
    account: AccountSummary | None = None
    source_features: SourceFeatures | None = Field(
        default=None, description="Of the images that the weights were trained on, where they were computed."
    )

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        low, high = self.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"value_range is {self.value_range}; expected two finite numbers, the lower one first")
        for field, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != self.channels:
                raise ValueError(
                    f"{field} has {len(numbers)} numbers; expected one per channel, that is {self.channels}"
                )
            if not all(math.isfinite(number) for number in numbers):
                raise ValueError(f"{field} is {numbers}; expected finite numbers")
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std}; expected numbers above 0")
        if self.grey_rule == "sum_stem" and self.channels != 3:
            raise ValueError("grey_rule sum_stem is for stems of 3 channels; this one has 1")
        return self

    @model_validator(mode="after")
    def _dimensions_fit(self) -> Self:
        if self.lifting is not None and self.dimensions == 2:
            raise ValueError(f"lifting {self.lifting} is for volumes; dimensions is 2")
        if self.dimensions not in self.family.spaces:
            raise ValueError(
                f"form {self.form} is for {self.family.spaces[0]}D networks; dimensions is {self.dimensions}"
            )
        return self

    @property
    def family(self) -> Family:
        """The family of its network."""
        return family_of(self.architecture, self.form)

    @property
    def kernels(self) -> Literal[2, 3]:
        """Dimensions of the stored kernels: `slices` and `acs` keep those for pictures."""
        return 3 if self.dimensions == 3 and self.lifting in (None, "inflated") else 2
