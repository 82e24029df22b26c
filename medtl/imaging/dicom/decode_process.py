"""The process that `decode_worker` runs in, and the two pipes to it.

Each thread has one of its own, kept for the next file. Whoever finds that it died, or hangs, retires it, and the next
file gets a fresh one.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

MEMORY_BYTES = 6 * 2**30
"""Address space of a worker: libraries map 1 GB, the largest file that is opened has 1, its values 2."""

START_SECONDS = 60.0
"""Time to import the decoders: a second on an idle machine."""

LONGEST_LINE = 2**26
"""Header facts of 20,000 frames are a tenth of it."""

CHUNK_BYTES = 2**20


class DecodeProcess:
    """One worker process and its two pipes."""

    def __init__(self) -> None:
        package_folder = str(Path(__file__).parents[3])
        paths = os.pathsep.join([package_folder, *filter(None, [os.environ.get("PYTHONPATH")])])
        self.popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "medtl.imaging.dicom.decode_worker", str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            bufsize=0,
            start_new_session=True,
        )
        self.owner = os.getpid()
        for pipe in (self.popen.stdin, self.popen.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self._ends = weakref.finalize(self, _end, self.popen)
        self.exchange(b"", b"", seconds=START_SECONDS)

    def exchange(self, line: bytes, content: bytes, *, seconds: float, most: int = 0) -> tuple[dict[str, Any], bytes]:
        """Send a request, wait for its answer and its payload of at most `most` bytes, all within `seconds`.

        Raises:
            TimeoutError: no whole answer in time.
            EOFError, OSError, ValueError: the process has ended, or what it wrote is no answer.
        """
        until = time.monotonic() + seconds
        outgoing = [memoryview(part) for part in (line, content) if part]
        received, answer, wanted = bytearray(), None, math.inf
        while answer is None or len(received) < wanted:
            self._move(outgoing, received, until)
            end = received.find(b"\n") if answer is None else -1
            if end >= 0:
                answer = json.loads(received[:end])
                wanted = int(answer.get("payload", 0))
                del received[: end + 1]
            if wanted > most if answer else len(received) > LONGEST_LINE:
                raise ValueError("a longer answer than the question allows")
        return answer, bytes(received)

    def _move(self, outgoing: list[memoryview], received: bytearray, until: float) -> None:
        """Write and read what the pipes can take and give now; wait when that is nothing."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self.popen.stdout, selectors.EVENT_READ)
            if outgoing:
                ready.register(self.popen.stdin, selectors.EVENT_WRITE)
            left = until - time.monotonic()
            happened = ready.select(left) if left > 0 else []
        if not happened:
            raise TimeoutError
        for key, _ in happened:
            if key.fileobj is self.popen.stdin:
                written = os.write(key.fd, outgoing[0][:CHUNK_BYTES])
                outgoing[0] = outgoing[0][written:]
                if not outgoing[0]:
                    del outgoing[0]
            else:
                some = os.read(key.fd, CHUNK_BYTES)
                if not some:
                    raise EOFError
                received.extend(some)

    def end(self, *, patience: float) -> str:
        """End the process when it does not end by itself within `patience` seconds; how it ended, in words."""
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(timeout=patience)
        self._ends()
        code = self.popen.returncode
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


_own = threading.local()


def own_process() -> DecodeProcess:
    """This thread's process, started when there is none; a process that was forked starts its own.

    Raises:
        TimeoutError, EOFError, OSError, ValueError: it does not start.
    """
    process: DecodeProcess | None = getattr(_own, "process", None)
    if process is None or process.owner != os.getpid() or process.popen.poll() is not None:
        process = _own.process = DecodeProcess()
    return process


def retire(process: DecodeProcess, *, patience: float) -> str:
    """Never ask this process again; how it ended, in words."""
    _own.process = None
    return process.end(patience=patience)
