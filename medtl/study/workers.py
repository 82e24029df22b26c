"""Several worker processes that share the folds of one run: one a GPU, or several on the processor.

In: a run whose folds are drawn, and where to work. Out: every fold finished, or an error that says which are not. A
worker takes the next fold that is free; the folds' locks see to it that no fold is worked on twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from medtl import heartbeat
from medtl.errors import ConfigurationError, Interrupted, MedtlError, ResourceExhausted
from medtl.progress import say
from medtl.record.run_folder import RunFolder
from medtl.record.run_status import duration

POLL_SECONDS = 0.2
PART_OF_A_GPU = "MIG-"
SECONDS_TO_STOP = 60.0
"""For workers to end by themselves when the run is stopped; then they are ended."""

SECONDS_TO_STOP_STALLED = 10.0
"""For a worker that finishes nothing: most often it cannot be reached by a signal that it could obey."""

LONGEST_GAP_SECONDS = 1.0
"""Of the time between two looks at a worker, counted at most: a computer that sleeps lets no worker hang."""


@dataclass(frozen=True)
class WorkerSettings:
    """One worker: its device, and the variables of its environment."""

    device: str
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def threads(self) -> int | None:
        """That it computes with on the processor; None for a GPU."""
        own = dict(self.variables).get("OMP_NUM_THREADS", "")
        return int(own) if own.isdecimal() else None


def workers_of(
    *, processes: int | None, gpus: int | Literal["all"] | None, device: str = "auto"
) -> tuple[WorkerSettings, ...]:
    """A worker for each of so many GPUs, or so many on the processor; none where this process does the work.

    Raises:
        ConfigurationError: both are asked for, `device` is of the other kind, or there are not so many GPUs; or
            MEDTL_STALLED_MINUTES is no number.
    """
    heartbeat.seconds_allowed()  # refused before any work, where it is no number
    if processes is not None and gpus is not None:
        raise ConfigurationError("--processes is for the processor and --gpus for GPUs: give one of them.")
    if processes is not None and device.startswith("cuda"):
        raise ConfigurationError(f"--processes is for the processor, and --device is {device}: give --gpus instead.")
    if gpus is not None and device not in ("auto", "cuda"):
        raise ConfigurationError(f"--gpus takes the GPUs in their order, and --device is {device}: leave it out.")
    if gpus is not None:
        return _gpus(gpus)
    if processes is None or processes == 1:
        return ()
    if processes < 1:
        raise ConfigurationError(f"--processes is 1 or more; got {processes}.")
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // processes))
    return (WorkerSettings("cpu", (("OMP_NUM_THREADS", threads),)),) * processes


def _gpus(wanted: int | Literal["all"]) -> tuple[WorkerSettings, ...]:
    import torch

    named = [one.strip() for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one.strip()]
    is_divided = bool(named) and all(one.startswith(PART_OF_A_GPU) for one in named)
    there = len(named) if is_divided else torch.cuda.device_count()  # one process sees one part of a divided GPU
    if wanted == "all" and there:
        wanted = there
    if wanted == "all" or not 1 <= wanted <= there:
        raise ConfigurationError(
            f"--gpus {wanted} was asked for, and torch sees {there} GPU{'' if there == 1 else 's'}. Run medtl doctor "
            "to see what is missing, or use --processes for the processor."
        )
    chosen = named[:wanted] if named else list(map(str, range(wanted)))
    return tuple(WorkerSettings("cuda", (("CUDA_VISIBLE_DEVICES", one),)) for one in chosen)


def work_in_processes(run: RunFolder, folds: Sequence[int], wanted: Sequence[WorkerSettings]) -> None:
    """Have every fold finished by these workers, of which no more are started than there are folds to do.

    Raises:
        MedtlError: of the kind that a worker ended with, `ResourceExhausted` where one finished nothing for too long
            and was stopped; the other workers have finished what they could.
    """
    allowed = heartbeat.seconds_allowed()
    left = len(folds) - len(set(folds) & set(run.finished_folds()))
    if not left:
        return
    say(f"{min(left, len(wanted))} worker processes share {left} folds.{_threads(wanted[0])}")
    with tempfile.TemporaryDirectory(prefix="medtl-") as signs:
        workers = [_Worker(run, one, sign=Path(signs) / str(n)) for n, one in enumerate(wanted[:left])]
        try:
            while any(worker.is_at_work for worker in workers):
                time.sleep(POLL_SECONDS)
                for worker in workers:
                    worker.stop_if_stalled(allowed)
        except BaseException:
            _stop(workers)
            raise
        for worker in workers:
            worker.finish()
    unfinished = [fold for fold in folds if fold not in run.finished_folds()]
    if not unfinished:
        return
    failed = [worker for worker in workers if worker.code != 0]
    if failed:
        raise failed[0].failure(unfinished)
    raise Interrupted(f"{_folds(unfinished)} not finished: run again with --resume.")


def _threads(settings: WorkerSettings) -> str:
    """How a result depends on the number of threads, which sums in another order."""
    threads = dict(settings.variables).get("OMP_NUM_THREADS")
    if threads is None:
        return ""
    return (
        f" Each computes with OMP_NUM_THREADS={threads}: one process with the same setting gives the same bytes, with "
        "another number of threads the last digits differ."
    )


class _Worker:
    """One process; what it says is said here, line by line. It ends with this process, which holds its input."""

    def __init__(self, run: RunFolder, settings: WorkerSettings, *, sign: Path) -> None:
        sign.touch()
        self._sign, self._seen, self._looked, self._quiet = sign, 0, time.monotonic(), 0.0
        self.stalled = ""
        command = [sys.executable, "-m", "medtl", "fold", str(run.path), "--device", settings.device]
        self.process = subprocess.Popen(
            [*command, "--as-worker", str(sign)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **dict(settings.variables)},
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=_say_lines, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    @property
    def is_at_work(self) -> bool:
        return self.process.poll() is None

    @property
    def code(self) -> int:
        return self.process.wait()

    def stop_if_stalled(self, allowed: float) -> None:
        """Stop it where it has finished nothing for longer than `allowed` seconds of this process's work."""
        seen, now = self._sign.stat().st_mtime_ns, time.monotonic()
        passed, self._looked = min(now - self._looked, LONGEST_GAP_SECONDS), now
        self._quiet = self._quiet + passed if seen == self._seen else 0.0
        self._seen = seen
        if self._quiet <= allowed or not self.is_at_work:
            return
        part = self._sign.read_text(encoding="utf-8") or "A worker that opens the run"
        self.stalled = f"{part}: no progress for {duration(self._quiet)}"
        say(f"{self.stalled}; its worker process is stopped.")
        _stop([self], seconds=SECONDS_TO_STOP_STALLED)

    def finish(self) -> None:
        """Hear the last of its lines."""
        self._reader.join(timeout=SECONDS_TO_STOP)

    def failure(self, unfinished: Sequence[int]) -> MedtlError:
        kept = f"{_folds(unfinished)} not finished, the others are kept"
        if self.stalled:
            return ResourceExhausted(
                f"{self.stalled}, so its worker process was stopped. {kept}: run again with --resume. If a batch or a "
                f"scan takes longer than that here, set {heartbeat.VARIABLE} to more minutes."
            )
        if self.code < 0:
            return ResourceExhausted(
                f"A worker process was ended from outside (signal {-self.code}), most often because memory ran out. "
                f"{kept}: run again with --resume, and with fewer --processes if it was memory."
            )
        kind = next((one for one in MedtlError.__subclasses__() if one.exit_code == self.code), MedtlError)
        return kind(f"A worker process ended with the message above. {kept}: run again with --resume.")


def _folds(numbers: Sequence[int]) -> str:
    return f"Fold {numbers[0]} is" if len(numbers) == 1 else f"Folds {', '.join(map(str, numbers))} are"


def _stop(workers: Sequence[_Worker], *, seconds: float = SECONDS_TO_STOP) -> None:
    for worker in workers:
        if worker.is_at_work:
            worker.process.terminate()
    deadline = time.monotonic() + seconds
    for worker in workers:
        try:
            worker.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def _say_lines(stream: IO[bytes]) -> None:
    for line in stream:
        say(line.decode("utf-8", errors="replace").rstrip("\n"))
