"""sealed.json: which cases a study keeps sealed until `medtl unseal`, by two hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from medtl.cohort import Cohort
from medtl.files import fingerprint
from medtl.folds import sealing
from medtl.imaging import ScanFacts
from medtl.record import run_folder as names
from medtl.record.typed_files import ONLY_ONCE, Count, Frozen, read_typed, write_typed


class Seal(Frozen):
    """A sealed test as the run knows it: how many cases and patients `column` calls test, and two names for them.

    `commitment` names the cases with their labels and pixels, `images` the set of their pixels alone.
    """

    column: str
    cases: Count
    patients: Count
    commitment: str
    images: str


def seal_of(sealed: Cohort, facts: Mapping[str, ScanFacts], column: str) -> Seal:
    """What is known of a sealed test before it is opened."""
    pixels = {case.case_id: facts[case.case_id].pixel_sha256 for case in sealed.cases}
    return Seal(
        column=column,
        cases=len(sealed.cases),
        patients=len(sealed.patients),
        commitment=sealing.commitment(sealed, pixels),
        images=images_of(pixels.values()),
    )


def images_of(pixel_sha256: Iterable[str]) -> str:
    """A name for a set of images."""
    return fingerprint(sorted(set(pixel_sha256)))


def write_seal(seal: Seal, run: Path) -> None:
    """Write sealed.json into a run folder."""
    write_typed(run / names.SEALED, seal)


def read_seal(run: Path) -> Seal | None:
    """The seal of a run, None where its study seals nothing.

    Raises:
        IntegrityFailure: the file was changed.
    """
    path = run / names.SEALED
    return read_typed(path, Seal, what="which cases are sealed", advice=ONLY_ONCE) if path.is_file() else None
