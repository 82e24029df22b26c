"""One process at a time, where several could write the same files.

In: the path of a lock file. Out: a block that this process has for itself, or `Locked`. The lock is the kernel's
(flock): it ends with the process, however that ends, and its file may stay.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medtl.errors import Locked
from medtl.progress import say

WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def exclusive(lock: Path, *, refusal: str, mode: int | None = None, **facts: object) -> Iterator[None]:
    """Hold the lock for the block; a new lock file gets `mode` where it is to be shared, else as the umask says.

    A lock file of another user, or on a disk that cannot be written, is opened for reading, which is enough to lock.

    Raises:
        Locked: another process holds it; `refusal` says what to do.
        OSError: the file can be neither made nor read.
    """
    descriptor = _opened(lock, mode)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(refusal, **facts) from error
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            say("The file system here has no locks: see to it that only one process writes here at a time.")
        yield
    finally:
        os.close(descriptor)


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
