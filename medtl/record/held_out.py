"""What is known of a sealed test before it is opened, and of a held-out cohort once it was: values that pages read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medtl.cohort import flow
from medtl.errors import IntegrityFailure
from medtl.record import run_folder as names

Count = Annotated[int, Field(ge=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Opening(BaseModel):
    """When which run (its folder's name and its fingerprint) opened the cohort.

    `opened` are its images, by the first digits of their sha256; none in the logs of an earlier medtl. `is_answered` is
    false when the process was stopped before anything of what the models say was on the disk.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    run: str
    fingerprint: str
    opened: tuple[str, ...] = ()
    is_answered: bool = True

    def is_same(self, other: Opening) -> bool:
        """Whether both are one line of two logs."""
        return (self.at, self.run, self.fingerprint) == (other.at, other.run, other.fingerprint)


class Seal(_Frozen):
    """A sealed test as the run knows it: how many cases and patients `column` calls test, and two names for them.

    `commitment` names the cases with their labels and pixels, `images` the set of their pixels alone.
    """

    column: str
    cases: Count
    patients: Count
    commitment: str
    images: str


class HeldOut(_Frozen):
    """A held-out cohort that a finished run was tested on.

    `openings` are those by this run, `elsewhere` those of the same images by other runs of this user on this machine,
    both until now and in order. `left_out` counts cases by reason.
    """

    name: str
    kind: Literal["sealed", "external"]
    source: str
    fingerprint: str
    images: str
    cases: Count
    patients: Count
    by_class: tuple[flow.ClassCount, ...]
    development: tuple[flow.ClassCount, ...]
    left_out: tuple[tuple[str, Count], ...] = ()
    members: Count
    notes: tuple[str, ...] = ()
    openings: tuple[Opening, ...]
    elsewhere: tuple[Opening, ...] = ()


def read_seal(run: Path) -> Seal | None:
    """The seal of a run, None where its study seals nothing."""
    path = run / names.SEALED
    return _read(Seal, path) if path.is_file() else None


def read_held_out(run: Path) -> tuple[HeldOut, ...]:
    """Every held-out cohort that this run was tested on: the sealed test first, then by name."""
    found = [_read(HeldOut, path) for path in (run / names.HELD_OUT).glob(f"*/{names.RECORD}")]
    return tuple(sorted(found, key=lambda one: (one.kind != "sealed", one.name)))


Form = TypeVar("Form", bound=_Frozen)


def _read(form: type[Form], path: Path) -> Form:
    try:
        return form.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} is not what medtl wrote: it was changed afterwards. Restore it from a "
            "backup; a seal or an opening cannot be made anew.",
            file=path.name,
        ) from error
