"""A Decathlon or MONAI datalist: a JSON file that lists images with masks, labels and folds, and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtl.errors import DataRefused
from medtl.imaging.for_intake import ENDINGS
from medtl.intake.file_offer import file_offer
from medtl.intake.folder_contents import LIST_FILE, files_below, left_aside, refused_file
from medtl.intake.listed_masks import SENTENCES, masks_among
from medtl.intake.offer import Offer, Refusal, Survey
from medtl.intake.settings import IntakeSettings

PARTS = {"training": "train", "validation": "validation", "test": "test", "testing": "test"}
"""The lists of a datalist, and how a manifest names their part of the split."""

LARGEST_LIST_BYTES = 64 * 2**20
FAULTS_SHOWN = 20


@dataclass(frozen=True)
class _Entry:
    """One entry of the list: its files, None for a mask that is not given, and what the list states of the case."""

    image: Path
    mask: Path | None
    label: str
    part: str
    fold: str


def survey_datalist(folder: Path, settings: IntakeSettings) -> Survey:
    """All images that the list names, as offers. A `label` that is a path is a mask; a number or a word is the class.

    An image that is a mask is refused (`listed_masks`).

    Raises:
        DataRefused: the list is no such list, or names files outside the folder or twice: all faults in one message.
    """
    listing = folder if folder.is_file() else folder / LIST_FILE
    root = listing.parent
    entries = _checked(_read(listing), root, name=listing.name)
    there = [entry.image for entry in entries if entry.image.is_file()]
    mask_of = {entry.image: entry.mask for entry in entries if entry.mask is not None}
    masks, mask_notes = masks_among(there, mask_of, root, workers=settings.workers)
    offers, refusals, lost = list[Offer](), list[Refusal](), 0
    for one in entries:
        if not one.image.is_file():
            refusals.append(_missing(one.image, root))
        elif one.image in masks:
            reason = masks[one.image]
            refusals.append(refused_file(one.image, root, reason=reason, sentence=SENTENCES[reason]))
        else:
            mask = one.mask if one.mask is not None and one.mask.is_file() else None
            lost += one.mask is not None and mask is None
            offers.append(file_offer(one.image, root, mask=mask, label=one.label, split=one.part, fold=one.fold))
    if len({offer.split for offer in offers}) < 2:
        offers = [offer.without_split() for offer in offers]
    files = files_below(root)
    taken = {path for offer in offers for path in offer.files} | {file for one in refusals for file in one.files}
    aside = left_aside(files, root, taken={*taken, listing})
    notes = (*_notes(lost), *mask_notes)
    return Survey("datalist", files, tuple(offers), (*refusals, *aside), tables=(listing,), notes=notes)


def _checked(content: Mapping[str, Any], root: Path, *, name: str) -> list[_Entry]:
    """The entries of the list; refuses all faults of them together."""
    faults, found = list[str](), dict[Path, _Entry]()
    for where, part, entry in _entries(content):
        image = _path(entry.get("image"), root, where, faults)
        mask, label = _label(entry.get("label"), root, where, faults)
        if image in found:
            faults.append(f"{where}: the image is named twice")
        elif image is not None:
            fold = str(entry["fold"]) if isinstance(entry.get("fold"), int) else ""
            found[image] = _Entry(image, mask, label, part, fold)
    _refuse(faults, name)
    return list(found.values())


def _notes(lost: int) -> tuple[str, ...]:
    return (f"{lost} of the masks that the list names do not exist; their cases have none.",) if lost else ()


def _read(listing: Path) -> Mapping[str, Any]:
    try:
        size = listing.stat().st_size
        content = json.loads(listing.read_bytes()) if size <= LARGEST_LIST_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise DataRefused(
            f"The list {listing.name} cannot be read as JSON ({type(error).__name__}). Get it again from its source."
        ) from error
    if not isinstance(content, dict) or not any(isinstance(content.get(part), list) for part in PARTS):
        raise DataRefused(
            f"The list {listing.name} holds none of the lists {', '.join(PARTS)}. Expected a Decathlon or MONAI "
            'datalist, such as {"training": [{"image": "imagesTr/a.nii.gz", "label": 1}]}.'
        )
    return content


def _entries(content: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Where each entry stands, its part of the split, and the entry; a bare path is an image alone."""
    for part, ours in PARTS.items():
        for number, entry in enumerate(content.get(part) or [], start=1):
            known = {"image": entry} if isinstance(entry, str) else entry
            yield f"{part} {number}", ours, known if isinstance(known, dict) else {}


def _path(value: object, root: Path, where: str, faults: list[str]) -> Path | None:
    if not isinstance(value, str) or not value or "\0" in value:
        faults.append(f"{where}: no single image path")
        return None
    path = (root / value).resolve()
    if not path.is_relative_to(root.resolve()):
        faults.append(f"{where}: a path leads out of the folder of the list")
        return None
    return root / path.relative_to(root.resolve())


def _label(value: object, root: Path, where: str, faults: list[str]) -> tuple[Path | None, str]:
    """(mask, class)."""
    if value is None or isinstance(value, bool):
        return None, ""
    if isinstance(value, int | float):
        return None, f"{value:g}"
    if isinstance(value, str) and value.lower().endswith(ENDINGS):
        return _path(value, root, where, faults), ""
    if isinstance(value, str):
        return None, value
    faults.append(f"{where}: the label is neither one class nor one mask")
    return None, ""


def _missing(image: Path, root: Path) -> Refusal:
    sentence = "The list names the file, and it does not exist."
    return Refusal(
        key=f"file:{image.relative_to(root)}", patient="", files=(), reason="missing_file", sentence=sentence
    )


def _refuse(faults: list[str], name: str) -> None:
    if not faults:
        return
    shown = "\n".join(f"  {fault}" for fault in faults[:FAULTS_SHOWN])
    more = f"\n  … and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
    raise DataRefused(
        f"The list {name} has {len(faults)} faulty entr{'ies' if len(faults) > 1 else 'y'}:\n{shown}{more}\n"
        "Correct them; nothing was written.",
        faults=tuple(faults),
    )
