"""openings.jsonl: every opening of a held-out cohort, a line before it and a line when it was answered."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.errors import IntegrityFailure
from medtl.files import add_line, whole_lines


class Opening(BaseModel):
    """When which run (its folder's name and its fingerprint) opened the cohort.

    `opened` are its images, by the first digits of their sha256; none in the logs of an earlier medtl. `is_answered` is
    false when the process was stopped before anything of what the models say was on the disk. `at` is to the
    millisecond, so that no two openings of a run are taken for one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    run: str
    fingerprint: str
    opened: tuple[str, ...] = ()
    is_answered: bool = True

    def is_same(self, other: Opening) -> bool:
        """Whether both are one line of two logs."""
        return (self.at, self.run, self.fingerprint) == (other.at, other.run, other.fingerprint)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    answered: str
    """When it was opened."""


def add_opening(log: Path, opening: Opening) -> None:
    """Add the line of an opening that is not answered yet."""
    add_line(log, opening.model_dump_json(exclude={"is_answered"}))


def add_answer(log: Path, opening: Opening) -> None:
    """Add the line that says that an opening is answered."""
    add_line(log, _Answer(answered=opening.at).model_dump_json())


def read_openings(log: Path) -> tuple[Opening, ...]:
    """The openings of a log in its order, none where there is no log.

    A last line that was torn by a kill is ignored, since nothing was predicted before it. Logs of an earlier medtl,
    without images, do not say which openings were answered; all of theirs count as answered.

    Raises:
        IntegrityFailure: a line is not what medtl wrote.
    """
    lines = [line for line in whole_lines(log) if line.strip()]
    try:
        values = [json.loads(line) for line in lines]
        answers = {_Answer.model_validate(value).answered for value in values if "answered" in value}
        openings = [Opening.model_validate(value) for value in values if "answered" not in value]
    except (ValidationError, ValueError, TypeError) as error:
        raise IntegrityFailure(
            f"{log.name} does not hold openings as medtl writes them: it was changed afterwards. Restore it from a "
            "backup; an opening cannot be taken back."
        ) from error
    return tuple(one.model_copy(update={"is_answered": not one.opened or one.at in answers}) for one in openings)
