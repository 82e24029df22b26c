"""Which image a mask is drawn on, by their names and folders: the only one that fits, several sequences, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl.intake.file_offer import stem_of
from medtl.intake.folder_names import is_sequence_folder
from medtl.intake.name_parts import (
    is_mask_part,
    is_sequence,
    lower,
    parts_of,
    rest_of_folder,
    role_of_folder,
    shared_start,
    without_image_words,
    without_words,
)

Key = tuple[str, ...]


@dataclass(frozen=True)
class NamedFile:
    """A file by its name: `folders` and `parts` of the stem in small letters; `key` is what names its image.

    `base` are the folders but for those that are called as masks or images are, or as one sequence (`t1/07`), which are
    `shown`; in `near` what these say beside (train) is kept. `mask_by` is `name` or `folder` where these say that it is
    a mask.
    """

    path: Path
    folders: Key
    near: Key
    base: Key
    shown: Key
    parts: Key
    key: Key
    mask_by: str

    @property
    def core(self) -> Key:
        """The parts before the first that means mask: what comes after it numbers the mask."""
        cut = next((index for index, part in enumerate(self.parts) if is_mask_part(part)), len(self.parts))
        return without_words(self.parts[:cut])

    @property
    def is_word(self) -> bool:
        """Whether the name is words without a number."""
        return all(part.isalpha() for part in self.parts)

    @property
    def plain(self) -> Key:
        """All parts but those that mean image."""
        return without_image_words(self.parts)


def named_files(paths: Sequence[Path], root: Path) -> tuple[NamedFile, ...]:
    """The files by their names. A folder that all of them lie in distinguishes none of them."""
    every = [path.relative_to(root).parts[:-1] for path in paths]
    shared = shared_start(every)
    return tuple(_named(path, folders, shared=shared) for path, folders in zip(paths, every, strict=True))


def _named(path: Path, folders: tuple[str, ...], *, shared: int) -> NamedFile:
    raw = parts_of(stem_of(path))
    roles = [role_of_folder(folder) for folder in folders[shared:]]
    deepest = next((role for role in reversed(roles) if role), "")
    by_name = any(map(is_mask_part, raw))
    plain = [folder for folder, role in zip(folders[shared:], roles, strict=True) if not role]
    shown = [folder for folder in plain if is_sequence_folder(folder)]
    base = [folder for folder in plain if folder not in shown]
    near = [
        word
        for folder, role in zip(folders[shared:], roles, strict=True)
        for word in ((folder,) if not role else rest_of_folder(folder))
    ]
    return NamedFile(
        path,
        lower(folders),
        lower(near),
        lower(base),
        lower(shown),
        lower(raw),
        without_words(raw),
        "name" if by_name else "folder" if deepest == "mask" else "",
    )


@dataclass(frozen=True)
class Partners:
    """The images that a mask is drawn on; `is_ambiguous` where several could be meant and it is not known which."""

    images: tuple[Path, ...] = ()
    is_ambiguous: bool = False


class Pool:
    """The files that may be images, found by folder and by name."""

    def __init__(self, images: Iterable[NamedFile]) -> None:
        self._in_folder: defaultdict[Key, _Scope] = defaultdict(_Scope)
        self._near: defaultdict[Key, _Scope] = defaultdict(_Scope)
        self._in_base: defaultdict[Key, _Scope] = defaultdict(_Scope)
        self._anywhere = _Scope()
        for image in images:
            scopes = self._in_folder[image.folders], self._near[image.near], self._in_base[image.base], self._anywhere
            for scope in scopes:
                scope.add(image)

    def partners_of(self, mask: NamedFile, *, volumes: bool) -> Partners:
        """The image of a mask: in its own folder, in the folder beside it, or the only one of its name anywhere.

        Several sequences of one volume share their mask; pictures never do.
        """
        keys = (mask.plain, mask.key, mask.core)
        across = self._in_base[mask.base]
        for scope in (self._in_folder[mask.folders], self._near[mask.near], across):
            if found := scope.exact(*keys) or scope.shorter(mask.plain):
                return _only_or_shown(found, volumes=volumes)
            for key in (mask.key, mask.core):
                if key and (found := scope.longer[key]):
                    return _only_or_sequences(found, len(key), volumes=volumes)
            if not mask.key and mask.mask_by == "name" and scope.images:
                return _only_or_sequences(scope.images, 0, volumes=volumes)
        if found := self._anywhere.exact(*filter(None, keys)) or self._anywhere.shorter(mask.plain):
            return _only(found)
        if mask.mask_by == "folder" and mask.base and len(across.images) == 1:
            return Partners((across.images[0].path,))
        return Partners()

    def alike(self, file: NamedFile, *, volumes: bool) -> Partners:
        """The image that a file may belong to which nothing calls a mask.

        The one whose name it lengthens, of the same name elsewhere, or beside which it lies under a word as its name
        (`P01/ct`, `P01/liver`).
        """
        own = self._in_folder[file.folders]
        if found := own.shorter(file.plain):
            return Partners((found[0].path,))
        if file.is_word and (around := _only_or_sequences(own.images, 0, volumes=volumes)).images:
            return around
        same = [one for one in self._anywhere.exact(file.plain) if one.folders != file.folders]
        if len(same) > 1 and (shared := _only_or_shown(same, volumes=volumes)).images:
            return shared
        for found in (same, self._anywhere.shorter(file.plain)):
            if len(found) == 1:
                return Partners((found[0].path,))
        return Partners()


class _Scope:
    """Images to choose among, by their parts and by every beginning of these."""

    def __init__(self) -> None:
        self.images: list[NamedFile] = []
        self.longer: defaultdict[Key, list[NamedFile]] = defaultdict(list)
        self._equal: defaultdict[Key, list[NamedFile]] = defaultdict(list)

    def add(self, image: NamedFile) -> None:
        self.images.append(image)
        self._equal[image.plain].append(image)
        for size in range(1, len(image.plain)):
            self.longer[image.plain[:size]].append(image)

    def exact(self, *keys: Key) -> list[NamedFile]:
        """The images of the first of these keys that an image has."""
        return next((self._equal[key] for key in keys if key in self._equal), [])

    def shorter(self, key: Key) -> list[NamedFile]:
        """The images whose parts are the longest beginning of these."""
        return self.exact(*(key[:size] for size in range(len(key) - 1, 0, -1)))


def _only(images: Sequence[NamedFile]) -> Partners:
    if len(images) == 1:
        return Partners((images[0].path,))
    return Partners(is_ambiguous=bool(images))


def _only_or_shown(images: Sequence[NamedFile], *, volumes: bool) -> Partners:
    """The only image, or all where they lie in the folders of several sequences (`t1/07`, `flair/07`)."""
    folders = {image.shown for image in images}
    if volumes and len(images) > 1 and () not in folders and len(folders) == len(images):
        return Partners(tuple(image.path for image in images))
    return _only(images)


def _only_or_sequences(images: Sequence[NamedFile], start: int, *, volumes: bool) -> Partners:
    """The only image, or all where they are sequences of one patient: their names differ in such words alone."""
    rests = [image.plain[start:] for image in images]
    common = shared_start(rests)
    if volumes and len(images) > 1 and all(rest[common:] and all(map(is_sequence, rest[common:])) for rest in rests):
        return Partners(tuple(image.path for image in images))
    return _only(images)
