"""One file from the network; the only room of medtl that opens a connection.

In: an address, and what arrived of the file before. Out: the whole file, or an error that says why not; what arrived
stays. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY). Nothing is sent but the request for the file.
"""

from __future__ import annotations

import errno
import http.client
import math
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Final, cast

from medtl.encoders.fetch.addresses import is_allowed
from medtl.encoders.fetch.partial_file import Answer, PartialFile
from medtl.encoders.foreign_file import LARGEST_FILE_BYTES
from medtl.errors import DownloadFailed, IntegrityFailure, ResourceExhausted
from medtl.progress import say, track

MEGABYTE: Final = 1_000_000
TRANSIENT: Final = (408, 425, 429, 500, 502, 503, 504)
"""Answers of a server that may be another one in a moment."""

REASONS: Final[dict[int, str]] = {
    HTTPStatus.NOT_FOUND: "the publisher has moved the file, or the mirror lacks it",
    HTTPStatus.UNAUTHORIZED: "it wants a login, which medtl never sends",
    HTTPStatus.FORBIDDEN: "it wants a login, or a proxy forbids the address",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy wants a login, which HTTPS_PROXY can hold",
}
UNREACHABLE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)

CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
"""RFC 9110: only a validator without W/ says that two parts are of the same bytes."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, and how often it is tried; the waits between tries double."""

    timeout_seconds: float = 30.0
    attempts: int = 4
    wait_seconds: float = 1.0


class TransientFault(Exception):
    """A fault that may be gone at the next try; the message is part of a sentence."""


def download(url: str, partial: PartialFile, *, what: str, patience: Patience) -> None:
    """Bring the file at an address, going on from the bytes that are here where the server vouches for them.

    Raises:
        DownloadFailed: no connection, a refusal, or the same fault at every try; what arrived is kept.
        ResourceExhausted: the disk is too small for the file.
        IntegrityFailure: more came than was announced, or than any encoder takes; it is removed.
    """
    for attempt in range(1, patience.attempts + 1):
        if partial.is_whole(url):
            return
        try:
            _try_once(url, partial, what=what, timeout=patience.timeout_seconds)
            return
        except TransientFault as fault:
            if attempt == patience.attempts:
                kept = f" The {_megabytes(partial.size)} that arrived are kept." if partial.size else ""
                reason = str(fault)[:1].upper() + str(fault)[1:]
                raise DownloadFailed(f"{reason}, at each of {attempt} tries.{kept}") from fault
            wait = patience.wait_seconds * 2 ** (attempt - 1)
            say(f"{what}: {fault}. Trying again in {wait:.0f} s (try {attempt + 1} of {patience.attempts}).")
            time.sleep(wait)


def _try_once(url: str, partial: PartialFile, *, what: str, timeout: float) -> None:
    known = partial.resumable(url)
    headers = {"User-Agent": "medtl", "Accept-Encoding": "identity"}
    if known is not None and known.etag is not None:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": known.etag}
    with _opened(urllib.request.Request(url, headers=headers), partial, timeout=timeout) as response:
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            total: int | None = _continued(response, partial, known)
        elif response.status == HTTPStatus.OK:
            if response.headers.get_content_type() == "text/html":
                raise DownloadFailed(
                    "A web page came in the place of the file: often the log-in page of a guest network or a proxy."
                )
            if partial.size:
                say(f"{what}: the server has another file now, or only whole files: it comes from its beginning.")
            total = _length(response.headers.get("Content-Length"))
            partial.begin(Answer(url=url, etag=_strong(response.headers.get("ETag")), total_bytes=total))
        else:
            raise DownloadFailed(f"The server answers {_in_words(response.status)}; expected the file (200 OK).")
        _refuse_too_large(partial, total)
        _receive(response, partial, total, what=what)


def _receive(response: http.client.HTTPResponse, partial: PartialFile, total: int | None, *, what: str) -> None:
    size = partial.size
    pieces = None if total is None else math.ceil((total - size) / MEGABYTE)
    for piece in track(_pieces(response), what=f"{what}, MB", total=pieces):
        size += len(piece)
        if size > (LARGEST_FILE_BYTES if total is None else total):
            partial.drop()
            expected = f"at most {LARGEST_FILE_BYTES:,}" if total is None else f"the {total:,} that it announced"
            raise IntegrityFailure(
                f"The server sends more bytes than expected ({expected}): it is another file. What arrived was removed "
                "and nothing was stored."
            )
        partial.add(piece)
    if total is not None and size < total:
        raise TransientFault(f"the connection ended after {_megabytes(size)} of {_megabytes(total)}")


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            piece = response.read(MEGABYTE)
        except http.client.IncompleteRead as error:
            if error.partial:
                yield error.partial
            raise TransientFault("the connection ended in the middle of the file") from error
        except TimeoutError as error:
            raise TransientFault("the server stopped sending, and nothing came until the time was up") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransientFault(f"the connection broke ({type(error).__name__})") from error
        if not piece:
            return
        yield piece


def _continued(response: http.client.HTTPResponse, partial: PartialFile, known: Answer | None) -> int:
    """The length of the whole file, when the server sends the very bytes that were requested of it."""
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    etag = _strong(response.headers.get("ETag"))
    fits = known is not None and found is not None and int(found[1]) == partial.size and etag in (None, known.etag)
    if not fits or found is None or found[3] == "*" or (known and known.total_bytes not in (None, int(found[3]))):
        partial.drop()
        raise TransientFault("the server sends a part of another file than before: it is begun anew")
    return int(found[3])


def _refuse_too_large(partial: PartialFile, total: int | None) -> None:
    if total is None:
        return
    if total > LARGEST_FILE_BYTES:
        partial.drop()
        raise IntegrityFailure(
            f"The server announces {total:,} bytes; expected at most {LARGEST_FILE_BYTES:,}: it is another file. "
            "Nothing was stored."
        )
    needed, free = 2 * total - partial.size, shutil.disk_usage(partial.path.parent).free
    if needed > free:
        raise ResourceExhausted(
            f"The disk of the weight store is too small: {_megabytes(needed)} needed to download and store the file, "
            f"{_megabytes(free)} free. Free some space, or name another folder (MEDTL_WEIGHTS)."
        )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, none of them to an address that is not encrypted."""

    max_redirections = 6
    max_repeats = 2

    def redirect_request(  # noqa: PLR0917 - urllib's own signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows a redirect.

        Raises:
            DownloadFailed: it leads to an address that is not encrypted.
        """
        if not is_allowed(newurl, from_url=req.full_url):
            raise DownloadFailed("The server redirects to an address that is not https: it was not followed.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opened(request: urllib.request.Request, partial: PartialFile, *, timeout: float) -> http.client.HTTPResponse:
    """The server's answer, its body not yet read."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SafeRedirects(),
    ):
        opener.add_handler(handler)
    try:
        return cast("http.client.HTTPResponse", opener.open(request, timeout=timeout))
    except urllib.error.HTTPError as error:
        with error:
            raise _fault_of_status(error, partial) from None
    except urllib.error.URLError as error:
        raise _fault_of_connection(error.reason) from error
    except TimeoutError as error:
        raise TransientFault(f"the server did not answer within {timeout:.0f} s") from error
    except (http.client.InvalidURL, UnicodeError, ValueError) as error:
        raise DownloadFailed("The address, or one that the server redirects to, is no valid address.") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransientFault(f"the connection broke ({type(error).__name__})") from error


def _fault_of_status(error: urllib.error.HTTPError, partial: PartialFile) -> Exception:
    code = error.code
    if code in TRANSIENT:
        return TransientFault(f"the server answers {_in_words(code)}")
    if code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        partial.drop()
        return TransientFault("the server's file is shorter than what arrived: it is begun anew")
    if 300 <= code < 400:
        return DownloadFailed("The server redirects in a circle, too often, or to no web address: it was not followed.")
    return DownloadFailed(f"The server answers {_in_words(code)}: {REASONS.get(code, 'it does not give the file')}.")


def _fault_of_connection(reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadFailed(
            "The certificate of the server is not trusted. Where a proxy inspects the traffic, SSL_CERT_FILE names the "
            "file of its certificates."
        )
    if isinstance(reason, socket.gaierror | TimeoutError | ConnectionRefusedError) or (
        isinstance(reason, OSError) and reason.errno in UNREACHABLE
    ):
        return DownloadFailed("The server cannot be reached: this machine may have no way to the internet.")
    if str(reason).startswith("Tunnel connection failed"):
        return DownloadFailed(
            "The proxy of HTTPS_PROXY does not let the connection through: it wants a login, which HTTPS_PROXY can "
            "hold, or forbids the address."
        )
    why = f"{type(reason).__name__}" if isinstance(reason, Exception) else "no connection"
    return TransientFault(f"the connection could not be made ({why})")


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None


def _strong(etag: str | None) -> str | None:
    return etag if etag is not None and STRONG_ETAG.fullmatch(etag) else None


def _in_words(code: int) -> str:
    phrase = http.client.responses.get(code)
    return f"{code} ({phrase})" if phrase else str(code)


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:,.1f} MB"
