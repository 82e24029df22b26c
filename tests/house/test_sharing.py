"""Several users and processes at one cache, one weight store, one manifest: nobody meets a PermissionError."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medtl import locks
from medtl.encoders import WeightStore, build_untrained, find_encoder
from medtl.errors import IntegrityFailure, Locked
from medtl.files import inherit_rights, write_atomically
from medtl.imaging import PreparationSettings, PreparedCache
from medtl.intake import run as taking
from medtl.intake.settings import IntakeSettings
from medtl.locks import exclusive

FIRST, SECOND, GROUP = 61001, 61002, 61000
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="two real users are needed, and only root can become one")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def as_user(uid: int, mask: int, work: Callable[[], None]) -> None:
    """Do the work in a process of another user of the group; what it raises there fails here."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([GROUP])
            os.setgid(GROUP)
            os.setuid(uid)
            os.umask(mask)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - told by the exit code
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, f"user {uid}, umask {mask:o}"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own belongs to one."""
    folder = Path(tempfile.mkdtemp(prefix="shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def picture(path: Path, seed: int) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 16), dtype=np.uint8)).save(path)
    path.chmod(0o644)
    return path


@AS_ROOT
@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077])
def test_two_users_share_a_cache_and_a_weight_store_whatever_their_umask(
    place: Path, mask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [picture(place / f"{number}.png", number) for number in range(3)]
    settings = PreparationSettings(size_px=(16, 16))
    bare = find_encoder("resnet10")
    tensors = {name: value.detach() for name, value in build_untrained(bare, seed=1).tensors().items()}
    for name in ("cache", "weights"):
        (place / name).mkdir()
        os.chown(place / name, 0, GROUP)
        (place / name).chmod(0o2770)
        monkeypatch.setenv(f"MEDTL_{name.upper()}", str(place / name))

    def prepare(which: list[Path]) -> Callable[[], None]:
        def work() -> None:
            cache = PreparedCache.shared()
            assert cache.folder == place / "cache"
            for scan in which:
                cache.get_or_prepare(scan, settings).pixels()

        return work

    def store(name: str) -> Callable[[], None]:
        card = bare.model_copy(update={"name": name, "needs_weights": True})
        return lambda: WeightStore.from_environment().save(tensors, card, replace=True) and None

    def load() -> None:
        found = WeightStore.from_environment()
        assert found.verify("ours").name == "ours"
        found.load("ours")

    as_user(FIRST, mask, prepare(scans[:2]))
    as_user(SECOND, mask, prepare(scans))
    as_user(FIRST, mask, prepare(scans))
    as_user(FIRST, mask, store("ours"))
    as_user(SECOND, mask, load)
    as_user(SECOND, mask, store("ours"))
    as_user(FIRST, mask, load)


@AS_ROOT
def test_a_cache_that_another_user_keeps_to_himself_is_replaced_by_a_private_one_and_that_is_said(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scan = picture(place / "0.png", 0)
    (place / "cache" / "prepared").mkdir(parents=True)
    (place / "cache").chmod(0o777)
    os.chown(place / "cache" / "prepared", FIRST, GROUP)
    (place / "cache" / "prepared").chmod(0o700)
    (place / "own").mkdir()
    os.chown(place / "own", SECOND, GROUP)
    monkeypatch.setenv("MEDTL_CACHE", str(place / "cache"))
    monkeypatch.setenv("MEDTL_HOME", str(place / "own" / "home"))

    def work() -> None:
        cache = PreparedCache.shared()
        assert cache.folder == place / "own" / "home" / "cache"
        cache.get_or_prepare(scan, PreparationSettings(size_px=(16, 16))).pixels()

    as_user(SECOND, 0o077, work)
    assert "a private cache is used instead" in capfd.readouterr().err


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077])
@pytest.mark.parametrize(("mode", "file"), [(0o2775, 0o664), (0o755, 0o644), (0o700, 0o600), (0o1777, 0o666)])
def test_what_is_written_below_a_shared_folder_has_its_rights(tmp_path: Path, mask: int, mode: int, file: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    with umask(mask):
        write_atomically(shared / "a" / "b" / "c.json", "{}", shared=shared)
        inherit_rights(shared / "a" / "d", shared=shared)
    assert stat.S_IMODE((shared / "a" / "b" / "c.json").stat().st_mode) == file
    for name in ("a", "a/b", "a/d"):
        assert stat.S_IMODE((shared / name).stat().st_mode) == mode


# Locks


@AS_ROOT
def test_a_lock_file_of_another_user_or_one_that_is_read_only_locks_all_the_same(place: Path) -> None:
    lock = place / ".lock"
    lock.write_text("")
    os.chown(lock, FIRST, GROUP)
    lock.chmod(0o444)

    def refused() -> None:
        with pytest.raises(Locked, match="not now"), exclusive(lock, refusal="not now"):
            pass

    def free() -> None:
        with exclusive(lock, refusal="not now"):
            pass

    as_user(SECOND, 0o022, free)
    with exclusive(lock, refusal="not now"):
        as_user(SECOND, 0o022, refused)


def test_a_lock_ends_with_its_block_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / ".lock", refusal="no"):
        _ = 1 / 0
    with (
        exclusive(tmp_path / ".lock", refusal="no"),
        pytest.raises(Locked),
        exclusive(tmp_path / ".lock", refusal="no"),
    ):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF])
def test_a_file_system_that_cannot_lock_this_file_is_told_of_and_stops_nobody(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(descriptor: int, kind: int) -> None:
        raise OSError(code, os.strerror(code))

    locks._say_that_there_are_no_locks.cache_clear()
    monkeypatch.setattr(locks.fcntl, "flock", refused)
    with exclusive(tmp_path / ".lock", refusal="no"):
        pass
    assert "The file system here has no locks: see to it that only one process writes here" in capsys.readouterr().err
    locks._say_that_there_are_no_locks.cache_clear()


def test_a_lock_whose_owner_was_killed_is_free_at_once(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    child = os.fork()
    if child == 0:
        with exclusive(lock, refusal="no"):
            (tmp_path / "held").touch()
            time.sleep(300)
        os._exit(1)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    with pytest.raises(Locked, match="wait for it"), exclusive(lock, refusal="wait for it"):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with exclusive(lock, refusal="no"):
        pass


# One damaged card


def test_one_damaged_card_hides_no_other_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = WeightStore((tmp_path,))
    bare = find_encoder("resnet10")
    tensors = build_untrained(bare, seed=1).tensors()
    for name in ("mine", "theirs", "third"):
        store.save(tensors, bare.model_copy(update={"name": name, "needs_weights": True}))
    for content in ("", "{", "[[[[", "3", '{"name": "theirs"}', "\udcff", "[" * 100_000):
        (tmp_path / "theirs" / "card.json").write_text(content, errors="surrogateescape")
        assert [card.name for card in store.list()] == ["mine", "third"]
        said = capsys.readouterr().err
        assert "theirs/card.json" in said
        assert "Other encoders are not affected." in said
        assert {card.name for card, is_here in store.catalogue() if is_here} >= {"mine", "third"}
        assert store.verify("mine").name == "mine"
        with pytest.raises(IntegrityFailure, match=r"The card .* cannot be read"):
            store.card("theirs")


def test_of_four_intakes_into_one_manifest_one_wins_and_three_are_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "home"))
    (tmp_path / "scans").mkdir()
    for number in range(4):
        picture(tmp_path / "scans" / f"p{number}.png", number)
    refused = threading.Semaphore(0)
    whole, ended = taking.taken_in, []

    def waiting(*words: Any, **more: Any) -> Any:
        for _ in range(3):
            assert refused.acquire(timeout=300)
        return whole(*words, **more)

    monkeypatch.setattr(taking, "taken_in", waiting)

    def take() -> None:
        try:
            taking.run_intake(tmp_path / "scans", tmp_path / "out" / "manifest.csv", IntakeSettings())
            ended.append("done")
        except Locked as error:
            ended.append(str(error))
            refused.release()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended[3] == "done"
    assert all(told.startswith("Another intake is writing manifest.csv. Wait for it") for told in ended[:3])
    assert (tmp_path / "out" / "manifest.csv").is_file()
