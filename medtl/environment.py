"""What a result was made with and when, and the folders that environment variables name.

Versions, machine and device, without a name of a person, host or path.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal, TypedDict

from medtl.errors import ConfigurationError

PACKAGES = (
    "medtl", "torch", "monai", "numpy", "scipy", "scikit-learn", "pandas", "pydicom", "nibabel", "pillow",
    "matplotlib", "safetensors", "pydantic",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """The installed version of every package that can move a number; None where one is missing. Imports none."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


class Machine(TypedDict):
    """Python, operating system and processor count."""

    python: str
    platform: str
    cpu_count: int | None


def machine() -> Machine:
    """The machine that this process runs on, without its name."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
    }


def folder_named(variable: str) -> Path | None:
    """The folder that an environment variable names, absolute, `~` being the home folder; None when it names none.

    Raises:
        ConfigurationError: it begins with the `~` of a user who has no home folder.
    """
    named = os.environ.get(variable, "").strip()
    return _written_out(named, variable) if named else None


def folders_named(variable: str) -> tuple[Path, ...]:
    """The folders that an environment variable names, several parted as in PATH; otherwise as `folder_named`."""
    named = [part.strip() for part in os.environ.get(variable, "").split(os.pathsep)]
    return tuple(_written_out(part, variable) for part in named if part)


def _written_out(folder: str, variable: str) -> Path:
    try:
        return Path(folder).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{variable} begins with ~, and there is no home folder of that user. Write the folder in full."
        ) from error


def utc_now(*, to: Literal["seconds", "milliseconds"] = "seconds") -> str:
    """The time, in UTC and ISO 8601."""
    return datetime.now(UTC).isoformat(timespec=to)
