"""The net below every scan: whatever goes wrong inside one is a refusal of that scan, by name, and the others go on.

In: a block that reads, decodes or prepares one scan. Out: its own refusal, or `unforeseen_fault` with the kind of what
happened, never its words, which may hold values of the header.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medtl.errors import MedtlError, ResourceExhausted
from medtl.files import NO_SPACE
from medtl.imaging.scan import UnreadableScan

UNFORESEEN = "unforeseen_fault"


@contextmanager
def one_scan() -> Iterator[None]:
    """Run a block that concerns one scan only.

    Raises:
        UnreadableScan: as the block raised it, or `unforeseen_fault` for whatever else went wrong in it.
        ResourceExhausted: memory ran out, or the disk is full; that is no fault of the scan.
    """
    try:
        yield
    except (MedtlError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError as error:
        raise ResourceExhausted(
            "The memory does not suffice for one of the scans. Close other programs, or leave out the largest scans; "
            "what was prepared before is kept."
        ) from error
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise
        raise UnreadableScan(
            f"Reading the scan ended in a fault that medtl did not foresee ({type(error).__name__}); the file is most "
            "likely damaged. Get it again from its source, or leave the case out.",
            reason=UNFORESEEN,
        ) from error
