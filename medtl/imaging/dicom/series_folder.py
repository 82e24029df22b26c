"""The one volume in a folder of DICOM files, or in one file of several frames.

In: the bytes of files. Out: a `Scan`, or an error that lists the series when there are several, or says why there is
none.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.imaging.dicom.damaged_files import UNREADABLE_SLICE, DamagedFile, lost_its_pixels, tainted, without_a_series
from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.dicom.series import Candidate, grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.dicom.series_volume import volume_of
from medtl.imaging.scan import Scan, UnreadableScan

MOST_LISTED = 10
"""Series named in one message."""

USE_INTAKE = (
    "Run medtl intake on the folder: it makes a manifest with a line for each series and says why others are refused."
)


def volume_in(contents: Sequence[bytes], *, headers: Sequence[ImageHeader] | None = None) -> Scan:
    """The volume of the only acceptable series; files that are no DICOM are left aside.

    Raises:
        UnreadableScan: `several_series`, the refused series' own reason when there is one, `no_series` when there are
            none or several refused ones, or what `volume_of` raises.
    """
    known, damaged = _headers(contents) if headers is None else (list(enumerate(headers)), [])
    candidates = judged(grouped(known), SeriesRules())
    if without_a_series(candidates, damaged):
        candidates = tuple(candidate.refused(UNREADABLE_SLICE) for candidate in candidates)
    candidates = tainted(candidates, damaged)
    accepted = [candidate for candidate in candidates if not candidate.faults and not candidate.is_picture]
    if len(accepted) == 1:
        return volume_of(accepted[0], contents.__getitem__)
    raise _no_single(candidates, accepted)


def _headers(contents: Sequence[bytes]) -> tuple[list[tuple[int, ImageHeader]], list[DamagedFile]]:
    """The headers by number of file, and the files that may be damaged slices."""
    known, damaged, without_image = list[tuple[int, ImageHeader]](), list[DamagedFile](), list[int]()
    everywhere = frozenset(range(len(contents)))
    for number, content in enumerate(contents):
        try:
            known.append((number, dicom_header(content)))
        except UnreadableScan as refusal:
            if refusal.reason == "no_image":
                without_image.append(number)
            else:
                is_foreign = content and refusal.reason == "not_dicom"
                damaged.append(DamagedFile(content, number, frozenset() if is_foreign else everywhere))
    headers = [header for _, header in known]
    damaged += [
        DamagedFile(contents[number], number, everywhere)
        for number in without_image
        if lost_its_pixels(contents[number], headers)
    ]
    return known, damaged


def _no_single(candidates: Sequence[Candidate], accepted: Sequence[Candidate]) -> UnreadableScan:
    if len(accepted) > 1:
        return UnreadableScan(
            f"Expected one series; got {len(accepted)} that could each be the case: {_listed(accepted)}. {USE_INTAKE}",
            reason="several_series",
            series=len(accepted),
        )
    refused = [candidate for candidate in candidates if candidate.faults]
    if len(refused) == 1 == len(candidates):
        return UnreadableScan(
            f"The DICOM series ({refused[0].title}) is no volume. {refused[0].sentence}",
            reason=refused[0].reason or "no_series",
        )
    reasons = "; ".join(f"{one.title}: {one.reason}" for one in refused[:MOST_LISTED]) or "no DICOM image is in it"
    return UnreadableScan(
        f"Expected one series that makes a volume; got none ({reasons}). {USE_INTAKE}", reason="no_series"
    )


def _listed(candidates: Sequence[Candidate]) -> str:
    listed = "; ".join(candidate.title for candidate in candidates[:MOST_LISTED])
    rest = len(candidates) - MOST_LISTED
    return listed + (f"; and {rest} more" if rest > 0 else "")
