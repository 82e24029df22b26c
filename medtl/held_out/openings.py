"""Every opening of a held-out cohort, written down before a single prediction is made.

In: which run opens which images. Out: a line in the run folder, and one in the user's private folder, so that the
openings of the same images by other runs are counted too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.cohort import pseudonyms
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.run_folder import utc_now

LOG = "openings.jsonl"
REGISTRY = "openings"


class Opening(BaseModel):
    """When which run (its folder's name and its fingerprint) opened the cohort."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    run: str
    fingerprint: str


@dataclass(frozen=True)
class OpeningLog:
    """The two places where the openings of one cohort are kept: `folder` of the run, and by `images` for the user."""

    folder: Path
    images: str
    home: Path | None = None

    @property
    def by_this_run(self) -> tuple[Opening, ...]:
        """The openings by this run, in order."""
        return _read(self.folder / LOG)

    @property
    def elsewhere(self) -> tuple[Opening, ...]:
        """The openings of the same images by other runs of this user, in order."""
        own = set(self.by_this_run)
        return tuple(one for one in _read(self._registry) if one not in own)

    def write(self, *, run: str, fingerprint: str) -> Opening:
        """Write an opening down in both places; nothing may be predicted before."""
        opening = Opening(at=utc_now(), run=run, fingerprint=fingerprint)
        for path in (self._registry, self.folder / LOG):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a", encoding="utf-8") as stream:
                    stream.write(opening.model_dump_json() + "\n")
            except OSError as error:
                raise ConfigurationError(
                    f"The opening cannot be written down ({error.strerror}), so nothing was opened. Set "
                    f"{pseudonyms.HOME_VARIABLE} to a folder that you can write to."
                ) from error
        return opening

    @property
    def _registry(self) -> Path:
        return (self.home or pseudonyms.private_home()) / REGISTRY / f"{self.images}.jsonl"


def _read(path: Path) -> tuple[Opening, ...]:
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        return tuple(Opening.model_validate(json.loads(line)) for line in lines if line.strip())
    except (ValidationError, ValueError) as error:
        raise IntegrityFailure(
            f"{path.name} does not hold openings as medtl writes them: it was changed afterwards. Restore it from a "
            "backup; an opening cannot be taken back."
        ) from error
