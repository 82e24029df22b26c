"""All scans of a cohort, prepared once; unreadable ones become exclusions by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float32

from medtl.cohort import Case, Exclusion
from medtl.errors import ConfigurationError
from medtl.imaging.cache_use import use_cache
from medtl.imaging.display import DisplayedScan, displayed_scan
from medtl.imaging.facts import ScanFacts
from medtl.imaging.prepared.cache import CachedScan, PreparedCache
from medtl.imaging.reading import read_scan
from medtl.imaging.scan import UnreadableScan
from medtl.imaging.settings import PreparationSettings
from medtl.progress import track

AHEAD = 8
"""Scans in work per worker: enough to keep all busy, few enough to keep memory flat."""


@dataclass(frozen=True)
class PreparedCohort:
    """The prepared scans by case_id in the cohort's order, the exclusions with reasons, and the seconds it took."""

    scans: Mapping[str, CachedScan]
    exclusions: tuple[Exclusion, ...]
    seconds: float

    @property
    def facts(self) -> dict[str, ScanFacts]:
        """The facts of every prepared scan by case_id."""
        return {case_id: scan.facts for case_id, scan in self.scans.items()}

    @property
    def keys(self) -> dict[str, str]:
        """The cache key of every prepared scan by case_id."""
        return {case_id: scan.key for case_id, scan in self.scans.items()}

    def pixels(self, case_id: str) -> Float32[np.ndarray, "channel *prepared"]:
        """The prepared scan of a case in [0, 1], read from the cache and verified.

        Raises:
            ConfigurationError: no such case was prepared.
        """
        return self._known(case_id).pixels()

    def displayed(self, case_id: str) -> DisplayedScan:
        """The scan of a case in its display window, on its own grid, read from its file.

        Raises:
            ConfigurationError: no such case was prepared.
            UnreadableScan: the scan's file can no longer be read.
        """
        scan = self._known(case_id)
        return displayed_scan(read_scan(scan.source), scan.settings)

    def _known(self, case_id: str) -> CachedScan:
        if case_id not in self.scans:
            raise ConfigurationError(
                f"Expected one of {len(self.scans)} prepared cases; got {case_id!r}. It is unknown or was excluded."
            )
        return self.scans[case_id]


def prepare_cohort(
    cases: Sequence[Case], settings: PreparationSettings, *, cache: PreparedCache, workers: int = 1
) -> PreparedCohort:
    """Prepare every case's scan into the cache, in `workers` threads; the result does not depend on their number.

    A scan that cannot be read or shows nothing becomes an exclusion with its reason code; the others go on. Nothing is
    removed from the cache until this process ends.
    """
    started = time.monotonic()
    use_cache(cache.folder)
    scans: dict[str, CachedScan] = {}
    exclusions: list[Exclusion] = []

    def attempt(case: Case) -> CachedScan | UnreadableScan:
        try:
            return cache.get_or_prepare(case.image, settings)
        except UnreadableScan as refusal:
            return refusal

    results = _in_order(attempt, cases, workers=workers)
    for case in track(cases, what="Preparing scans", total=len(cases)):
        result = next(results)
        if isinstance(result, CachedScan):
            scans[case.case_id] = result
        else:
            exclusions.append(Exclusion(case.case_id, case.line, result.reason, str(result)))
    return PreparedCohort(scans=scans, exclusions=tuple(exclusions), seconds=time.monotonic() - started)


def _in_order(
    work: Callable[[Case], CachedScan | UnreadableScan], cases: Sequence[Case], *, workers: int
) -> Iterator[CachedScan | UnreadableScan]:
    """The work's results in the order of the cases, with a bounded number of scans in memory."""
    if workers <= 1:
        yield from map(work, cases)
        return
    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting = iter(cases)
        running = [pool.submit(work, case) for case in islice(waiting, workers * AHEAD)]
        while running:
            yield running.pop(0).result()
            running.extend(pool.submit(work, case) for case in islice(waiting, 1))
