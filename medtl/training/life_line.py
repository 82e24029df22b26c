"""Whether another process still lives: a connection that the kernel closes when a process ends, however it ends.

In: connections to the other processes. Out: the exit code with which one of them ended, soon after it did. A process
that says nothing before its connection closes was ended from outside.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence

from medtl.errors import ResourceExhausted

LOST = ResourceExhausted.exit_code
"""The code of a process that was ended from outside, most often because memory ran out."""

SECONDS_TO_END = 10.0
"""For this process to end by itself when another one has ended; it may wait for that one and hear nothing."""

SECONDS_TO_HEAR = 1.0
"""Between a failed exchange with another process and the news that this one has ended."""

WORD_BYTES = 32
SECONDS_TO_CONNECT = 60.0


class LifeLine:
    """Connections to other processes, each listened to until its end."""

    def __init__(self, connections: Sequence[socket.socket]) -> None:
        self.connections = connections
        self.code: int | None = None
        self.is_lost = False
        self._has_news = threading.Event()
        for one in connections:
            threading.Thread(target=self._listen, args=(one,), daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether one of the others has ended with an error, or was ended."""
        return self.code is not None

    def wait_for_news(self, seconds: float) -> None:
        """Give the end of another process a moment to become known."""
        self._has_news.wait(seconds)

    def end(self, code: int) -> None:
        """Say with which exit code this process ends."""
        for one in self.connections:
            try:
                one.sendall(bytes([code]))
                one.shutdown(socket.SHUT_WR)
            except OSError:
                continue  # it has ended before

    def _listen(self, connection: socket.socket) -> None:
        try:
            word = connection.recv(1)
        except OSError:
            word = b""
        if word == b"\0":
            return
        self.is_lost = self.is_lost or not word
        self.code = word[0] if word else LOST
        self._has_news.set()
        time.sleep(SECONDS_TO_END)
        os.write(2, b"medtl: Another process of this training has ended: run again with --resume.\n")
        os._exit(self.code)  # the main thread waits where nothing reaches it


def connections_to_others(server: socket.socket, word: str, *, others: int) -> list[socket.socket]:
    """The connections of so many other processes to this one; who does not know the word is not one of them."""
    found: list[socket.socket] = []
    server.settimeout(SECONDS_TO_CONNECT)
    while len(found) < others:
        connection, _ = server.accept()
        connection.settimeout(SECONDS_TO_CONNECT)
        try:
            is_one = connection.recv(WORD_BYTES, socket.MSG_WAITALL) == word.encode()
        except OSError:
            is_one = False
        if is_one:
            connection.settimeout(None)
            found.append(connection)
        else:
            connection.close()
    return found


def connection_to_first(address: str, port: int, word: str) -> socket.socket:
    """The connection to the first process."""
    connection = socket.create_connection((address, port), timeout=SECONDS_TO_CONNECT)
    connection.sendall(word.encode())
    connection.settimeout(None)
    return connection
