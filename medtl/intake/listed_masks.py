"""Masks that a datalist names as images: each is refused by name, and the other entries go on.

An entry's image is a mask when it is that entry's own mask or the mask of another; or, by the rules of `masks`, when
it or its folder is called as masks are and its pixels take few values, or when its few values lie on an image of the
list. What has few values and nothing else stays an image, with a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from medtl.intake.file_offer import stem_of
from medtl.intake.folder_contents import content_of
from medtl.intake.mask_partners import named_files
from medtl.intake.masks import looks_of, unnamed_masks
from medtl.intake.name_parts import is_mask_part, parts_of, role_of_folder

SENTENCES = {
    "own_mask": "The entry names one file as its image and as its mask. Name the image that the mask is drawn on.",
    "mask_as_image": "The entry names a mask as its image: another entry has it as its mask. Name the image that it is "
    "drawn on.",
    "looks_like_mask": "The entry names as its image a file that is a mask by its pixels of few values and by its "
    "name, its folder, or an image of the list that it lies on. Name the image that it is drawn on; if it is an image, "
    "give it and its folder a name without mask, label or seg.",
}


def masks_among(
    images: Sequence[Path], mask_of: Mapping[Path, Path], root: Path, *, workers: int
) -> tuple[dict[Path, str], tuple[str, ...]]:
    """Why listed images are refused as masks, by the keys of `SENTENCES`, and notes on the others.

    `mask_of` gives the mask that an entry names for its image; it need not exist.
    """
    refused = {image: "own_mask" for image in images if mask_of.get(image) == image}
    masks = {mask for image, mask in mask_of.items() if image not in refused}
    refused |= {image: "mask_as_image" for image in images if image in masks and image not in refused}
    left = [image for image in images if image not in refused]
    looks = dict(zip(left, looks_of(left, workers=workers), strict=True))
    refused |= {image: "looks_like_mask" for image in left if looks[image].is_few and is_called_mask(image, root)}
    files = [file for file in named_files(left, root) if file.path not in refused]
    volumes = any(content_of(file.path) == "nifti" for file in files)
    refused |= dict.fromkeys(unnamed_masks(files, looks, volumes=volumes), "looks_like_mask")
    few = sum(looks[image].is_few for image in left if image not in refused)
    if not few:
        return refused, ()
    kept = len(images) - len(refused)
    return refused, (
        f"{few:,} of {kept:,} images take few values, as masks do, and neither their names nor another image say that "
        "they are: they were taken as images. Where they are masks, correct the list.",
    )


def is_called_mask(path: Path, root: Path) -> bool:
    """Whether the file, or the deepest folder with a meaning, is called as masks are."""
    roles = [role for folder in path.relative_to(root).parts[:-1] if (role := role_of_folder(folder))]
    return any(map(is_mask_part, parts_of(stem_of(path)))) or roles[-1:] == ["mask"]
