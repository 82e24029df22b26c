"""Work on several processes as torchrun starts them, each a fork of the test's own, which needs no time to import."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess

SECONDS_AT_MOST = 300.0


def start_ranks(work: Callable[[int], object], *, world: int) -> list[BaseProcess]:
    """Begin `work(rank)` in so many processes, each in the environment that torchrun gives it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    def one(rank: int) -> None:
        os.environ |= {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }  # fmt: skip
        work(rank)

    started = [multiprocessing.get_context("fork").Process(target=one, args=(rank,)) for rank in range(world)]
    for process in started:
        process.start()
    return started


def codes_of(started: list[BaseProcess]) -> list[int | None]:
    """How each of them ended."""
    for process in started:
        process.join(SECONDS_AT_MOST)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in started]
