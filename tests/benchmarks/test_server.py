"""What several processes gain, what the sharing of folds costs, and how soon the state of a run is said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

IMAGES, SIZE_PX, EPOCHS = 120, 160, 2
REPEATS = 7
TURNS = 2
STATUS = """
import sys
from medtl.cli import main
try:
    main()
finally:
    assert not {"torch", "monai"} & {*sys.modules}
"""


@pytest.fixture(scope="module")
def study(phantoms: Callable[[int], Any], write_study: Callable[..., Path]) -> Path:
    """A study of two folds, each of which trains a whole network."""
    return write_study(
        "server",
        phantoms(IMAGES),
        folds={"count": 2, "seed": 7},
        preparation={"preset": "radiograph", "size_px": [SIZE_PX, SIZE_PX]},
        adaptation={"policy": ["full"]},
        recipe={"epochs": EPOCHS, "batch_size": 8},
        controls={"permutations": 0, "thumbnail": False, "border_only": False},
        saliency={"checks": False},
    )


@pytest.fixture(scope="module")
def one(study: Path, fresh: Callable[..., Any], folder: Path) -> list[tuple[Any, Path]]:
    """The study in one process with one thread, several times."""
    fresh("-m", "medtl", "run", study, "--out", folder / "server-warm", "--prepare-only", threads=1)
    runs = [folder / f"server-one-{turn}" for turn in range(TURNS)]
    return [(fresh("-m", "medtl", "run", study, "--out", run, "--device", "cpu", threads=1), run) for run in runs]


def folds_of(run: Path) -> tuple[float, float]:
    """Seconds from the last file before the folds to the last one of them, and of the longest fold."""
    ended = max(path.stat().st_mtime for path in run.glob("fold_*/DONE.json"))
    seconds: dict[str, float] = json.loads((run / "environment.json").read_text())["seconds"]
    longest = max(spent for part, spent in seconds.items() if part.startswith("fold "))
    return ended - (run / "audit.json").stat().st_mtime, longest


@pytest.mark.benchmark
def test_two_processes_on_two_folds(
    study: Path, one: list[tuple[Any, Path]], table: Any, fresh: Callable[..., Any], folder: Path
) -> None:
    runs = [folder / f"server-two-{turn}" for turn in range(TURNS)]
    two = [(fresh("-m", "medtl", "run", study, "--out", run, "--processes", 2, threads=1), run) for run in runs]
    alone, shared = (min(folds_of(run)[0] for _, run in found) for found in (one, two))
    table.add(
        "two folds: one process / two, folds alone",
        f"{shared:.1f} s",
        f"{alone:.1f} s",
        f"{alone / shared:.2f}",
        ">= 1.6",
    )
    whole = [min(done.seconds for done, _ in found) for found in (one, two)]
    table.add("the same, the whole command", f"{whole[1]:.1f} s", f"{whole[0]:.1f} s", f"{whole[0] / whole[1]:.2f}")
    overhead = min(spent - longest for spent, longest in (folds_of(run) for _, run in two))
    table.add("of it to start two workers and open the run in them", f"{overhead:.1f} s", "", "", "< 3 s")
    table.note(
        f"server: {IMAGES} phantoms of {SIZE_PX} px, resnet18, full, {EPOCHS} epochs; one thread a process; fastest of "
        f"{TURNS}; load of the machine then {os.getloadavg()[0]:.1f}."
    )


@pytest.mark.benchmark
def test_status(one: list[tuple[Any, Path]], table: Any, fresh: Callable[..., Any]) -> None:
    seconds = [fresh("-c", STATUS, "status", one[0][1]).seconds for _ in range(REPEATS)]
    table.add("medtl status", f"{median(seconds):.2f} s", "", "", "< 1 s")
    table.note(
        f"medtl status: median of {REPEATS} fresh processes without torch, {min(seconds):.2f} to {max(seconds):.2f} s; "
        f"load then {os.getloadavg()[0]:.1f}."
    )


@pytest.mark.benchmark
def test_torchrun_with_two_processes(
    study: Path, one: list[tuple[Any, Path]], table: Any, fresh: Callable[..., Any], folder: Path
) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", 2, "-m", "medtl")
    runs = [folder / f"server-torchrun-{turn}" for turn in range(TURNS)]
    for run in runs:
        fresh(*launcher, "run", study, "--out", run, "--device", "cpu", threads=1)
    alone, shared = min(folds_of(run)[0] for _, run in one), min(folds_of(run)[0] for run in runs)
    table.add("torchrun with two processes, folds alone", f"{shared:.1f} s", f"{alone:.1f} s", f"{alone / shared:.2f}")
