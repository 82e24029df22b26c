"""Who works on which part of a run, kept for its owner alone: machine, process, job and since when.

In: a run's fingerprint and a part. Out: a file in the user's private folder while the part is in work; a run folder,
which is shared and published, never holds the name of a machine.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from medtl.cohort.pseudonyms import private_folder, private_home
from medtl.environment import utc_now
from medtl.errors import MedtlError
from medtl.files import write_atomically
from medtl.heartbeat import begin
from medtl.record.typed_files import Frozen

FOLDER = "at_work"


class AtWork(Frozen):
    """A process at work: `job` is Slurm's, with the number of an array's task."""

    part: str
    host: str
    process: int
    job: str | None
    since: str


@contextmanager
def at_work(fingerprint: str, part: str) -> Iterator[None]:
    """Say for the block that this process works on the part; where nothing private can be written, nothing is said."""
    begin(part)
    job = os.environ.get("SLURM_ARRAY_JOB_ID") or os.environ.get("SLURM_JOB_ID")
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    entry = AtWork(
        part=part,
        host=platform.node(),
        process=os.getpid(),
        job=f"{job}_{task}" if job and task else job,
        since=utc_now(),
    )
    file: Path | None = None
    with suppress(OSError, MedtlError):
        file = _file(fingerprint, part)
        private_folder(file.parent)
        write_atomically(file, entry.model_dump_json())
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def who_is_at_work(fingerprint: str, part: str) -> AtWork | None:
    """Who said last that he works on the part; None for others than the owner. A killed process says so still."""
    try:
        return AtWork.model_validate_json(_file(fingerprint, part).read_bytes())
    except (OSError, ValidationError, MedtlError):
        return None


def _file(fingerprint: str, part: str) -> Path:
    return private_home() / FOLDER / f"{fingerprint}-{part.replace(' ', '-')}.json"
