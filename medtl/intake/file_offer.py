"""Cases that are a file each: NIfTI or pictures, wherever a collection keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from medtl.imaging.for_intake import ENDINGS, Choice, Scan, UnreadableScan, companions_of, one_scan, read_scan
from medtl.intake.mask_file import read_mask
from medtl.intake.offer import Cell, Offer
from medtl.intake.settings import IntakeSettings


def without_ending(name: str) -> str:
    """A file's name or path without the ending of an image format; the name itself where it has none."""
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def stem_of(path: Path) -> str:
    """The name of a file without the ending of its format."""
    stem = without_ending(path.name)
    return path.stem if stem == path.name else stem


@dataclass(frozen=True)
class FileLoader:
    """Reads the scan of a file when it is called."""

    path: Path
    choice: Choice = field(default_factory=Choice)

    def __call__(self) -> Scan:
        """The scan.

        Raises:
            UnreadableScan: as `read_scan`.
        """
        return read_scan(self.path, self.choice)


def with_choice(offers: Sequence[Offer], settings: IntakeSettings) -> tuple[Offer, ...]:
    """The offers with the settings by which files of several volumes or pages are read."""
    choice = Choice(volume=settings.volume, page_mm=settings.pages_mm)
    return tuple(
        replace(offer, load=replace(offer.load, choice=choice)) if isinstance(offer.load, FileLoader) else offer
        for offer in offers
    )


def file_offer(
    path: Path,
    root: Path,
    *,
    patient: str | None = None,
    mask: Path | None = None,
    label: str = "",
    split: str = "",
    fold: str = "",
    path_of: str = "",
    covariates: Mapping[str, Cell] | None = None,
) -> Offer:
    """The offer of one file; without a patient its path is left to be read for one (`patients`).

    Args:
        path: the image.
        root: the folder of the collection.
        patient: whose image it is; None where the source does not state it.
        mask: the mask that is drawn on the image.
        label: the class.
        split: the part of the official split.
        fold: the fold that the source gives.
        path_of: the path that is read for a patient, where it is not the image's own.
        covariates: further cells of the manifest, by column.
    """
    relative = path.relative_to(root).as_posix()
    own = (path, *_companions(path))
    stem = stem_of(path)
    return Offer(
        key=f"file:{relative}",
        patient=patient or "",
        files=own if mask is None else (*own, mask, *_companions(mask)),
        load=FileLoader(path),
        title="file",
        label=label,
        split=split,
        fold=fold,
        covariates=covariates or {},
        names={"case": stem, "image": relative, "patient_id": patient or "", "folder": str(Path(relative).parent)},
        origin={"image": relative},
        path="" if patient else path_of or without_ending(relative),
        load_mask=None if mask is None else partial(read_mask, mask),
    )


def _companions(path: Path) -> tuple[Path, ...]:
    """The data file of a header; none when the header is at fault: its reader reports that."""
    try:
        with one_scan():
            return companions_of(path)
    except UnreadableScan:
        return ()
