"""One process at a time, where several could write the same files.

In: the path of a lock file. Out: a block that this process has for itself, or shares with others, or `Locked`. The lock
is the kernel's (flock): it ends with the process, however that ends, and its file may stay.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medtl.errors import Locked
from medtl.progress import say

WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
"""EBADF: NFS locks a file for one process only where it was opened for writing, which another user's may not allow."""
ATTEMPTS, SECONDS_BETWEEN = 5, 0.05
"""Who only looks whether a lock is held has it for a moment."""

NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class Hold:
    """A lock that this process holds for itself, and can share for a while with others that hold it by `shared`."""

    descriptor: int
    refusal: str
    facts: Mapping[str, object]

    @contextmanager
    def lent(self, *, still_shared: str) -> Iterator[None]:
        """Share the lock for the block; after it this process has it for itself again.

        Raises:
            Locked: at the end of the block another process still shares it; `still_shared` says what to do.
        """
        _lock(self.descriptor, fcntl.LOCK_SH, self.refusal, self.facts)
        yield
        _lock(self.descriptor, fcntl.LOCK_EX, still_shared, self.facts)


@contextmanager
def exclusive(lock: Path, *, refusal: str, mode: int | None = None, **facts: object) -> Iterator[Hold]:
    """Hold the lock for the block; a new lock file gets `mode` where it is to be shared, else as the umask says.

    A lock file of another user, or on a disk that cannot be written, is opened for reading, which is enough to lock.

    Raises:
        Locked: another process holds it; `refusal` says what to do.
        OSError: the file can be neither made nor read.
    """
    with _held(lock, fcntl.LOCK_EX, refusal=refusal, mode=mode, facts=facts) as descriptor:
        yield Hold(descriptor, refusal, facts)


@contextmanager
def shared(lock: Path, *, refusal: str, **facts: object) -> Iterator[None]:
    """Hold the lock for the block together with others that share it, while nobody holds it exclusively.

    Raises:
        Locked: another process holds it for itself; `refusal` says what to do.
        OSError: the file can be neither made nor read.
    """
    with _held(lock, fcntl.LOCK_SH, refusal=refusal, mode=None, facts=facts):
        yield


def share_for_life(lock: Path, *, refusal: str, **facts: object) -> None:
    """Share the lock until this process ends or asks for another one in this way.

    Raises:
        Locked: another process holds it for itself; `refusal` says what to do.
        OSError: the file can be neither made nor read.
    """
    if lock in _for_life and lock.exists():
        return
    descriptor = _opened(lock, None)
    try:
        _lock(descriptor, fcntl.LOCK_SH, refusal, facts)
    except BaseException:
        os.close(descriptor)
        raise
    for former in _for_life.values():
        os.close(former)
    _for_life.clear()
    _for_life[lock] = descriptor


_for_life: dict[Path, int] = {}
"""The lock that is held until the process ends, and its descriptor."""


@contextmanager
def _held(lock: Path, kind: int, *, refusal: str, mode: int | None, facts: Mapping[str, object]) -> Iterator[int]:
    descriptor = _opened(lock, mode)
    try:
        _lock(descriptor, kind, refusal, facts)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, refusal: str, facts: Mapping[str, object]) -> None:
    try:
        for attempt in range(ATTEMPTS):
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                return
            if attempt + 1 < ATTEMPTS:
                time.sleep(SECONDS_BETWEEN)
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        _say_that_there_are_no_locks()
        return
    raise Locked(refusal, **facts)


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock for itself; looked at for a moment, which `ATTEMPTS` of others outlast.

    Where the lock file cannot be read, or the file system has no locks, the answer is no.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


@cache
def _say_that_there_are_no_locks() -> None:
    say("The file system here has no locks: see to it that only one process writes here at a time.")


def _opened(lock: Path, mode: int | None) -> int:
    is_new = not lock.exists()
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        if is_new and mode is not None:
            with suppress(OSError):
                os.fchmod(descriptor, mode)
        return descriptor
    except OSError as error:
        if error.errno not in NOT_OURS or not lock.exists():
            raise
        return os.open(lock, os.O_RDONLY)
