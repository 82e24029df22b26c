"""The versions that are installed here, for medtl and everything that it requires, as pip's pins.

In: the metadata of installed distributions. Out: a name and a version for each package that medtl cannot do without,
and for the extras of it that are wholly installed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from medtl.errors import ConfigurationError

EXTRAS = ("dicom-codecs",)
"""Of medtl, for studies on a server: taken where they are installed here."""


def installed_pins() -> dict[str, str]:
    """Each package that medtl requires, in the order of the names, with the version that is installed here.

    A version is the public one: what comes after its `+`, such as `cpu`, is chosen by the index that pip is given.

    Raises:
        ConfigurationError: a package that is required is not installed.
    """
    extras = tuple(extra for extra in EXTRAS if _is_installed(extra))
    found: dict[str, str] = {}
    waiting = [("medtl", extras)]
    seen = set[tuple[str, tuple[str, ...]]]()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        if name != "medtl":
            found[name] = Version(_distribution(name).version).public
        waiting += [
            (canonicalize_name(one.name), tuple(sorted(one.extras))) for one in _requirements(name, extras=wanted)
        ]
    return dict(sorted(found.items()))


def _requirements(name: str, *, extras: tuple[str, ...]) -> Iterator[Requirement]:
    for line in _distribution(name).requires or ():
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield one


def _is_installed(extra: str) -> bool:
    """Whether every package of an extra of medtl is here."""
    try:
        for one in _requirements("medtl", extras=(extra,)):
            metadata.distribution(one.name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise ConfigurationError(
            f"{name} is required and is not installed here, so its version cannot be pinned. Install it, or give the "
            "command where medtl is installed as a whole."
        ) from None
