"""The offers of a survey, converted in threads, a line of the record each; what was finished before is not redone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from medtl.imaging.for_intake import UnreadableScan, one_scan
from medtl.intake.conversion import ConversionResult, convert, picture_of
from medtl.intake.offer import Offer, Refusal
from medtl.intake.records import Records
from medtl.progress import track

MOST_PICTURED = 1_200
"""The page shows 600 accepted cases, found among twice as many; pictures of 100,000 would fill the memory."""

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Cases in work per thread; each holds one volume in memory only while it is converted."""


def taken_in(
    offers: Sequence[Offer],
    case_ids: Mapping[str, str],
    *,
    records: Records,
    folder: Path,
    workers: int,
    may_replace: bool,
) -> list[ConversionResult]:
    """The conversion result of every offer, in their order.

    Args:
        offers: the cases to convert.
        case_ids: the pseudonym of each case by the key of its offer.
        records: the results of earlier runs; new ones are added.
        folder: the manifest's folder, below which scans are written.
        workers: threads that convert.
        may_replace: whether files of other intakes with the same name are overwritten.
    """

    def attempt(offer: Offer) -> ConversionResult:
        case_id = case_ids[offer.key]
        try:
            fingerprint = records.fingerprint(case_id, offer.files)
        except OSError as error:
            sentence = f"A file cannot be read: {error.strerror}. Check its permissions."
            return ConversionResult(fingerprint="", case_id=case_id, reason="unreadable_file", sentence=sentence)
        known = records.known(fingerprint)
        if known is not None:
            return known
        replaces = may_replace or records.wrote(case_id)
        result = convert(offer, case_id=case_id, fingerprint=fingerprint, folder=folder, may_replace=replaces)
        records.add(result)
        return result

    pictured = [
        offer if number < MOST_PICTURED else replace(offer, is_pictured=False) for number, offer in enumerate(offers)
    ]
    results = _in_order(attempt, pictured, workers=workers)
    return [next(results) for _ in track(offers, what="Taking in", total=len(offers))]


def pictures_of(refusals: Sequence[Refusal], *, workers: int, at_most: int) -> dict[str, str]:
    """A thumbnail in base64 of what was refused, by key, where there is one and names cannot be in it."""

    def attempt(refusal: Refusal) -> str:
        if refusal.preview is None:
            return ""
        try:
            with one_scan():
                return picture_of(refusal.preview())
        except UnreadableScan:
            return ""

    shown = [refusal for refusal in refusals if refusal.preview is not None][:at_most]
    pictures = _in_order(attempt, shown, workers=workers)
    return {refusal.key: next(pictures) for refusal in track(shown, what="Looking at refusals", total=len(shown))}


def _in_order(work: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> Iterator[Result]:
    """The work's results in the order of the items, with a bounded number begun; nothing new begins after an error."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting = iter(items)
        running: list[Future[Result]] = [pool.submit(work, item) for item in islice(waiting, workers * AHEAD)]
        try:
            while running:
                yield running.pop(0).result()
                running.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
