"""Masks among the files of a collection: each becomes the mask of its image, or is refused by name; never a case.

A file is a mask by three things together: what it or its folder is called, pixels of few values, and an image that it
is drawn on. Two of them will do: a name and few values (without an image it is refused), a partner and few values
(whatever it is called), a name and a partner (many values: neither a mask nor a case). What has few values and nothing
else stays a case, and is counted in a note.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from medtl.intake.folder_contents import refused_file
from medtl.intake.mask_partners import NamedFile, Partners, Pool, named_files
from medtl.intake.offer import Refusal
from medtl.intake.pixel_look import PixelFacts, look_at
from medtl.progress import track

WITHOUT_IMAGE = "mask_without_image"
SENTENCES = {
    WITHOUT_IMAGE: "It is a mask by its name and its pixels of few values, and no image here has a name that goes with "
    "it. Put it beside its image under the image's own name and _mask.",
    "mask_of_several": "It is a mask, and several images could be meant. Give it the name of its image and _mask.",
    "several_masks": "Its image has several masks. One mask of a case is taken, and they are not united, as they "
    "may be of several readers or organs: choose with --mask PATTERN.",
    "other_mask": "It is a mask of an image here, and not one of those that --mask asks for.",
    "not_a_mask": "It is called as a mask of an image here is, but its pixels take many values: neither a mask that "
    "could be used nor an image of its own.",
    "mask_unreadable": "It is called as a mask of an image here is, and cannot be read.",
}
MOSTLY = 0.9
"""Share of the files of a folder that have few values and a partner, from which the folder is one of masks."""


@dataclass(frozen=True)
class Parted:
    """The images of a collection, the mask of each that has one, what is refused, and notes."""

    images: tuple[Path, ...]
    mask_of: Mapping[Path, Path]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]


def parted(paths: Sequence[Path], root: Path, *, workers: int, pattern: str | None, volumes: bool) -> Parted:
    """The images of a collection, their masks and what is refused.

    Args:
        paths: the files of the collection.
        root: the folder of the collection.
        workers: threads that look at pixels.
        pattern: chooses among several masks of an image, by their path below the root.
        volumes: whether the files are volumes, whose sequences may share a mask.
    """
    files = named_files(paths, root)
    looks = dict(zip(paths, looks_of(paths, workers=workers), strict=True))
    owners, refused = _owners(files, looks, volumes=volumes)
    masks = {mask for mask in owners if mask not in refused}
    images = tuple(path for path in paths if path not in owners and path not in refused)
    mask_of, more = _one_for_each(masks, owners, root, pattern=pattern)
    refused |= more
    refusals = tuple(
        refused_file(path, root, reason=refused[path], sentence=SENTENCES[refused[path]])
        for path in paths
        if path in refused
    )
    return Parted(images, mask_of, refusals, _notes(files, images, looks, mask_of, refused))


def looks_of(paths: Sequence[Path], *, workers: int) -> list[PixelFacts]:
    """What a look at the pixels of each file shows, in the order of the paths."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(track(pool.map(look_at, paths), what="Looking for masks", total=len(paths)))


def _owners(
    files: Sequence[NamedFile], looks: Mapping[Path, PixelFacts], *, volumes: bool
) -> tuple[dict[Path, tuple[Path, ...]], dict[Path, str]]:
    """The images of every mask, and why other files are neither masks nor images."""
    unnamed = [file for file in files if not file.mask_by]
    pool = Pool(unnamed)
    owners, refused = dict[Path, tuple[Path, ...]](), dict[Path, str]()
    for file in files:
        if not file.mask_by:
            continue
        look, found = looks[file.path], pool.partners_of(file, volumes=volumes)
        if not look.is_few and not found.images and not (found.is_ambiguous and file.mask_by == "name"):
            continue
        reason = _fault(look, found)
        if reason:
            refused[file.path] = reason
        else:
            owners[file.path] = _of_one_size(found, file.path, looks)
    owners |= unnamed_masks(unnamed, looks, volumes=volumes)
    return owners, refused


def _fault(look: PixelFacts, found: Partners) -> str:
    if not look.shape:
        return "mask_unreadable"
    if not look.is_few:
        return "not_a_mask"
    if found.is_ambiguous:
        return "mask_of_several"
    return "" if found.images else WITHOUT_IMAGE


def _of_one_size(found: Partners, mask: Path, looks: Mapping[Path, PixelFacts]) -> tuple[Path, ...]:
    """Of several sequences those on the mask's grid. A single image of another size is kept: its case is refused."""
    same = tuple(image for image in found.images if looks[image].shape == looks[mask].shape)
    return same or found.images[:1]


def unnamed_masks(
    files: Sequence[NamedFile], looks: Mapping[Path, PixelFacts], *, volumes: bool
) -> dict[Path, tuple[Path, ...]]:
    """Files of few values that nothing calls masks, each on an image of many values and of the same size."""
    few = [file for file in files if looks[file.path].is_few]
    pool = Pool(file for file in files if not looks[file.path].is_few)
    found = dict[Path, tuple[Path, ...]]()
    for file in few:
        images = pool.alike(file, volumes=volumes).images
        if same := tuple(image for image in images if looks[image].shape == looks[file.path].shape):
            found[file.path] = same
    inside, paired = (
        Counter(file.folders for file in files),
        Counter(file.folders for file in few if file.path in found),
    )
    beside = {file.path: file.folders for file in files}
    return {
        mask: owners
        for mask, owners in found.items()
        if beside[mask] == beside[owners[0]] or paired[beside[mask]] >= MOSTLY * inside[beside[mask]]
    }


def _one_for_each(
    masks: set[Path], owners: Mapping[Path, tuple[Path, ...]], root: Path, *, pattern: str | None
) -> tuple[dict[Path, Path], dict[Path, str]]:
    """The mask of each image, and the masks that are not taken."""
    refused: dict[Path, str] = {}
    if pattern is not None:
        refused = {mask: "other_mask" for mask in masks if not fits(mask, root, pattern)}
    own: dict[Path, list[Path]] = defaultdict(list)
    for mask in sorted(masks - set(refused)):
        for image in owners[mask]:
            own[image].append(mask)
    for several in own.values():
        if len(several) > 1:
            refused |= dict.fromkeys(several, "several_masks")
    return {image: found[0] for image, found in own.items() if found[0] not in refused}, refused


def fits(mask: Path, root: Path, pattern: str) -> bool:
    """Whether the path below the root, or the name alone, fits the pattern; capitals do not matter."""
    relative = mask.relative_to(root).as_posix()
    return any(fnmatch(text.casefold(), pattern.casefold()) for text in (relative, mask.name))


def _notes(
    files: Sequence[NamedFile],
    images: Sequence[Path],
    looks: Mapping[Path, PixelFacts],
    mask_of: Mapping[Path, Path],
    refused: Mapping[Path, str],
) -> tuple[str, ...]:
    notes = []
    if mask_of:
        masks = set(mask_of.values())
        notes.append(
            f"{len(masks):,} masks were found by their names, their pixels of few values and their images: they stand "
            "in the column mask and are no cases."
        )
        if soft := sum(looks[mask].is_soft for mask in masks):
            notes.append(f"{soft:,} masks have soft edges (JPEG, or made smaller): drawn is what is nearer to white.")
    if several := sum(reason == "several_masks" for reason in refused.values()):
        notes.append(
            f"{several:,} masks are of images that have several; they are not united. Choose with --mask PATTERN, such "
            'as --mask "*_1stHO*".'
        )
    few = sum(looks[image].is_few for image in images)
    if few:
        notes.append(
            f"{few:,} of {len(images):,} images take few values, as masks do, and no other image goes with them: they "
            "were taken as images. Where they are masks, take them out of the folder."
        )
    called = {file.path for file in files if file.mask_by}
    if odd := sum(image in called and not looks[image].is_few for image in images):
        notes.append(
            f"{odd:,} files are called as masks are, or lie in such a folder, but their pixels take many values and no "
            "image goes with them: they were taken as images."
        )
    return tuple(notes)
