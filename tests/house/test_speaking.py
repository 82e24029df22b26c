"""How a command ends: never in a traceback, always with an exit code, and without a value of the data."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import medtl
from medtl.cli import app
from medtl.cli.exit_codes import speaking
from medtl.errors import DataRefused, ResourceExhausted
from medtl.imaging.one_scan import UNFORESEEN, one_scan
from medtl.imaging.scan import UnreadableScan

SECRET = "Meier^Anna 1947-03-02"


class PanicException(BaseException):
    """What a native codec raises: no Exception."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def ended(error: BaseException) -> int:
    """The exit code of a command that raises this."""

    @speaking
    def check() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        check()
    return caught.value.exit_code


@pytest.mark.parametrize(
    "error", [KeyError(SECRET), AssertionError(SECRET), PanicException(SECRET), OSError(5, SECRET)]
)
def test_an_unforeseen_fault_ends_with_1_and_a_log_that_holds_its_kind_and_no_value(
    error: BaseException, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) == 1
    message = capfd.readouterr().err
    (log,) = (home / "logs").iterdir()
    assert f"medtl check met a fault that it did not foresee: {type(error).__name__}" in message
    assert f"What happened is in logs/{log.name} in your private folder (MEDTL_HOME)" in message
    kept = log.read_text()
    assert type(error).__name__ in kept
    assert "medtl/cli/exit_codes.py line" in kept
    for text in (message, kept):
        assert "Traceback" not in text
        assert "Meier" not in text
        assert str(home.parent) not in text
    assert (home.stat().st_mode & 0o777, (home / "logs").stat().st_mode & 0o777) == (0o700, 0o700)


def test_the_log_holds_the_causes_too_and_no_file_of_the_users(home: Path) -> None:
    @speaking
    def check() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error

    with pytest.raises(typer.Exit):
        check()
    (log,) = (home / "logs").iterdir()
    kept = log.read_text()
    assert kept.index("builtins.KeyError") < kept.index("builtins.ValueError")
    assert "test_speaking" not in kept
    assert "elsewhere" in kept


def test_where_no_log_can_be_written_the_command_still_ends_in_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "file"))
    assert ended(KeyError(SECRET)) == 1
    assert "Nothing could be written to logs in your private folder (MEDTL_HOME: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataRefused("no case"), 3, "medtl: no case"),
        (KeyboardInterrupt(), 4, "medtl: Stopped. No file was left half written: give the same command again."),
        (OSError(errno.ENOSPC, SECRET), 5, "The disk is full"),
        (OSError(errno.EDQUOT, SECRET), 5, "The disk is full"),
        (MemoryError(), 5, "The memory does not suffice"),
        (RuntimeError("DataLoader worker (pid 3) is killed by signal: Killed."), 5, "recipe.loading_workers=0"),
        (PermissionError(errno.EACCES, "Permission denied", SECRET), 2, "cannot be read or written: Permission denied"),
        (OSError(errno.EROFS, "Read-only file system", SECRET), 2, "cannot be read or written: Read-only file system"),
    ],
)
def test_what_happens_on_any_machine_has_its_own_code(
    error: BaseException, code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) == code
    written = capfd.readouterr().err
    assert message in written
    assert "Meier" not in written


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP]
WAITING = """
import sys, time
from medtl.cli.exit_codes import speaking
@speaking
def run() -> None:
    try:
        print("works", flush=True)
        time.sleep(60)
    finally:
        if len(sys.argv) > 1:
            print("cleans", flush=True)
            time.sleep(60)
run()
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_that_asks_to_stop_ends_with_4(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    outside = signal.signal(number, signal.default_int_handler)  # nohup would have the tests ignore SIGHUP
    try:

        @speaking
        def run() -> None:
            os.kill(os.getpid(), number)
            signal.pause()

        with pytest.raises(typer.Exit) as caught:
            run()
        assert caught.value.exit_code == 4
        assert "medtl: Stopped. Finished folds and epochs are kept" in capfd.readouterr().err
        assert signal.getsignal(number) == signal.default_int_handler
    finally:
        signal.signal(number, outside)


def test_a_second_signal_ends_a_command_whose_cleaning_up_does_not_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, "slow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "works\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleans\n"
        process.send_signal(signal.SIGTERM)
        message = process.stderr.read()
        assert process.wait() == 4
    assert message == "medtl: Stopped at once, at the second signal.\n"


def test_a_hangup_that_the_shell_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        @speaking
        def run() -> None:
            os.kill(os.getpid(), signal.SIGHUP)

        run()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_runs_in_a_thread_too_where_no_signal_can_be_taken() -> None:
    @speaking
    def run() -> None:
        codes.append(0)

    codes: list[int] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert codes == [0]


# One scan


@pytest.mark.parametrize(
    "error", [KeyError(SECRET), PanicException(SECRET), RecursionError(SECRET), OSError(5, SECRET)]
)
def test_whatever_goes_wrong_in_one_scan_refuses_that_scan_by_its_kind(error: BaseException) -> None:
    with (
        pytest.raises(UnreadableScan, match=f"did not foresee .{type(error).__name__}.; the file is") as caught,
        one_scan(),
    ):
        raise error
    assert caught.value.reason == UNFORESEEN
    assert "Meier" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (DataRefused("as it was"), DataRefused),
        (MemoryError(), ResourceExhausted),
        (OSError(errno.ENOSPC, "full"), OSError),
    ],
)
def test_what_is_no_fault_of_the_scan_goes_on(error: BaseException, kind: type[BaseException]) -> None:
    with pytest.raises(kind), one_scan():
        raise error


# The command as a whole


def test_the_command_says_its_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"{medtl.__version__}\n")


def test_completion_is_installed_offline_and_names_the_verbs(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("medtl"))]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(medtl.__file__).parents[1])}
    by_name = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # the tests run in no shell
    done = subprocess.run(
        [*command, "--install-completion", "bash"],
        env=environment | by_name, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (written,) = (path for path in tmp_path.rglob("*.sh") if "_MEDTL_COMPLETE" in path.read_text())
    assert str(written) in (tmp_path / ".bashrc").read_text()
    ask = f'source {written}; COMP_WORDS=(medtl sta); COMP_CWORD=1; _medtl_completion medtl; echo "${{COMPREPLY[@]}}"'
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ask], env=environment | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["status"], done.stderr
