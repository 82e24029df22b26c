"""The way back through several link tables at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dicom_phantom import series

from medtl.intake import source_of, sources_of

Intake = Callable[..., Any]


def test_of_two_intakes_of_a_series_the_one_whose_files_are_still_there_is_believed(
    tmp_path: Path, intake: Intake
) -> None:
    """Which table is read first depends on a hash, so both ways are tried."""
    for name in ("here", "there"):
        series(slices=6).write(tmp_path / name)
        (row,) = intake(tmp_path / name, out=tmp_path / f"study {name}" / "m.csv").cases
    shutil.move(tmp_path / "here", tmp_path / "away")
    assert {file.parent.name for file in source_of(row["case_id"]).files} == {"there"}
    shutil.move(tmp_path / "away", tmp_path / "here")
    shutil.move(tmp_path / "there", tmp_path / "away")
    assert {file.parent.name for file in source_of(row["case_id"]).files} == {"here"}


def test_cases_that_no_intake_knows_are_left_out(tmp_path: Path, intake: Intake) -> None:
    for number in ("1", "2"):
        series(slices=6, uid=number, seed=int(number)).write(tmp_path / "pacs" / number)
    known = [row["case_id"] for row in intake(tmp_path / "pacs").cases]
    found = sources_of([*known, "c-none"])
    assert sorted(found) == sorted(known)
    assert {case: source.case_id for case, source in found.items()} == {case: case for case in known}
    assert {source.series_uid for source in found.values()} == {"1.2.826.0.1.1", "1.2.826.0.1.2"}
