"""Every opening of a held-out cohort, written down before a single prediction is made, and counted by its images.

In: which run opens which images. Out: a line in the run folder, and one in the user's private folder, so that openings
of the same images under another name, or by other runs, are counted too. A second line says that an opening was
answered; one without it was stopped before anybody saw a result.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort import pseudonyms
from medtl.environment import utc_now
from medtl.errors import ConfigurationError
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.record.openings import Opening, add_answer, add_opening, read_openings

LOG = names.OPENINGS
REGISTRY = "openings"
DIGITS = 12
"""Of an image's sha256 that are kept to know it again: 48 bits."""


@dataclass(frozen=True)
class OpeningLog:
    """The two logs of openings: one in `folder` of the run, and one by `images` for the user.

    `images` names the set of the cohort's images, `pixels` are the sha256 of each; an opening of any of them counts.
    """

    folder: Path
    images: str
    pixels: tuple[str, ...] = ()
    home: Path | None = None

    @property
    def by_this_run(self) -> tuple[Opening, ...]:
        """The openings of any of these images by this run, under whatever name, in order."""
        found = [one for folder in self.folders for one in read_openings(folder / LOG) if self._counts(one, folder)]
        return tuple(sorted(found, key=lambda one: one.at))

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the run with an opening of any of these images: its own first."""
        others = sorted(log.parent for log in self.folder.parent.glob(f"*/{LOG}") if log.parent != self.folder)
        shared = [one for one in others if any(self._counts(opening, one) for opening in read_openings(one / LOG))]
        return (self.folder, *shared)

    @property
    def elsewhere(self) -> tuple[Opening, ...]:
        """The openings of any of these images by other runs of this user, in order."""
        own = self.by_this_run
        found = [
            one
            for log in self._registry.parent.glob("*.jsonl")
            for one in read_openings(log)
            if log == self._registry or self._shares(one)
        ]
        return tuple(
            sorted((one for one in found if not any(one.is_same(known) for known in own)), key=lambda one: one.at)
        )

    def refuse_other_images(self) -> None:
        """A name stands for one cohort; another under the same name would replace its answers.

        Raises:
            ConfigurationError: the folder holds the answers on other images.
        """
        path = self.folder / names.RECORD
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("images") != self.images:
            raise ConfigurationError(
                f"{names.HELD_OUT}/{self.folder.name} holds the answers on other images, so nothing was opened. Give "
                "this cohort another --name."
            )

    def refuse_reopening(self, *, again: bool, published: frozenset[str] | None = None) -> None:
        """Nothing, if these images may be opened: for the first time, `again` on purpose, or after a kill.

        `published` are the files of a run that was sealed; an answer that is not among them is not complete.

        Raises:
            ConfigurationError: this run opened them already and its answer is there.
        """
        opened = self.by_this_run
        if not opened or again:
            return
        if not (opened[-1].is_answered and any(self._is_complete(folder, published) for folder in self.folders)):
            say(
                f"This run opened these images on {opened[-1].at} and was stopped before its answer was complete. They "
                "are asked about again; every opening is counted."
            )
            return
        raise ConfigurationError(
            f"This run opened these images on {opened[0].at}; its predictions lie in {names.HELD_OUT}, and medtl "
            "report makes the pages anew without opening anything. To open them once more, which is counted on the "
            "page, add --again.",
            openings=len(opened),
        )

    def write(self, *, run: str, fingerprint: str) -> Opening:
        """Record an opening in both logs; nothing may be predicted before."""
        opening = Opening(
            at=utc_now(to="milliseconds"), run=run, fingerprint=fingerprint, opened=self._short, is_answered=False
        )
        self._add(add_opening, opening)
        return opening

    def answer(self, opening: Opening) -> None:
        """Write down that an opening is answered, just before the answer can be seen on the disk."""
        self._add(add_answer, opening)

    def _add(self, add: Callable[[Path, Opening], None], opening: Opening) -> None:
        for path in (self._registry, self.folder / LOG):
            try:
                add(path, opening)
            except OSError as error:
                raise ConfigurationError(
                    f"The opening cannot be written down ({error.strerror}), so nothing was opened. Set "
                    f"{pseudonyms.HOME_VARIABLE} to a folder that you can write to."
                ) from error

    @property
    def _short(self) -> tuple[str, ...]:
        return tuple(sorted({pixel[:DIGITS] for pixel in self.pixels}))

    @staticmethod
    def _is_complete(folder: Path, published: frozenset[str] | None) -> bool:
        name = f"{names.HELD_OUT}/{folder.name}/{names.RECORD}"
        return name in published if published is not None else (folder / names.RECORD).is_file()

    def _counts(self, opening: Opening, folder: Path) -> bool:
        return folder == self.folder or self._shares(opening)

    def _shares(self, opening: Opening) -> bool:
        return not set(self._short).isdisjoint(opening.opened)

    @property
    def _registry(self) -> Path:
        return (self.home or pseudonyms.private_home()) / REGISTRY / f"{self.images}.jsonl"
