"""Cases that are a file each: NIfTI or pictures, wherever a collection keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from medtl.imaging.arrivals import read_scan
from medtl.intake.mask_file import read_mask
from medtl.intake.offer import Cell, Offer

ENDINGS = (".nii.gz", ".nii", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


def without_ending(name: str) -> str:
    """A file's name or path without the ending of an image format; the name itself where it has none."""
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def stem_of(path: Path) -> str:
    """The name of a file without the ending of its format."""
    stem = without_ending(path.name)
    return path.stem if stem == path.name else stem


def file_offer(
    path: Path,
    root: Path,
    *,
    patient: str | None = None,
    mask: Path | None = None,
    label: str = "",
    split: str = "",
    fold: str = "",
    covariates: Mapping[str, Cell] | None = None,
) -> Offer:
    """The offer of one file; without a patient it stands for a patient of its own."""
    relative = path.relative_to(root).as_posix()
    stem = stem_of(path)
    return Offer(
        key=f"file:{relative}",
        patient=patient or stem,
        files=(path,) if mask is None else (path, mask),
        load=partial(read_scan, path),
        title="file",
        label=label,
        split=split,
        fold=fold,
        covariates=covariates or {},
        names={"case": stem, "image": relative, "patient_id": patient or stem, "folder": str(Path(relative).parent)},
        origin={"image": relative},
        load_mask=None if mask is None else partial(read_mask, mask),
    )


ALONE = (
    "Each file is taken as a patient of its own. Where several belong to one patient, give --labels with the columns "
    "case and patient_id: a study keeps apart only patients whom it can tell apart."
)
"""Said wherever patients come from file names."""
