"""How long a command waits before it works, and which large libraries it opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

REPEATS = 7
LARGE = ("torch", "monai", "scipy", "sklearn", "pandas", "matplotlib", "pydicom", "nibabel")
RUN_AND_TELL = f"""
import json, sys
from medtl.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print()
print(json.dumps([name for name in {LARGE!r} if name in sys.modules]))
"""


@pytest.mark.benchmark
def test_start_up_of_each_command(
    table: Any,
    fresh: Callable[..., Any],
    phantoms: Callable[[int], Any],
    write_study: Callable[..., Path],
    folder: Path,
) -> None:
    images = phantoms(40)
    small = {"folds": {"count": 2, "seed": 7}, "preparation": {"preset": "radiograph", "size_px": [64, 64]}}
    study = write_study("small-study", images, **small, encoder="resnet10")
    seconds = [fresh("-m", "medtl", "--help").seconds for _ in range(REPEATS)]
    table.add("medtl --help", f"{median(seconds):.3f} s", "", "", "< 0.5 s")
    table.note(f"medtl --help: median of {REPEATS} fresh processes, {min(seconds):.3f} to {max(seconds):.3f} s.")

    opened = {}
    for command in (
        ("--help",),
        ("weights", "list"),
        ("check", images.manifest, "--set", f"data_root={images.folder}"),
        ("run", study, "--out", folder / "small"),
        ("report", folder / "small"),
        ("doctor",),
    ):
        verb = " ".join(str(word) for word in command[:2] if not isinstance(word, Path))
        verb = verb.removesuffix(" --out")
        done = fresh("-c", RUN_AND_TELL, *command)
        opened[verb] = json.loads(done.output.splitlines()[-1])
        table.note(
            f"medtl {verb} opens {', '.join(opened[verb]) or 'none of the large libraries'}; {done.seconds:.2f} s."
        )
    assert not {"torch", "monai"} & {*opened["--help"], *opened["report"]}
