"""A web server in a thread that behaves as it is told, request by request."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """Its address, what it does at each request (the last one again and again), and the Range of every request."""

    address: str = ""
    replies: list[Reply] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.paths.append(self.path)
            server.ranges.append(self.headers.get("Range"))
            self.close_connection = True
            with suppress(BrokenPipeError, ConnectionResetError):
                server.next_reply()(self)

        do_CONNECT = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def whole(
    data: bytes,
    *,
    etag: str | None = '"v1"',
    announced: int | None = -1,
    cut_at: int | None = None,
    slow_at: int | None = None,
    ranges: bool = True,
    kind: str = "application/octet-stream",
) -> Reply:
    """The file, or its rest where that is requested; `announced` None leaves the length out, -1 is the true one."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        begin = _begin(handler, etag) if ranges else 0
        body = data[begin:]
        handler.send_response(206 if begin else 200)
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        if etag is not None:
            handler.send_header("ETag", etag)
        if announced is not None:
            handler.send_header("Content-Length", str(len(body) if announced == -1 else announced))
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        stop = len(body) if cut_at is None else cut_at
        if slow_at is not None:
            handler.wfile.write(body[:slow_at])
            handler.wfile.flush()
            time.sleep(0.6)
        handler.wfile.write(body[slow_at or 0 : stop])

    return reply


def part(data: bytes, *, content_range: str, etag: str | None = '"v1"', length: bool = True) -> Reply:
    """An answer 206, whatever was requested."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", content_range)
        if etag is not None:
            handler.send_header("ETag", etag)
        if length:
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def status(code: int, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return reply


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Nothing at all, until the client gives up."""
    time.sleep(0.6)


def _begin(handler: BaseHTTPRequestHandler, etag: str | None) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
    return int(found[1]) if found and handler.headers.get("If-Range") == etag else 0
