"""A class that is really called NA, or by another missing marker, is one where somebody declares it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from medtl.cohort import read_manifest
from medtl.cohort.settings import ManifestSettings
from medtl.errors import ConfigurationError, DataRefused
from medtl.intake.cells import in_manifest_form
from medtl.intake.offer import Offer
from medtl.intake.settings import intake_settings

Intake = Callable[..., Any]


def offers(*labels: str) -> list[Offer]:
    return [Offer(f"file:{n}", str(n), (), lambda: None, label=label) for n, label in enumerate(labels)]  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        (None, ()),
        ([], ()),
        (["NA,B"], ("NA", "B")),
        (["NA", "B"], ("NA", "B")),
        (["NA, B", "unknown,B"], ("NA", "B", "unknown")),
        (['"mild, early",?'], ("mild, early", "?")),
    ],
)
def test_classes_are_named_in_one_list_or_several(words: list[str] | None, classes: tuple[str, ...]) -> None:
    assert intake_settings({"classes": words}).classes == classes


@pytest.mark.parametrize("words", [["NA"], ["NA,"], ["NA,NA"], [""]])
def test_fewer_than_two_classes_or_one_without_a_name_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"--classes .* name every class, at least two"):
        intake_settings({"classes": words})


def test_declared_names_are_classes_as_written_and_any_other_label_is_left_empty_and_counted() -> None:
    labels = ["NA", "NA", "B", "na", "1", "1.0", "?", "", "b", "Meier, Anna", "B"]
    formed, notes = in_manifest_form(offers(*labels), classes=("NA", "B", "1"))
    assert [one.label for one in formed] == ["NA", "NA", "B", "", "1", "1", "", "", "", "", "B"]
    others, declared, missing = notes
    assert others.startswith("2 cases have labels that --classes does not name: 'b' (1) and 1 other label not shown")
    assert "Meier" not in " ".join(notes)
    assert "missing markers: 'NA' (2 cases)" in declared
    assert 'classes: ["NA", "B", "1"]' in declared
    assert missing.startswith("Missing markers among the labels were left empty: 'na' (1), '?' (1)")


def test_labels_that_are_twins_are_two_classes_where_both_are_declared() -> None:
    formed, notes = in_manifest_form(offers("ill", "Ill"), classes=("ill", "Ill"))
    assert ([one.label for one in formed], notes) == (["ill", "Ill"], ())


def test_a_declared_class_without_a_case_is_refused_with_the_labels_there_are() -> None:
    with pytest.raises(DataRefused, match=r"names 'ill', and no case .* labels are 'NA' \(2\) and 'Ill' \(1\)\."):
        in_manifest_form(offers("NA", "NA", "Ill"), classes=("NA", "ill"))
    with pytest.raises(
        DataRefused, match=r"'ill', and no case .* 'NA' \(1\) and 2 folder names not shown here\."
    ) as no:
        in_manifest_form(offers("NA", "Schulze", "Meier"), classes=("NA", "ill"), labels_are_folders=True)
    assert "Meier" not in str(no.value)
    with pytest.raises(DataRefused, match=r"No case has a label; --labels-from folder:N takes folders for classes"):
        in_manifest_form(offers("", ""), classes=("NA", "B"), labels_are_folders=True)


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (24, 24), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def by_label_file(folder: Path) -> tuple[object, ...]:
    lines = ["image,patient_id,label"]
    for n in range(1, 11):
        picture(folder / "scans" / f"{n:03d}.png", n)
        lines.append(f"{n:03d}.png,P{n},{('NA', 'B')[n % 2] if n < 9 else 'n/a'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return (folder / "scans", "--labels", folder / "labels.csv", "--classes", "NA,B")


def by_folders(folder: Path) -> tuple[object, ...]:
    for n in range(1, 11):
        picture(folder / "scans" / ("NA" if n < 5 else "B" if n < 9 else "Schulze") / f"P{n}.png", n)
    return (folder / "scans", "--labels-from", "folder", "--patients-from", "file", "--classes", "NA", "--classes", "B")


def by_bids_column(folder: Path) -> tuple[object, ...]:
    lines = ["participant_id\tgroup"]
    for n in range(1, 11):
        path = folder / "scans" / f"sub-{n:02d}" / "anat" / f"sub-{n:02d}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        voxels = np.random.default_rng(n).integers(0, 200, (8, 8, 8)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)
        lines.append(f"sub-{n:02d}\t{('NA', 'B')[n % 2] if n < 9 else 'n/a'}")
    (folder / "scans" / "participants.tsv").write_text("\n".join(lines) + "\n")
    return (folder / "scans", "--label-column", "group", "--classes", "NA,B")


@pytest.mark.parametrize("collection", [by_label_file, by_folders, by_bids_column])
def test_a_class_called_na_comes_from_every_source_of_labels_and_a_study_that_declares_it_has_it(
    tmp_path: Path, intake: Intake, collection: Callable[[Path], tuple[object, ...]]
) -> None:
    taken = intake(*collection(tmp_path))
    assert Counter(row["label"] for row in taken.cases) == {"NA": 4, "B": 4, "": 2}
    assert any("missing markers: 'NA' (4 cases). A study on this manifest" in note for note in taken.notes)
    cohort = read_manifest(taken.manifest, ManifestSettings(classes=("NA", "B")))
    assert Counter(case.label for case in cohort.cases) == {"NA": 4, "B": 4}
    assert "Schulze" not in taken.stdout + taken.page + taken.manifest.read_text()
