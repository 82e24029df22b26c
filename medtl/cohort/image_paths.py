"""Where an image lies: a cell of the manifest in, an absolute path under the data root out, or why not.

No file is opened; of a folder of slices the names are looked at, for links that lead out. Whether a file exists is
found out later, when it is read, and is no fault of the manifest.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from medtl.errors import ConfigurationError

LONGEST_NAME_BYTES = 255
"""NAME_MAX of Linux file systems: no file can have a longer name."""

LONGEST_PATH_BYTES = 4095
"""PATH_MAX of Linux less the closing zero."""

DRIVE_LETTER = re.compile(r"^[A-Za-z]:[/\\]")


class PathRefused(ValueError):
    """Why a cell is no image path; the sentence continues "line 7: the image path …" and never repeats the path."""


def data_root_of(manifest: Path, data_root: Path | None) -> Path:
    """The real folder that image paths start from: the manifest's own one unless another is named.

    Raises:
        ConfigurationError: there is no such folder.
    """
    folder = manifest.absolute().parent
    root = folder if data_root is None else folder / data_root.expanduser()
    if not root.is_dir():
        raise ConfigurationError(
            f"The data root {root.name!r} is not a folder. Expected the folder that the manifest's image paths start "
            "from; leave data_root out when they start at the manifest's own folder."
        )
    return Path(os.path.realpath(root))


def locate_image(cell: str, *, root: Path) -> Path:
    """The absolute path that the cell means, links followed.

    A path written with backslashes only is read as a Windows path.

    Raises:
        PathRefused: the path is too long, holds a control character, or leads out of the root: by `..`, as an absolute
            path, over a symbolic link, or over a link in a folder of slices.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in cell):
        raise PathRefused("holds a control character")
    if DRIVE_LETTER.match(cell) or cell.startswith("\\\\"):
        raise PathRefused("names a Windows drive: write it relative to the data root")
    written = cell.replace("\\", "/") if has_backslashes(cell) else cell
    if len(os.fsencode(written)) > LONGEST_PATH_BYTES:
        raise PathRefused(f"is longer than {LONGEST_PATH_BYTES} bytes")
    if any(len(os.fsencode(part)) > LONGEST_NAME_BYTES for part in written.split("/")):
        raise PathRefused(f"has a name longer than {LONGEST_NAME_BYTES} bytes")
    where = root / written
    real = Path(os.path.realpath(where.parent), where.name) if where.name != ".." else Path(os.path.realpath(where))
    if real.is_symlink():
        real = Path(os.path.realpath(real))
    if real == root:
        raise PathRefused("names the data root itself, not an image in it")
    if not real.is_relative_to(root):
        raise PathRefused("leads out of the data root: move the image there or set data_root")
    if any(not Path(os.path.realpath(link)).is_relative_to(root) for link in _links_in(real)):
        raise PathRefused(
            "is a folder with a link that leads out of the data root: copy the file there or set data_root"
        )
    return real


def _links_in(folder: Path) -> list[str]:
    """The links right in a folder of slices; none for a file, or where nothing can be listed."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_symlink()]
    except OSError:
        return []


def has_backslashes(cell: str) -> bool:
    """Whether the cell is written the Windows way: backslashes between folders and no slash."""
    return "\\" in cell and "/" not in cell
