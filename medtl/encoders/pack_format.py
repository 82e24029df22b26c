"""The file that carries encoders between machines: a plain tar archive, in an order that its index gives.

First `medtl-weights.json`, the index; then for each encoder of it `<name>/card.json`, `<name>/weights.safetensors`, and
`<name>/source_features.safetensors` where the card has statistics of its source.
Any tar program lists it. Owners, times and paths of the machine that wrote it are not in it.
"""

from __future__ import annotations

import tarfile
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medtl.encoders.card import EncoderName, Sha256
from medtl.encoders.foreign_file import LARGEST_FILE_BYTES
from medtl.encoders.stored_files import CARD_FILE, STATISTICS_FILE, WEIGHTS_FILE

INDEX_FILE: Final = "medtl-weights.json"
FORMAT: Final = "medtl weights, version 1"
BLOCK: Final = 512
"""A tar archive is made of blocks of so many bytes: a header, then the file, filled up with zeros."""

END: Final = bytes(2 * BLOCK)
LARGEST_INDEX_BYTES: Final = 1_000_000
LARGEST_CARD_BYTES: Final = 100_000
LARGEST_STATISTICS_BYTES: Final = 100_000_000
"""A covariance of 5,000 features."""


class PackedFile(BaseModel):
    """One file of a packed encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(ge=1)
    sha256: Sha256


class PackedEncoder(BaseModel):
    """An encoder of the index, with its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: EncoderName
    card: PackedFile
    weights: PackedFile
    source_features: PackedFile | None = None

    @property
    def files(self) -> tuple[tuple[str, PackedFile], ...]:
        """The files' names in the archive and what the index says of them, in the archive's order."""
        own = ((CARD_FILE, self.card), (WEIGHTS_FILE, self.weights), (STATISTICS_FILE, self.source_features))
        return tuple((f"{self.name}/{file}", packed) for file, packed in own if packed is not None)

    @model_validator(mode="after")
    def _sizes_are_possible(self) -> Self:
        if self.card.bytes > LARGEST_CARD_BYTES:
            raise ValueError(f"the card of {self.name} has {self.card.bytes:,} bytes; at most {LARGEST_CARD_BYTES:,}")
        if self.weights.bytes > LARGEST_FILE_BYTES:
            raise ValueError(
                f"the weights of {self.name} have {self.weights.bytes:,} bytes; at most {LARGEST_FILE_BYTES:,}"
            )
        if self.source_features is not None and self.source_features.bytes > LARGEST_STATISTICS_BYTES:
            raise ValueError(
                f"the statistics of {self.name} have {self.source_features.bytes:,} bytes; at most "
                f"{LARGEST_STATISTICS_BYTES:,}"
            )
        return self


class PackIndex(BaseModel):
    """What is in a pack, in its order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["medtl weights, version 1"] = "medtl weights, version 1"
    encoders: tuple[PackedEncoder, ...] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [encoder.name for encoder in self.encoders]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"it lists {', '.join(twice)} more than once")
        return self


def header(name: str, size: int) -> bytes:
    """The block before a file in the archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(format=tarfile.USTAR_FORMAT)


def filling(size: int) -> int:
    """How many zeros follow a file of so many bytes."""
    return -size % BLOCK
