"""environment.json: with what a run was made, when, and how long each part took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from medtl.encoders import EncoderCard
from medtl.record import run_folder as names
from medtl.record.typed_files import Frozen, Text, read_typed, text_of, write_typed

FIELDS_ON_PAGES = (
    "name", "architecture", "lifting", "trained_on", "licence", "source", "citation", "note", "grey_rule",
    "published_sha256", "sha256",
)  # fmt: skip
"""The fields of an encoder's card that a page shows, in this order."""

Seconds = Annotated[float, Field(ge=0)]


class Provenance(Frozen):
    """With what a run was made: its seed and fingerprint, versions, machine and encoders.

    `versions` are None for packages that are not installed. `encoder` is None where no network had a part.
    `finished_utc` is None while the run goes on.
    """

    fingerprint: str
    seed: int
    versions: Mapping[str, str | None]
    python: Text
    platform: Text
    cpu_count: int | None
    device: Text | None = None
    encoder: EncoderCard | None = None
    further_encoders: tuple[EncoderCard, ...] = ()
    started_utc: str | None = None
    finished_utc: str | None = None
    seconds: Mapping[str, Seconds] = {}

    @property
    def installed(self) -> Mapping[str, str]:
        """The versions of the packages that were there."""
        return {name: version for name, version in self.versions.items() if version is not None}

    @property
    def card(self) -> Mapping[str, str]:
        """The encoder's card as pages show it: what is known of it, field by field, in words."""
        known = {} if self.encoder is None else self.encoder.model_dump(mode="json")
        return {name: text_of(known[name]) for name in FIELDS_ON_PAGES if known.get(name) not in (None, "")}


def write_provenance(value: Provenance, run: Path) -> None:
    """Write environment.json into a run folder."""
    write_typed(run / names.ENVIRONMENT, value)


def read_provenance(run: Path) -> Provenance:
    """The environment.json of a run folder.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    return read_typed(run / names.ENVIRONMENT, Provenance, what="with what the run was made")
