"""Ages of a BIDS data set in the unit that participants.json states, as years in the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medtl.intake.age_units import AgeUnit, age_unit, in_years

Intake = Callable[..., Any]


def stated(folder: Path, content: object) -> AgeUnit:
    file = folder / "participants.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return age_unit(file)


@pytest.mark.parametrize(
    ("entry", "years"),
    [
        ({"Units": "years"}, 1),
        ({"Units": "Year"}, 1),
        ({"Units": "a"}, 1),
        ({"Description": "age of the participant"}, 1),
        ({"Description": "age in years", "Units": "n/a"}, 1),
        ({"Units": "months"}, 1 / 12),
        ({"units": "Month(s)"}, 1 / 12),
        ({"Units": "mo"}, 1 / 12),
        ({"Unit": "months"}, 1 / 12),
        ({"Units": "months of age"}, 1 / 12),
        ({"Description": "Age in months at the scan"}, 1 / 12),
        ({"Description": "Age in years", "Units": "weeks"}, 7 / 365.25),
        ({"Units": "Wochen"}, 7 / 365.25),
        ({"Units": "days"}, 1 / 365.25),
        ({"Units": "dpf"}, None),
        ({"Units": "years or months"}, None),
        ({"Units": "years and months"}, None),
        ({"Units": ["months"]}, None),
        ({"Description": "in years, of infants in months"}, None),
    ],
)
def test_the_unit_is_the_stated_one_and_what_is_not_understood_is_never_years(
    tmp_path: Path, entry: object, years: float | None
) -> None:
    unit = stated(tmp_path, {"participant_id": {}, "age": entry})
    assert unit.years == years
    assert bool(unit.note) == (years != 1)


@pytest.mark.parametrize(("units", "years"), [("month", None), ("days", None), ("years", 1)])
def test_a_cap_is_one_of_years_so_another_unit_beside_it_is_not_believed(
    tmp_path: Path, units: str, years: float | None
) -> None:
    """As in a public example whose adults, up to 89+, were stated in months."""
    stated(tmp_path, {"age": {"Units": units}})
    unit = age_unit(tmp_path / "participants.json", ["48", "60", "89+"])
    assert unit.years == years
    assert ("but some are written as only years are (89+)" in unit.note) == (years is None)


@pytest.mark.parametrize("content", ["{", "[" * 50_000, "\x00"])
def test_a_damaged_file_may_state_a_unit_so_no_age_is_taken(tmp_path: Path, content: str) -> None:
    assert stated(tmp_path, content).years is None


@pytest.mark.parametrize("content", [[], 7, {}, {"age": "months"}])
def test_a_file_that_states_nothing_of_age_leaves_years(tmp_path: Path, content: object) -> None:
    assert stated(tmp_path, content) == age_unit(tmp_path / "none.json") == AgeUnit()


@pytest.mark.parametrize(
    ("cell", "unit", "years"),
    [
        ("17", 1 / 12, "1.42"),
        ("17,5", 1 / 12, "1.46"),
        ("420", 1 / 365.25, "1.15"),
        ("29220", 1 / 365.25, "80"),
        ("40", 7 / 365.25, "0.77"),
        ("017Y", 1 / 12, "017Y"),
        ("18 months", 1 / 365.25, "18 months"),
        ("n/a", 1 / 12, "n/a"),
        ("young", 1 / 12, "young"),
        ("17", 1.0, "17"),
        ("17", None, ""),
    ],
)
def test_a_cell_becomes_years_by_its_own_unit_or_the_columns(cell: str, unit: float | None, years: str) -> None:
    assert in_years(cell, AgeUnit(unit)) == years


@pytest.mark.parametrize(
    ("units", "ages", "note"),
    [
        (
            "months",
            ["1.42", "2", ""],
            "are in months, as participants.json states (Units): they were converted to years",
        ),
        ("weeks", ["0.33", "0.46", ""], "are in weeks, as participants.json states"),
        ("days", ["0.05", "0.07", ""], "are in days, as participants.json states"),
        ("years", ["17", "24", ""], None),
        ("Meier", ["", "", ""], "gives the column age in a unit that is not known (Units), so no age was taken"),
    ],
)
def test_a_bids_data_set_comes_in_with_ages_in_years(
    tmp_path: Path, intake: Intake, units: str, ages: list[str], note: str | None
) -> None:
    folder = tmp_path / "bids"
    for n in range(1, 4):
        path = folder / f"sub-{n:02d}" / "anat" / f"sub-{n:02d}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        voxels = np.random.default_rng(n).integers(0, 200, (8, 8, 8)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)
    (folder / "participants.tsv").write_text("participant_id\tage\nsub-01\t17\nsub-02\t24\nsub-03\tn/a\n")
    (folder / "participants.json").write_text(json.dumps({"age": {"Description": "Age", "Units": units}}))
    taken = intake(folder)
    assert [row.get("age_years", "") for row in taken.cases] == ages
    assert taken.counts == (5, 5, 0)
    found = [text for text in taken.notes if "participants.json" in text]
    assert len(found) == (note is not None)
    assert note is None or note in found[0]
    assert "Meier" not in taken.stdout
