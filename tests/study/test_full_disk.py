"""A disk that is full at one write after the other of a run on two processes: it ends with 5, and goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from disturbing import Disturbed

from medtl.files import sha256_of_file
from medtl.record.run_seal import verified

pytestmark = pytest.mark.usefixtures("own_places")

AT = (
    "cache/features/*", "run/cohort.json", "run/fold_?/training/bn_only/state-0.safetensors",
    "run/fold_?/predictions.csv", "run/fold_?/checkpoint.safetensors", "run/controls.json", "run/metrics.json",
    "run/report.html",
)  # fmt: skip
"""Where the disk is full, in the order in which the run comes there; of folds, the first that comes there."""

REFUSAL = re.compile(
    r"No space left while saving (\S+): (more than )?([\d,]+) bytes needed in the folder (\S+).*\. What was finished "
    r"before is kept\. Free some space and run again with --resume\."
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with a real disk of 700 MB in it; skipped where none may be mounted."""
    (tmp_path / "disk").mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(tmp_path / "disk")]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path / "disk"], check=True)


def fill(filler: Path) -> None:
    """Write until not one more byte has room."""
    with filler.open("ab", buffering=0) as stream:
        for size in (2**22, 2**12, 1):
            try:
                while stream.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


@pytest.mark.slow
def test_a_disk_that_is_full_at_one_write_after_the_other_ends_a_run_on_two_processes_with_5_and_costs_nothing(
    place: Path, new_cohort: Callable[[Path], Any], medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medtl.study.needs._refuse_without_room", lambda *_needs, **_run: None)  # known beforehand
    study = new_cohort(place / "data").write(
        adaptation={"policy": ["bn_only"]},
        recipe={"epochs": 2, "batch_size": 8},
        controls={"permutations": 0, "thumbnail": False, "border_only": False},
    )
    (place / "whole" / "disk").mkdir(parents=True)
    whole = Disturbed(study, place / "whole", medtl)
    assert whole.do() == 0, whole.said
    filler = place / "disk" / "filler"
    disturbed = Disturbed(study, place, medtl, fill=lambda: fill(filler))
    for at in AT:
        assert disturbed.do("--processes", 2, "--resume", disturb=at) == 5, (at, disturbed.said)
        assert disturbed.was_disturbed, at
        told = [found.groups() for found in REFUSAL.finditer(disturbed.said)]
        assert any(fnmatch(one[0], Path(at).name) for one in told), (at, disturbed.said)
        for saved, _, bytes_needed, folder in told:
            assert int(bytes_needed.replace(",", "")) > 0
            assert any(f"/{one}".partition(":")[0].endswith(f"/{folder}/{saved}") for one in whole.seen), (
                saved,
                folder,
            )
        is_left = [path.name for path in disturbed.run.rglob(".*") if path.name != ".lock"]
        assert not is_left, f"half-written: {is_left}"
        for side in disturbed.run.glob("fold_*/training/*/state-?.json"):
            state = side.with_suffix(".safetensors")
            assert json.loads(side.read_text())["sha256"] == sha256_of_file(state)
        if (disturbed.run / "folds.csv").exists():
            status = medtl("status", disturbed.run)
            assert status.code == 0, status.err
        filler.unlink()
    assert disturbed.do("--processes", 2, "--resume") == 0, disturbed.said
    ended, undisturbed = disturbed.contents(), whole.contents()
    assert sorted(ended) == sorted(undisturbed)
    assert [name for name in undisturbed if ended[name] != undisturbed[name]] == []
    assert "is whole" in verified(disturbed.run)
