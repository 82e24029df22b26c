"""What is kept of a fault that nobody foresaw: its kind and where in the code it happened, never a value.

In: an exception. Out: a file in the private folder (MEDTL_HOME/logs) that can be sent to the maintainers as it is, and
the message that names it. Neither holds the text of the exception, a local value, or a path outside of the package.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import medtl
from medtl import environment
from medtl.environment import utc_now
from medtl.errors import MedtlError

LOGS = "logs"
MOST_CAUSES = 10
"""Exceptions of one chain that are written down."""

PACKAGE = Path(medtl.__file__).parent
LIBRARIES = frozenset(
    {*sys.stdlib_module_names, *environment.PACKAGES, "PIL", "sklearn", "yaml", "filelock", "highdicom", "nrrd", "rich",
     "typer", "click", "jinja2", "openjpeg", "jpeg_ls", "weasyprint"}
)  # fmt: skip
"""Whose modules may be named; a script of the user's could be called after a patient."""


def message_of(error: BaseException, *, verb: str) -> str:
    """Write the log and give the message for the person at the console."""
    where = next((f" in {frame}" for frame in reversed(_frames(error)) if frame.startswith("medtl/")), "")
    try:
        kept = f"What happened is in {LOGS}/{_kept(error, verb=verb)} in your private folder (MEDTL_HOME)"
    except (OSError, MedtlError) as fault:
        kept = f"Nothing could be written to {LOGS} in your private folder (MEDTL_HOME: {type(fault).__name__})"
    return (
        f"medtl {verb} met a fault that it did not foresee: {type(error).__name__}{where}. What was finished before is "
        f"kept. {kept}; it holds no value of your data. Please send it to the maintainers."
    )


def described(error: BaseException, *, verb: str) -> str:
    """The log: the kinds of a chain of exceptions, and file, line and function of each frame of the package."""
    lines = [f"medtl {environment.versions()['medtl']}, {environment.machine()['python']}, {utc_now()}, medtl {verb}"]
    link: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if link is None:
            break
        lines += [f"{type(link).__module__}.{type(link).__qualname__}", *(f"  {frame}" for frame in _frames(link))]
        link = link.__cause__ or link.__context__
    return "\n".join(lines) + "\n"


def _frames(error: BaseException) -> list[str]:
    """`file line N, function` of the package's frames; of others the library, where it is a known one."""
    return [
        _location(frame.f_code.co_filename, frame.f_globals.get("__name__"), frame.f_code.co_name, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]


def _location(file: str, module: object, function: str, line: int) -> str:
    path = Path(file)
    if path.is_relative_to(PACKAGE):
        return f"{path.relative_to(PACKAGE.parent).as_posix()} line {line}, {function}"
    name = str(module)
    return f"{name} line {line}, {function}" if name.partition(".")[0] in LIBRARIES else "elsewhere"


def _kept(error: BaseException, *, verb: str) -> str:
    from medtl.cohort import pseudonyms

    folder = pseudonyms.private_home() / LOGS
    if not folder.parent.is_dir():
        folder.parent.mkdir(parents=True)
        folder.parent.chmod(0o700)
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"fault-{utc_now().replace(':', '').partition('+')[0]}-{os.getpid()}.txt"
    (folder / name).write_text(described(error, verb=verb), encoding="utf-8")
    return name
