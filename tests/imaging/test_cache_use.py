"""The cache says what it holds, gives up what nobody has used for longest, and nothing while a process uses it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medtl.cli import app
from medtl.errors import ConfigurationError
from medtl.imaging.cache_studies import noting_study
from medtl.imaging.cache_use import SECONDS_A_DAY, bytes_of, cache_parts, note_use, remove_oldest

DAYS = {"prepared/aa/old.safetensors": 30, "features/middle.safetensors": 20, "prepared/bb/new.safetensors": 1}
SIZE = 1000


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    for name, days in DAYS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * SIZE)
        os.utime(path, (time.time() - days * SECONDS_A_DAY,) * 2)
    return folder


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}


@pytest.mark.parametrize(
    ("keep", "kept"), [(3000, set(DAYS)), (2999, set(list(DAYS)[1:])), (1000, {list(DAYS)[2]}), (0, set())]
)
def test_what_was_not_used_for_longest_goes_first(cache: Path, keep: int, kept: set[str]) -> None:
    files, removed = remove_oldest(cache, keep_bytes=keep)
    assert left(cache) == kept
    assert (files, removed) == (3 - len(kept), SIZE * (3 - len(kept)))


def test_an_entry_that_is_used_is_young_again(cache: Path) -> None:
    old = cache / "prepared/aa/old.safetensors"
    note_use(old)
    remove_oldest(cache, keep_bytes=2000)
    assert left(cache) == {"prepared/aa/old.safetensors", "prepared/bb/new.safetensors"}
    before = old.stat().st_mtime_ns
    note_use(old)
    assert old.stat().st_mtime_ns == before, "once a day is enough"
    note_use(cache / "nowhere")


def test_the_parts_are_counted(cache: Path) -> None:
    assert [(part.name, part.files, part.bytes) for part in cache_parts(cache)] == [
        ("features", 1, 1000),
        ("prepared", 2, 2000),
    ]


def test_what_each_study_uses_is_listed_also_when_another_one_shares_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_CACHE", str(cache))
    old, middle, new = (cache / name for name in DAYS)
    assert "Used by:" not in CliRunner().invoke(app, ["cache"]).stdout, "no study was noted"
    for name, entries in (("first", (old, middle)), ("second", (middle,)), ("second", (middle,)), ("none", ())):
        with noting_study(cache, name):
            for entry in entries:
                note_use(entry)
    note_use(new)
    assert [path.parent.name for path in sorted(cache.rglob("studies/*/*"))] == ["first", "second"]
    for path in (old, middle, new):
        os.utime(path, (time.time() - DAYS[path.relative_to(cache).as_posix()] * SECONDS_A_DAY,) * 2)
    listed = CliRunner().invoke(app, ["cache"]).stdout
    assert "1.0 KB        1 files  frozen features\n" in listed
    assert listed.endswith(
        "\n\nUsed by:\n    2.0 KB  first, 1.0 KB of it for no other study\n    1.0 KB  second, 0 B of it for no other "
        "study\n    1.0 KB  noted for no study\n"
    )
    remove_oldest(cache, keep_bytes=2000)
    assert CliRunner().invoke(app, ["cache"]).stdout.count("1.0 KB  first, 0 B of it") == 1
    remove_oldest(cache, keep_bytes=0)
    assert not list(cache.rglob("studies/*"))


def test_a_cache_in_which_no_list_can_be_kept_stops_nobody(cache: Path) -> None:
    (cache / "studies").write_text("a file where a folder belongs")
    with noting_study(cache, "first"):
        note_use(cache / "features/middle.safetensors")
    assert cache_parts(cache)[0].bytes == SIZE


USES = """
import sys
from pathlib import Path
from medtl.cohort import Case
from medtl.imaging import PreparationSettings, PreparedCache, prepare_cohort
cases = [Case("c", "p", Path(sys.argv[1]), "x", 2)]
prepare_cohort(cases, PreparationSettings(size_px=(16, 16)), cache=PreparedCache.shared())
print("here", flush=True)
sys.stdin.read()
"""


def test_nothing_is_removed_while_a_process_uses_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_CACHE", str(cache))
    scan = tmp_path / "scan.png"
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(scan)
    words = [sys.executable, "-c", USES, str(scan)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        done = CliRunner().invoke(app, ["cache", "--keep", "0"])
        assert done.exit_code == 6
        assert "A study is using the cache, so nothing was removed." in done.stderr
        assert len(left(cache)) == 4
        process.communicate()
    done = CliRunner().invoke(app, ["cache", "--keep", "1KB"])
    assert done.exit_code == 0, done.stderr
    assert "files were removed" in done.stdout
    assert CliRunner().invoke(app, ["cache", "--keep", "0"]).stdout.endswith("The cache is empty.\n")


def test_a_size_is_read_with_its_unit_and_nothing_else(cache: Path) -> None:
    assert [bytes_of(words) for words in ("50GB", "1.5 mb", "0", "2TB")] == [50 * 10**9, 1_500_000, 0, 2 * 10**12]
    for words in ("50", "many", "-1GB", "5PB", ""):
        with pytest.raises(ConfigurationError, match=r"--keep takes a size such as 50GB or 500MB; got"):
            bytes_of(words)
