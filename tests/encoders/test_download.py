"""A file comes whole or not at all, from a server that does everything wrong."""

from __future__ import annotations

import shutil
import socket
import ssl
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bad_server import Server, part, serving, silent, status, whole

from medtl.encoders.fetch import download as room
from medtl.encoders.fetch.addresses import is_allowed, mirrored
from medtl.encoders.fetch.download import Patience, download
from medtl.encoders.fetch.partial_file import PartialFile
from medtl.errors import ConfigurationError, DownloadFailed, IntegrityFailure, ResourceExhausted

DATA = np.random.default_rng(3).bytes(2_500_000)
OTHER = np.random.default_rng(4).bytes(2_500_000)
HURRIED = Patience(timeout_seconds=0.3, attempts=3, wait_seconds=0.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def partial(tmp_path: Path) -> PartialFile:
    return PartialFile(tmp_path / "weights.pt")


def get(server: Server, partial: PartialFile, *replies, patience: Patience = HURRIED) -> None:
    server.replies[:] = replies
    download(f"{server.address}/weights.pt", partial, what="an encoder", patience=patience)


def test_a_file_comes_whole_by_one_request_and_nothing_is_requested_of_one_that_is_whole(server, partial) -> None:
    get(server, partial, whole(DATA))
    assert partial.path.read_bytes() == DATA
    get(server, partial, status(404))
    assert server.ranges == [None]


def test_one_that_is_cut_off_goes_on_where_it_ended(server, partial, capsys) -> None:
    get(server, partial, whole(DATA, cut_at=1_200_000), whole(DATA))
    assert partial.path.read_bytes() == DATA
    assert server.ranges == [None, "bytes=1200000-"]
    assert "an encoder: the connection ended after 1.2 MB of 2.5 MB. Trying again in 0 s (try 2 of 3)." in (
        capsys.readouterr().err
    )


def test_the_next_command_goes_on_where_the_last_one_gave_up(server, partial) -> None:
    with pytest.raises(
        DownloadFailed,
        match=r"^The connection ended after 1\.0 MB of 2\.5 MB, at each of 1 tries\. The 1\.0 MB that arr",
    ):
        get(server, partial, whole(DATA, cut_at=1_000_000), patience=Patience(attempts=1))
    get(server, PartialFile(partial.path), whole(DATA))
    assert partial.path.read_bytes() == DATA
    assert server.ranges == [None, "bytes=1000000-"]


def test_a_server_that_ignores_ranges_begins_anew(server, partial, capsys) -> None:
    get(server, partial, whole(DATA, cut_at=700_000), whole(DATA, ranges=False))
    assert partial.path.read_bytes() == DATA
    assert "server has another file now, or only whole files: it comes from its beginning" in capsys.readouterr().err


def test_a_file_that_changed_between_its_parts_is_never_mixed(server, partial) -> None:
    get(server, partial, whole(DATA, cut_at=700_000), whole(OTHER, etag='"v2"'))
    assert partial.path.read_bytes() == OTHER
    assert server.ranges == [None, "bytes=700000-"]


@pytest.mark.parametrize(
    "lie",
    [
        part(OTHER[700_000:], content_range="bytes 700000-2499999/2500000", etag='"v2"'),
        part(DATA[600_000:], content_range="bytes 600000-2499999/2500000"),
        part(DATA[700_000:], content_range="bytes 700000-2499999/2600000"),
        part(DATA[700_000:], content_range="bytes 700000-2499999/*"),
        part(DATA[700_000:], content_range="pages 1-2"),
    ],
    ids=["another etag", "another beginning", "another length", "no length", "no range"],
)
def test_a_part_that_does_not_continue_what_is_here_is_dropped_and_the_file_begun_anew(
    lie, server, partial, capsys
) -> None:
    get(server, partial, whole(DATA, cut_at=700_000), lie, whole(DATA))
    assert partial.path.read_bytes() == DATA
    assert server.ranges == [None, "bytes=700000-", None]
    assert "the server sends a part of another file than before: it is begun anew" in capsys.readouterr().err


@pytest.mark.parametrize("etag", [None, 'W/"v1"', "v1"])
def test_without_a_strong_validator_nothing_is_continued(etag, server, partial) -> None:
    get(server, partial, whole(DATA, etag=etag, cut_at=700_000), whole(DATA, etag=etag))
    assert partial.path.read_bytes() == DATA
    assert server.ranges == [None, None]


def test_what_came_from_another_address_is_not_continued(server, partial) -> None:
    with pytest.raises(DownloadFailed):
        get(server, partial, whole(OTHER, cut_at=700_000), patience=Patience(attempts=1))
    server.replies[:] = [whole(DATA)]
    download(f"{server.address}/elsewhere.pt", partial, what="an encoder", patience=HURRIED)
    assert partial.path.read_bytes() == DATA


@pytest.mark.parametrize("content", [b"", b"{", b'{"url": 3}', b"\xff\xfe"])
def test_a_damaged_note_beside_the_part_begins_the_file_anew(content, server, partial) -> None:
    with pytest.raises(DownloadFailed):
        get(server, partial, whole(DATA, cut_at=700_000), patience=Patience(attempts=1))
    partial.path.with_name("answer.json").write_bytes(content)
    get(server, partial, whole(DATA))
    assert (partial.path.read_bytes(), server.ranges[-1]) == (DATA, None)


def test_a_file_that_is_shorter_now_is_begun_anew(server, partial) -> None:
    get(server, partial, whole(DATA, cut_at=700_000), status(416), whole(DATA[:600_000], etag='"v2"'))
    assert partial.path.read_bytes() == DATA[:600_000]


def test_without_a_length_the_file_ends_where_the_server_ends(server, partial) -> None:
    get(server, partial, whole(DATA, announced=None))
    assert partial.path.read_bytes() == DATA


def test_faults_of_a_moment_are_tried_again(server, partial, capsys) -> None:
    get(server, partial, status(500), status(429), whole(DATA))
    assert partial.path.read_bytes() == DATA
    lines = capsys.readouterr().err
    assert "the server answers 500 (Internal Server Error). Trying again" in lines
    assert "the server answers 429 (Too Many Requests). Trying again in 0 s (try 3 of 3)" in lines


def test_a_server_that_is_always_broken_is_left_after_a_few_tries(server, partial) -> None:
    with pytest.raises(DownloadFailed, match=r"^The server answers 503 \(Service Unavailable\), at each of 3 tries\.$"):
        get(server, partial, status(503))
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (404, r"answers 404 \(Not Found\): the publisher has moved the file, or the mirror lacks it"),
        (401, r"answers 401 \(Unauthorized\): it wants a login, which medtl never sends"),
        (403, r"answers 403 \(Forbidden\): it wants a login, or a proxy forbids the address"),
        (407, r"the proxy wants a login, which HTTPS_PROXY can hold"),
        (410, r"answers 410 \(Gone\): it does not give the file"),
        (499, r"answers 499: it does not give the file"),
        (204, r"answers 204 \(No Content\); expected the file \(200 OK\)"),
        (304, r"redirects in a circle, too often, or to no web address"),
    ],
)
def test_a_refusal_is_final_and_named(code, message, server, partial) -> None:
    with pytest.raises(DownloadFailed, match=message):
        get(server, partial, status(code))
    assert len(server.paths) == 1


def test_a_redirect_on_the_same_terms_is_followed_with_the_range(server, partial) -> None:
    moved = status(302, Location="/elsewhere/file")
    get(server, partial, moved, whole(DATA, cut_at=700_000), moved, whole(DATA))
    assert partial.path.read_bytes() == DATA
    assert server.ranges == [None, None, "bytes=700000-", "bytes=700000-"]


@pytest.mark.parametrize("location", ["http://example.org/file", "http://localhost.example.org/file", "http://[::2]/f"])
def test_a_redirect_to_an_address_without_encryption_is_not_followed(location, server, partial) -> None:
    with pytest.raises(DownloadFailed, match="redirects to an address that is not https: it was not followed"):
        get(server, partial, status(302, Location=location))
    assert len(server.paths) == 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/f", "data:text/plain,weights"])
def test_a_redirect_to_what_is_no_web_address_is_not_followed(location, server, partial) -> None:
    with pytest.raises(DownloadFailed, match=r"redirects .*: it was not followed"):
        get(server, partial, status(302, Location=location))
    assert len(server.paths) == 1
    assert partial.size == 0


def test_a_circle_of_redirects_ends(server, partial) -> None:
    with pytest.raises(DownloadFailed, match="redirects in a circle, too often"):
        get(server, partial, status(301, Location="/weights.pt"))
    assert len(server.paths) < 10


def test_a_chain_of_redirects_ends(server, partial) -> None:
    with pytest.raises(DownloadFailed, match="redirects in a circle, too often"):
        get(server, partial, *[status(307, Location=f"/{number}") for number in range(20)])
    assert len(server.paths) < 10


def test_a_server_that_never_answers_is_left(server, partial) -> None:
    with pytest.raises(DownloadFailed, match=r"^The server did not answer within 0 s, at each of 2 tries"):
        get(server, partial, silent, patience=Patience(timeout_seconds=0.2, attempts=2, wait_seconds=0.0))


def test_a_server_that_stops_in_the_middle_is_continued(server, partial, capsys) -> None:
    get(server, partial, whole(DATA, slow_at=2_200_000), whole(DATA))
    assert partial.path.read_bytes() == DATA
    assert server.ranges == [None, "bytes=2000000-"]
    assert "the server stopped sending, and nothing came until the time was up" in capsys.readouterr().err


def test_a_server_that_hangs_up_at_once_is_tried_again(server, partial, capsys) -> None:
    get(server, partial, lambda handler: handler.wfile.close(), whole(DATA))
    assert partial.path.read_bytes() == DATA
    assert "the connection broke (RemoteDisconnected)" in capsys.readouterr().err


def test_a_log_in_page_instead_of_the_file_removes_nothing(server, partial) -> None:
    with pytest.raises(DownloadFailed, match=r"A web page came in the place of the file: often the log-in page of a"):
        get(server, partial, whole(DATA, cut_at=700_000), whole(b"<p>", kind="text/html; charset=utf-8", ranges=False))
    assert partial.size == 700_000
    get(server, partial, whole(DATA))
    assert server.ranges[-1] == "bytes=700000-"


def test_more_than_was_announced_is_removed(server, partial) -> None:
    more = part(DATA[700_000:] + b"more", content_range="bytes 700000-2499999/2500000", length=False)
    with pytest.raises(IntegrityFailure, match=r"sends more bytes than expected \(the 2,500,000 that it announced\)"):
        get(server, partial, whole(DATA, cut_at=700_000), more)
    assert not list(partial.path.parent.iterdir())


def test_what_stands_behind_the_announced_length_is_not_read(server, partial) -> None:
    get(server, partial, whole(DATA, announced=2_400_000))
    assert partial.path.read_bytes() == DATA[:2_400_000]


def test_a_file_that_no_encoder_needs_is_refused_before_it_comes_and_while_it_comes(
    server, partial, monkeypatch
) -> None:
    monkeypatch.setattr(room, "LARGEST_FILE_BYTES", 2_000_000)
    with pytest.raises(IntegrityFailure, match=r"announces 2,500,000 bytes; expected at most 2,000,000"):
        get(server, partial, whole(DATA))
    with pytest.raises(IntegrityFailure, match=r"sends more bytes than expected \(at most 2,000,000\)"):
        get(server, partial, whole(DATA, announced=None))
    assert not list(partial.path.parent.iterdir())


def test_a_small_disk_is_noticed_before_the_file_comes(server, partial, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4_000_000))
    with pytest.raises(ResourceExhausted, match=r"too small: 5\.0 MB needed .*, 4\.0 MB free"):
        get(server, partial, whole(DATA))


def test_a_disk_that_fills_up_keeps_what_arrived(server, partial, monkeypatch) -> None:
    opened = Path.open

    def full(path: Path, mode: str = "r", **how: str):
        if mode == "ab" and path.is_file():
            raise OSError(28, "No space left on device")
        return opened(path, mode, **how)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ResourceExhausted, match=r"after 1,000,000 bytes of it, which are kept"):
        get(server, partial, whole(DATA))


@pytest.mark.parametrize(
    "fault", [socket.gaierror(-2, "Name or service not known"), OSError(101, "Network is unreachable"), TimeoutError()]
)
def test_without_a_network_one_sentence_says_so_at_once(fault, partial, monkeypatch) -> None:
    tries = []

    def none(*_: object, **__: object) -> None:
        tries.append(1)
        raise fault

    monkeypatch.setattr(socket, "create_connection", none)
    with pytest.raises(DownloadFailed, match="cannot be reached: this machine may have no way to the internet"):
        download("https://huggingface.co/x/resolve/main/y.pt", partial, what="an encoder", patience=HURRIED)
    assert len(tries) == 1


def test_a_certificate_that_is_not_trusted_is_named(partial, monkeypatch) -> None:
    def inspected(*_: object, **__: object) -> None:
        raise ssl.SSLCertVerificationError(1, "self-signed certificate in certificate chain")

    monkeypatch.setattr(socket, "create_connection", inspected)
    with pytest.raises(DownloadFailed, match=r"certificate of the server is not trusted.*SSL_CERT_FILE"):
        download("https://huggingface.co/x/resolve/main/y.pt", partial, what="an encoder", patience=HURRIED)


def test_the_proxy_of_the_environment_is_used(server, partial, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.replies[:] = [whole(DATA)]
    download("http://localhost:1/weights.pt", partial, what="an encoder", patience=HURRIED)
    assert partial.path.read_bytes() == DATA
    assert server.paths == ["http://localhost:1/weights.pt"]


@pytest.mark.parametrize("code", [403, 407])
def test_a_proxy_that_lets_nothing_through_is_named(code, server, partial, monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", server.address)
    server.replies[:] = [status(code)]
    with pytest.raises(DownloadFailed, match=r"^The proxy of HTTPS_PROXY does not let the connection through: it "):
        download("https://huggingface.co/x/resolve/main/y.pt", partial, what="an encoder", patience=HURRIED)
    assert server.paths == ["huggingface.co:443"]


@pytest.mark.parametrize(
    ("url", "before", "allowed"),
    [
        ("https://huggingface.co/a", None, True),
        ("http://127.0.0.1:8000/a", None, True),
        ("http://localhost/a", None, True),
        ("http://huggingface.co/a", None, False),
        ("http://127.0.0.1/a", "https://huggingface.co/a", False),
        ("http://127.0.0.1/a", "http://127.0.0.1:8000/a", True),
        ("https://cdn.example.org/a", "https://huggingface.co/a", True),
        ("http://user@127.0.0.1.example.org/a", None, False),
        ("http://127.0.0.1@example.org/a", None, False),
        ("http://[bad/a", None, False),
        ("https:///a", None, False),
        ("ftp://localhost/a", None, False),
    ],
)
def test_which_addresses_are_allowed(url, before, allowed) -> None:
    assert is_allowed(url, from_url=before) is allowed


def test_a_mirror_takes_the_publishers_path() -> None:
    published = "https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors"
    assert mirrored(published, None) == published
    for mirror in ("https://mirror.example.org/hf", "https://mirror.example.org/hf/"):
        assert mirrored(published, mirror) == (
            "https://mirror.example.org/hf/timm/resnet18.a1_in1k/resolve/main/model.safetensors"
        )


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        ("http://mirror.example.org", "is not reached by https"),
        ("mirror.example.org", "is not reached by https"),
        ("https://me:secret@mirror.example.org", "holds a user name or a password"),
        ("https://mirror.example.org/?token=1", r"ends in a \? or a # part"),
        ("https://mirror.example.org:port", "is no address"),
        ("https://mirror .example.org", "holds blanks or letters that addresses lack"),
        ("https://spital-zürich.example", "holds blanks or letters that addresses lack"),
    ],
)
def test_a_mirror_that_cannot_be_used_is_refused_without_its_password(mirror, message) -> None:
    with pytest.raises(ConfigurationError, match=rf"The mirror \(--from or MEDTL_WEIGHTS_MIRROR\) {message}") as error:
        mirrored("https://huggingface.co/a/b", mirror)
    assert "Expected the beginning of an https address" in str(error.value)
    assert "secret" not in str(error.value)
