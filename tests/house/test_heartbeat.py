"""A sign of life is what was finished: a batch, a sentence, a file; never a thread that runs beside work that hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medtl import heartbeat
from medtl.files import write_atomically
from medtl.progress import say, track


@pytest.fixture
def sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(heartbeat, "SECONDS_BETWEEN", 0.0)
    sign = tmp_path / "sign"
    sign.touch()
    return sign


def is_renewed_by(work: Callable[[], object], sign: Path) -> bool:
    os.utime(sign, (1, 1))
    work()
    return sign.stat().st_mtime > 1


def test_what_is_finished_renews_the_sign(sign: Path, tmp_path: Path) -> None:
    with heartbeat.beating(sign):
        assert is_renewed_by(lambda: list(track([1], what="cases", total=1)), sign)
        assert is_renewed_by(lambda: say("Fold 0 is finished."), sign)
        assert is_renewed_by(lambda: write_atomically(tmp_path / "file", "text"), sign)
        assert not is_renewed_by(lambda: None, sign)
    assert not is_renewed_by(heartbeat.beat, sign), "after the block nothing renews it"


def test_a_thread_beside_the_work_is_no_sign_of_life(sign: Path) -> None:
    def beside() -> None:
        thread = threading.Thread(target=heartbeat.beat)
        thread.start()
        thread.join()

    with heartbeat.beating(sign):
        assert not is_renewed_by(beside, sign)


def test_the_sign_of_a_worker_names_its_part(sign: Path) -> None:
    with heartbeat.signing(sign):
        heartbeat.begin("fold 2")
        assert sign.read_text() == "fold 2"
    heartbeat.begin("fold 3")
    assert sign.read_text() == "fold 2"


def test_a_clock_that_is_an_hour_ahead_of_the_file_servers_finds_nobody_hanging(
    sign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: ahead)
    found = heartbeat.seconds_since(sign)
    assert found is not None
    assert found < 1800
    before = set(sign.parent.iterdir())
    os.utime(sign, (ahead - 7200, ahead - 7200))
    found = heartbeat.seconds_since(sign)
    assert found is not None
    assert 1800 < found < 5400
    assert set(sign.parent.iterdir()) == before
    assert heartbeat.seconds_since(sign.with_name("gone")) is None
