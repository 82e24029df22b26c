"""How a command ends: quietly, or with a message on standard error and an exit code for each kind of error.

Every command passes through here, so nothing ends in a traceback: what is refused has a message of its own, a signal is
an interruption, and a fault that nobody foresaw is written down without a value of the data.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import typer

from medtl.errors import ConfigurationError, Interrupted, MedtlError, ResourceExhausted
from medtl.files import NO_SPACE

Arguments = ParamSpec("Arguments")

STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if hasattr(signal, name))
"""From the keyboard, from a scheduler that ends a job or warns of its end, from a terminal that is closed."""

SECONDS_TO_STOP = 60.0
"""For a process whose parent is gone to end by itself."""

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
GOES_ON = {
    "run": "Finished folds and epochs are kept: the same command with --resume goes on.",
    "fold": "Finished folds and epochs are kept: the same command goes on.",
    "script": "Finished folds and epochs are kept: the same command with --resume goes on.",
    "fetch": "What arrived is kept: the same command goes on where it was stopped.",
    "intake": "What was converted is kept: the same command goes on where it was stopped.",
}
AGAIN = "No file was left half written: give the same command again."


def speaking(verb: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """The command, ended as scripts need it: by a message on standard error and an exit code for each kind of error."""

    @functools.wraps(verb)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            with _stoppable():
                verb(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter, SystemExit):
            raise
        except BrokenPipeError:
            raise  # who reads the output has seen enough; typer ends quietly
        except BaseException as error:  # noqa: BLE001 - native codecs raise what is no Exception
            _end(error, verb=verb.__name__)

    return wrapped


def _end(error: BaseException, *, verb: str) -> None:
    known = _foreseen(error, verb=verb)
    if known is not None:
        print(f"medtl: {known}", file=sys.stderr)
        raise typer.Exit(known.exit_code) from None
    from medtl.cli.fault_log import message_of

    print(f"medtl: {message_of(error, verb=verb.replace('_', ' '))}", file=sys.stderr)
    raise typer.Exit(MedtlError.exit_code) from None


def _foreseen(error: BaseException, *, verb: str) -> MedtlError | None:
    """The error as a message for people, where it is one of the kinds that happen on any machine."""
    if isinstance(error, MedtlError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"Stopped. {GOES_ON.get(verb, AGAIN)}")
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return ResourceExhausted("The disk is full. Free some space; a run goes on with --resume.")
    if isinstance(error, OSError) and error.errno in NOT_WRITABLE:
        return ConfigurationError(
            f"A file or folder that medtl {verb} needs cannot be read or written: {error.strerror}. Check the "
            "permissions of what was named on the command line, and of MEDTL_HOME, MEDTL_CACHE and MEDTL_WEIGHTS."
        )
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return ResourceExhausted("The memory does not suffice. Close other programs; a run goes on with --resume.")
    if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):
        return ResourceExhausted(
            "A process that loads scans was ended from outside, most often because memory ran out. Give the same "
            "command with --resume and --set recipe.loading_workers=0."
        )
    return None


@contextmanager
def _stoppable() -> Iterator[None]:
    """Signals that ask to stop interrupt the block as Ctrl-C does; a second one ends the process at once, also with 4.

    A SIGHUP that the shell ignores (nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if received:
            os.write(2, b"medtl: Stopped at once, at the second signal.\n")
            os._exit(Interrupted.exit_code)
        received.append(number)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if number == signal.SIGINT or handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def stop_when_input_closes() -> None:
    """Stop as after a signal when standard input ends: a parent that holds its other end is gone then.

    Reading is left to a thread.
    """

    def wait() -> None:
        while os.read(0, 1):  # not sys.stdin, whose lock the interpreter takes when it ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_STOP)
        os._exit(Interrupted.exit_code)  # the main thread hangs where no signal reaches it

    threading.Thread(target=wait, daemon=True).start()


def share_the_processor() -> None:
    """Make idle threads of torch wait asleep, not spinning.

    Alone on a machine this costs nothing; beside others' work the same training was 2 to 3 times faster. Read by OpenMP
    when torch is imported; what the user has set is kept.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def write_any_name() -> None:
    """Names that the terminal's alphabet lacks are written as escapes; they never end a command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
