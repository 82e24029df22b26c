"""events.jsonl: what happened to a run, a line for each thing, in order; it only ever grows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from medtl.environment import utc_now
from medtl.errors import IntegrityFailure
from medtl.files import add_line, whole_lines
from medtl.record import run_folder as names
from medtl.record.typed_files import Frozen


class Started(Frozen):
    """A process began to work on the run, or went on with it; `device` is its kind, such as `cpu`."""

    event: Literal["started"] = "started"
    fingerprint: str
    device: str


class PartDone(Frozen):
    """A part of the run is done, in so many seconds over all processes that worked on it."""

    event: Literal["did"] = "did"
    part: str
    seconds: float


class Stopped(Frozen):
    """A part was stopped by an error of this kind; its text is not kept, since it may name files of the user."""

    event: Literal["stopped"] = "stopped"
    part: str
    error: str


class Finished(Frozen):
    """Every part is done."""

    event: Literal["finished"] = "finished"


class Opened(Frozen):
    """A held-out cohort was opened, for the `opening`-th time by this run."""

    event: Literal["opened"] = "opened"
    what: str
    cases: int
    opening: int


Event = Annotated[Started | PartDone | Stopped | Finished | Opened, Field(discriminator="event")]


class Entry(Frozen):
    """A line of events.jsonl: what happened, and when, in UTC."""

    at: str
    what: Event


_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def add_event(run: Path, event: Event) -> None:
    """Add a line to events.jsonl of the run."""
    line = {"at": utc_now(), "event": event.event, **event.model_dump(mode="json", exclude={"event"})}
    add_line(run / names.EVENTS, json.dumps(line, ensure_ascii=False))


def read_events(run: Path) -> tuple[Entry, ...]:
    """What happened to the run, in order; none where nothing has yet. A last line torn by a kill is left aside.

    Raises:
        IntegrityFailure: a line is not what medtl wrote.
    """
    lines = [line for line in whole_lines(run / names.EVENTS) if line.strip()]
    return tuple(_entry(line, number) for number, line in enumerate(lines, start=1))


def _entry(line: str, number: int) -> Entry:
    try:
        values = json.loads(line)
        at = values.pop("at")
        return Entry(at=at, what=_EVENT.validate_python(values))
    except (ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise IntegrityFailure(
            f"Line {number} of {names.EVENTS} is no event as medtl writes them: it was changed afterwards. Restore the "
            "file from a backup.",
            file=names.EVENTS,
            line=number,
        ) from error
