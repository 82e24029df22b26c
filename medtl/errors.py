"""The errors that end a command, each with an exit code.

Every error says what was expected, what came, which case or line, and what to do. Each kind has one exit code, so that
a shell script or a Slurm job can distinguish a typing mistake from a full disk.
"""

from __future__ import annotations

from typing import ClassVar


class MedtlError(Exception):
    """A refusal with its facts: the message is for people, `facts` are the same things for programs."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class ConfigurationError(MedtlError):
    """The study, a setting or a command asks for something that does not exist or does not fit."""

    exit_code = 2


class DataRefused(MedtlError):
    """The manifest, the scans or a table of predictions do not support what was requested."""

    exit_code = 3


class Interrupted(MedtlError):
    """Somebody or something stopped the run; `--resume` continues it."""

    exit_code = 4


class ResourceExhausted(MedtlError):
    """Disk or memory ran out; what was finished is kept."""

    exit_code = 5


class DownloadFailed(MedtlError):
    """A file could not be had from the network; what arrived of it is kept."""

    exit_code = 5


class Locked(MedtlError):
    """Another process works in this run folder."""

    exit_code = 6


class IntegrityFailure(MedtlError):
    """A file is not what its hash says, or holds what it must not hold."""

    exit_code = 7
