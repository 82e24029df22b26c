"""What a link leads to outside of the folder is not taken in; links inside of it are followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from dicom_phantom import series
from PIL import Image

Intake = Callable[..., Any]


def linked(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    file.rename(target)
    file.symlink_to(target)


def test_a_series_with_a_link_that_leads_outside_is_refused_and_one_that_stays_inside_is_read(
    tmp_path: Path, intake: Intake
) -> None:
    folder = tmp_path / "pacs"
    whole = series(slices=6, uid="2", seed=1).write(folder / "inside", names=[f"a{k}" for k in range(6)])
    series(slices=6).write(folder / "outside", names=[f"b{k}" for k in range(6)])
    linked(whole / "a3", folder / ".store" / "a3")
    linked(folder / "outside" / "b0", tmp_path / "elsewhere" / "SECRET")
    taken = intake(folder)
    assert len(taken.cases) == 1
    (refused,) = taken.refusals
    assert (refused["reason"], refused["files"]) == ("link_outside", "6")
    assert "One of its files is a link that leads out of the folder that is taken in" in refused["detail"]
    assert "SECRET" not in refused["detail"] + taken.stdout + taken.page
    assert taken.counts == (12, 6, 6)


def test_a_picture_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    linked(folder / "1.png", tmp_path / "elsewhere" / "1.png")
    taken = intake(folder, "--patients-from", "file")
    assert [row["reason"] for row in taken.refusals] == ["link_outside"]
    assert len(taken.cases) == 2


def test_a_pattern_of_series_is_for_dicom(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(folder / "a.png")
    refused = intake(folder, "--series", "T1*", code=2)
    assert "--series chooses DICOM series by their description; this is another kind of collection" in refused.stderr


def test_chosen_series_are_taken_and_no_description_is_written(tmp_path: Path, intake: Intake) -> None:
    for number, name in enumerate(("T1 CANARY", "FLAIR CANARY")):

        def named(dataset: Any, _k: int, name: str = name) -> None:
            dataset.SeriesDescription = name

        series(slices=6, uid=f"{number + 1}", seed=number, change=named).write(tmp_path / "pacs" / str(number))
    taken = intake(tmp_path / "pacs", "--series", "t1*")
    assert len(taken.cases) == 1
    assert [row["reason"] for row in taken.refusals] == ["not_asked_for"]
    assert any("What was not asked for does not fit --series" in note for note in taken.notes)
    for path in taken.manifest.parent.rglob("*"):
        assert not path.is_file() or b"CANARY" not in path.read_bytes()


def test_fewest_slices_has_a_lowest_value(tmp_path: Path, intake: Intake) -> None:
    (tmp_path / "pacs").mkdir()
    refused = intake(tmp_path / "pacs", "--fewest-slices", "0", code=2)
    assert "--fewest-slices 0: input should be greater than or equal to 1" in refused.stderr


def test_a_chosen_slice_of_each_patient_is_a_picture_on_request(tmp_path: Path, intake: Intake) -> None:
    for number in range(3):

        def change(dataset: Any, _k: int, number: int = number) -> None:
            dataset.PatientID, dataset.StudyInstanceUID = f"P{number}", f"1.2.826.0.3.{number + 1}"

        series(slices=1, uid=f"{number + 1}", seed=number, change=change).write(tmp_path / "pacs" / str(number))
    refused = intake(tmp_path / "pacs")
    assert [row["reason"] for row in refused.refusals] == ["too_few_slices"] * 3
    assert any("with 1, a series of a single slice is taken as a picture" in note for note in refused.notes)
    taken = intake(tmp_path / "pacs", "--fewest-slices", "1", out=tmp_path / "other" / "m.csv")
    assert len({row["patient_id"] for row in taken.cases}) == 3
    assert "a single slice, taken as a picture" in taken.page
