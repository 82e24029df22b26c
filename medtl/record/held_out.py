"""record.json of a held-out cohort: what is known of it once a finished run was tested on it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from medtl.cohort import flow
from medtl.record import run_folder as names
from medtl.record.openings import Opening
from medtl.record.typed_files import ONLY_ONCE, Count, Frozen, read_typed, write_typed


class HeldOut(Frozen):
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


def write_held_out(value: HeldOut, folder: Path) -> None:
    """Write record.json into the folder of the cohort."""
    write_typed(folder / names.RECORD, value)


def read_held_out(run: Path) -> tuple[HeldOut, ...]:
    """Every held-out cohort that this run was tested on: the sealed test first, then by name."""
    paths = (run / names.HELD_OUT).glob(f"*/{names.RECORD}")
    found = [read_typed(path, HeldOut, what="which cohort was tested", advice=ONLY_ONCE) for path in paths]
    return tuple(sorted(found, key=lambda one: (one.kind != "sealed", one.name)))
