"""How a verb ends: quietly, or with a letter on standard error and an exit code that says which kind."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from medtl.errors import Interrupted, MedtlError, ResourceExhausted

Arguments = ParamSpec("Arguments")


def speaking(verb: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Let a verb end as scripts need it: a letter on standard error and an exit code that says which kind."""

    @functools.wraps(verb)
    def spoken(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        def stop(_number: int, _frame: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        try:
            verb(*args, **kwargs)
        except MedtlError as error:
            raise _end(error) from None
        except KeyboardInterrupt:
            letter = Interrupted("Stopped. Finished folds and epochs are kept: the same command with --resume goes on.")
            raise _end(letter) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise _end(ResourceExhausted("The disk is full. Free some space; a run goes on with --resume.")) from None
        finally:
            signal.signal(signal.SIGTERM, before)

    return spoken


def _end(error: MedtlError) -> typer.Exit:
    print(f"medtl: {error}", file=sys.stderr)
    return typer.Exit(error.exit_code)


def share_the_processor() -> None:
    """Idle threads of torch wait asleep, not spinning: alone on a machine this costs nothing, beside others' work the
    same training was 2 to 3 times faster. Read by OpenMP when torch is imported; what the user has set is kept."""
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
