"""A damaged file refuses the series that it was a slice of, and no other."""

from __future__ import annotations

import pytest
from dicom_phantom import as_bytes, series

from medtl.imaging.dicom.candidate import Candidate
from medtl.imaging.dicom.damaged_files import DamagedFile, tainted, without_a_series
from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.series import grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules

NO_IDENTIFIER = bytes(128) + b"DICM" + bytes(40)
FIRST, SECOND = "1.2.826.0.1.1", "1.2.826.0.1.2"


def two_series(*, lost: int | None = None) -> tuple[Candidate, ...]:
    """Two series of six slices: files 0 to 5 and 10 to 15; of the second, one slice may be lost."""
    files = {
        10 * index + k: as_bytes(dataset)
        for index in (0, 1)
        for k, dataset in enumerate(series(slices=6, uid=f"{index + 1}", seed=index).datasets)
        if 10 * index + k != lost
    }
    return judged(grouped((number, dicom_header(content)) for number, content in files.items()), SeriesRules())


def reasons_with(candidates: tuple[Candidate, ...], content: bytes, number: int, folder: range) -> list[str | None]:
    damaged = [DamagedFile(content, number, frozenset(folder))]
    assert without_a_series(candidates, damaged) == 0
    return [one.reason for one in tainted(candidates, damaged)]


@pytest.mark.parametrize(
    ("content", "number", "folder", "expected"),
    [
        (NO_IDENTIFIER + FIRST.encode() + b"\0", 12, range(16), ["unreadable_slice", None]),
        (NO_IDENTIFIER + SECOND.encode() + b"\0", 2, range(0), [None, "unreadable_slice"]),
        (NO_IDENTIFIER, 6, range(7), ["unreadable_slice", None]),
        (NO_IDENTIFIER, 12, range(16), [None, "unreadable_slice"]),
        (b"", 17, range(18), [None, "unreadable_slice"]),
        (NO_IDENTIFIER, 30, range(20, 40), [None, None]),
        (b"a text that names nothing", 3, range(0), [None, None]),
    ],
    ids=[
        "its identifier",
        "unmarked",
        "its folder",
        "names around it",
        "the last name",
        "alone",
        "text",
    ],
)
def test_a_damaged_file_refuses_its_own_series_alone(
    content: bytes, number: int, folder: range, expected: list[str | None]
) -> None:
    assert reasons_with(two_series(), content, number, folder) == expected


def test_between_two_series_it_belongs_to_the_one_that_lacks_a_slice() -> None:
    assert reasons_with(two_series(lost=12), NO_IDENTIFIER, 7, range(16)) == [None, "unreadable_slice"]


def test_between_two_whole_series_it_refuses_none_and_is_counted() -> None:
    candidates = two_series()
    damaged = [DamagedFile(NO_IDENTIFIER, 7, frozenset(range(16)))]
    assert without_a_series(candidates, damaged) == 1
    assert [one.reason for one in tainted(candidates, damaged)] == [None, None]
