"""The facts of every scan of a cohort, without preparing one; neither torch nor MONAI is needed."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.cohort import Case, Exclusion
from medtl.imaging.display import displayed_scan
from medtl.imaging.facts import ScanFacts, inspect_scan, refuse_unusable
from medtl.imaging.one_scan import one_scan
from medtl.imaging.reading import decode_scan, read_content, sha256_of_content
from medtl.imaging.scan import UnreadableScan
from medtl.imaging.settings import PreparationSettings
from medtl.progress import track


def inspect_cohort(
    cases: Sequence[Case], settings: PreparationSettings
) -> tuple[dict[str, ScanFacts], tuple[Exclusion, ...]]:
    """The facts of every readable scan by case_id, and an exclusion for each that preparation would refuse."""
    facts: dict[str, ScanFacts] = {}
    exclusions: list[Exclusion] = []
    for case in track(cases, what="reading scans", total=len(cases)):
        try:
            with one_scan():
                content = read_content(case.image)
                scan = decode_scan(content)
                refuse_unusable(scan)
                found = inspect_scan(scan, sha256=sha256_of_content(content))
                found.placement(settings)
                displayed_scan(scan, settings)
        except UnreadableScan as refusal:
            exclusions.append(Exclusion(case.case_id, case.line, refusal.reason, str(refusal)))
        else:
            facts[case.case_id] = found
    return facts, tuple(exclusions)
