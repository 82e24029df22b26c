"""Which addresses a file may be fetched from: https anywhere, plain http on this machine alone."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from medtl.errors import ConfigurationError

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def is_allowed(url: str, *, from_url: str | None = None) -> bool:
    """Whether a file may come from this address; plain http only from this machine, and not by a way round another.

    Args:
        url: the address, or where a server redirects to.
        from_url: the address that redirects there.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and host in LOOPBACK and (from_url is None or urlsplit(from_url).scheme == "http")


def mirrored(url: str, mirror: str | None) -> str:
    """The address at which a mirror has the publisher's file: the mirror's own, and the publisher's path behind it.

    Raises:
        ConfigurationError: the mirror's address is not one that files may come from.
    """
    if mirror is None:
        return url
    fault = _fault_of(mirror)
    if fault is not None:
        raise ConfigurationError(
            f"The mirror (--from or MEDTL_WEIGHTS_MIRROR) {fault}. Expected the beginning of an https address, such as "
            "https://mirror.example.org/huggingface, behind which the publisher's path follows "
            f"({urlsplit(url).path})."
        )
    return mirror.rstrip("/") + urlsplit(url).path


def _fault_of(mirror: str) -> str | None:
    try:
        parts = urlsplit(mirror)
        _ = parts.port
    except ValueError:
        return "is no address"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password, which would be seen by others"
    if parts.query or parts.fragment:
        return "ends in a ? or a # part, behind which no path can follow"
    if not mirror.isascii() or any(character.isspace() for character in mirror):
        return "holds blanks or letters that addresses lack"
    return None if is_allowed(mirror) else "is not reached by https"
