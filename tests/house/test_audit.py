"""Every planted leak is found and named; what is known to be wrong with real sets is found too."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shared_data import SHARED

from medtl.cohort.phantoms import write_phantom_cohort
from medtl.errors import IntegrityFailure
from medtl.files import read_csv
from medtl.report.sections.audit import audit_shown
from medtl.study.check import check_data

ROOT = Path(__file__).resolve().parents[2]
Rows = list[dict[str, str]]


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, Rows]:
    """The phantom target cohort's folder and its labelled rows."""
    path = write_phantom_cohort(tmp_path, seed=3).target_manifest
    with path.open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["label"]]
    return path.parent, rows


PUBLIC = ["identifiers=as_in_manifest"]
"""The ids that these tests make up are nobody's, so that they can be looked for."""


def output_of(folder: Path, rows: Rows) -> str:
    path = folder / "planted.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return check_data(path, changes=PUBLIC)


def copied(row: dict[str, str], folder: Path, *, name: str, noise: float = 0.0, **changed: str) -> dict[str, str]:
    """A copy of a row's image under another name, and its row."""
    pixels = np.asarray(Image.open(folder / row["image"]), dtype=float)
    seen = pixels + noise * np.random.default_rng(4).standard_normal(pixels.shape)
    Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8)).save(folder / "images" / f"{name}.png")
    return {**row, "case_id": name, "image": f"images/{name}.png", **changed}


def test_an_honest_cohort_raises_no_suspicion(planted: tuple[Path, Rows]) -> None:
    output = output_of(*planted)
    for words in ("associated with the label", "can be predicted without", "nearly equal", "different patient numbers"):
        assert words not in output
    assert "alone the label can hardly be predicted" in output


def test_a_patient_in_two_folds_by_renamed_files_is_found(planted: tuple[Path, Rows]) -> None:
    folder, rows = planted
    output = output_of(folder, [*rows, copied(rows[9], folder, name="new-1", patient_id="X001")])
    assert re.search(rf"exactly equal images under different patient numbers: {rows[9]['patient_id']} and X001", output)


def test_noisy_duplicates_are_found_and_contradicting_labels_come_first(planted: tuple[Path, Rows]) -> None:
    folder, rows = planted
    other = {"healthy": "nodule", "nodule": "healthy"}
    plants = [
        copied(rows[9], folder, name="new-1", noise=4, patient_id="X001"),
        copied(rows[20], folder, name="new-2", noise=4, patient_id="X002", label=other[rows[20]["label"]]),
    ]
    output = output_of(folder, [*rows, *plants])
    labels = output.index("1 pair of nearly equal images with different labels")
    patients = output.index("1 pair of nearly equal images under different patient numbers")
    assert labels < patients
    assert f"case {rows[20]['case_id']}" in output[labels:patients]
    assert "case new-2" in output[labels:patients]
    assert f"case {rows[9]['case_id']}" in output[patients:]


def test_the_findings_and_every_pair_are_written_as_tables_on_request(
    planted: tuple[Path, Rows], tmp_path: Path
) -> None:
    folder, rows = planted
    output = output_of(folder, [*rows, copied(rows[9], folder, name="new-1", noise=4, patient_id="X001")])
    check_data(folder / "planted.csv", changes=PUBLIC, out=tmp_path / "audit")
    (pair,) = read_csv(tmp_path / "audit" / "near_duplicates.csv").to_dict("records")
    assert (pair["case_id"], pair["other_case_id"], pair["other_patient_id"]) == (rows[9]["case_id"], "new-1", "X001")
    findings = list(read_csv(tmp_path / "audit" / "audit.csv")["finding"])
    assert findings[1:] == re.findall(r"^Note: (.*)$", output, flags=re.M)
    assert output.startswith(findings[0]), "the positive class stands first"


def test_a_label_dependent_image_size_is_found_by_its_test_and_by_the_model_that_sees_no_scan(
    planted: tuple[Path, Rows],
) -> None:
    folder, rows = planted
    for row in rows:
        if row["label"] == "nodule":
            picture = Image.open(folder / row["image"])
            picture.resize((104, 100)).save(folder / row["image"])
    output = output_of(folder, rows)
    assert (
        "image height is associated with the label (median 96 in healthy, median 100 in nodule; Mann-Whitney" in output
    )
    assert "image width is associated with the label" in output
    assert re.search(r"can be predicted without looking at the scans: AUROC (0\.9\d\d|1\.000)", output)


def with_marker(folder: Path, rows: Rows, *, site: str) -> None:
    """Burn a letter into the upper left corner of every picture of a site."""
    for row in rows:
        if row["site"] == site:
            pixels = np.array(Image.open(folder / row["image"]))
            height, width = pixels.shape[:2]
            top, left, size = height // 12, width // 12, max(5, height // 10)
            pixels[top : top + size, left : left + 2] = 255
            pixels[top + size - 2 : top + size, left : left + size] = 255
            Image.fromarray(pixels).save(folder / row["image"])


def test_a_marker_burned_in_at_one_site_is_found_and_its_position_named(planted: tuple[Path, Rows]) -> None:
    folder, rows = planted
    rows = [{**row, "site": ("north", "south")[sum(map(ord, row["patient_id"])) % 2]} for row in rows]
    honest = output_of(folder, rows)
    assert "associated with the site" not in honest
    with_marker(folder, rows, site="north")
    output = output_of(folder, rows)
    assert re.search(
        r"Small bright marks near the border, such as letters, are associated with the site: at the upper left "
        r"\(\d+ % from the "
        r"top, \d+ % from the left\) (9\d|100) % in north, \d % in south",
        output,
    )
    assert "associated with the label" not in output


def test_all_leaks_planted_at_once_are_named_on_the_page_with_their_pictures(planted: tuple[Path, Rows]) -> None:
    folder, rows = planted
    rows = [{**row, "site": ("north", "south")[row["label"] == "nodule"]} for row in rows]
    with_marker(folder, rows, site="south")
    ill = next(row for row in rows if row["label"] == "nodule")
    rows += [
        copied(rows[9], folder, name="renamed", patient_id="X001"),
        copied(ill, folder, name="noisy", noise=3.0, patient_id="X002", label="healthy"),
    ]
    for row in rows:
        if row["label"] == "nodule":
            picture = Image.open(folder / row["image"])
            picture.resize((104, 100)).save(folder / row["image"])
    path = folder / "planted.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    output = check_data(path, out=folder / "audit")
    page = (folder / "audit" / "audit.html").read_text()
    assert f"The page is {folder / 'audit' / 'audit.html'}" in output
    for words in (
        "exactly equal images under different patient numbers",
        "nearly equal images with different labels",
        "image height is associated with the label",
        "Small bright marks near the border, such as letters, are associated with the label",
    ):
        assert words in output
    assert page.index("Labels contradict each other. Different patient numbers") < page.index("equal pixels")
    assert page.count("<img") >= 4 + 2
    assert "Bright marks near the border are associated with the label" in page
    assert not re.findall(r'(?:src|href)="(?:https?:|/|file:)', page)


def test_the_page_shows_no_sealed_case_and_refuses_a_picture_that_was_changed(planted: tuple[Path, Rows]) -> None:
    folder, rows = planted
    rows = [{**row, "part": "train"} for row in rows]
    rows += [copied(rows[0], folder, name="sealed-copy", noise=2.0, patient_id="X009", part="test")]
    pd.DataFrame(rows).to_csv(folder / "planted.csv", index=False)
    changes = [*PUBLIC, "folds.sealed=part", "positive_class=nodule"]
    output = check_data(folder / "planted.csv", changes=changes, out=folder / "audit")
    assert "sealed as the official test" in output
    written = (folder / "audit" / "audit.json").read_text() + (folder / "audit" / "audit.html").read_text()
    assert "sealed-copy" not in written
    assert not [pair for pair in audit_shown(folder / "audit").pairs if "X009" in "".join(pair.sides)]
    found = json.loads((folder / "audit" / "audit.json").read_text())
    case = {"case_id": "c", "patient_id": "p", "label": "l", "split": None, "picture": "../../secret.png"}
    found["pairs"] = [{"found": "x", "contradicts": True, "between_patients": True, "cases": [case, case]}]
    (folder / "audit" / "audit.json").write_text(json.dumps(found))
    with pytest.raises(IntegrityFailure, match="names a picture outside its own folder"):
        audit_shown(folder / "audit")
    found["pairs"] = "none"
    (folder / "audit" / "audit.json").write_text(json.dumps(found))
    with pytest.raises(IntegrityFailure, match=r"audit\.json in audit does not say what the audit found"):
        audit_shown(folder / "audit")


@pytest.mark.real_data
@pytest.mark.slow
def test_what_is_known_to_be_wrong_with_the_radiographs_is_found() -> None:
    path = SHARED / "data" / "kermany_cxr_224" / "manifest.csv"
    if not path.is_file():
        pytest.skip(f"{path.parent.name} is not beside the checkout")
    output = check_data(path, changes=[*PUBLIC, "label_column=label3"])
    table = pd.read_csv(path)
    groups = table[table.dup_group.notna()].groupby("dup_group")
    across = int((groups.patient_id.nunique() > 1).sum())
    assert (len(groups), across) == (30, 1)
    assert f"{len(groups) - across} groups of exactly equal images within one patient" in output
    assert "1 group of exactly equal images under different patient numbers: test-NORMAL2-IM-0095" in output
    assert "nearly equal" not in output, "the closest two that are no exact copies are 36 bits apart"
    stems = table.patient_id.str.replace(r"^(train|test)-", "", regex=True)
    both = int((table.groupby(stems).split.nunique() > 1).sum())
    assert both == 170
    assert f"{both} patient numbers occur on several sides of the split" in output
    assert "809 patients have cases of more than one class" in output
    assert "the largest 30: check that one number is one person" in output
    assert "test: bacteria 39 % of 624 cases, normal 38 % of 624 cases" in output
    assert (
        "Small bright marks near the border, such as letters, are associated with the label: at the upper left"
        in output
    )


@pytest.mark.real_data
def test_two_eyes_of_one_child_are_suspected_from_the_files_names(tmp_path: Path) -> None:
    path = SHARED / "data" / "chase_db1" / "manifest.csv"
    if not path.is_file():
        pytest.skip(f"{path.parent.name} is not beside the checkout")
    assert "named alike but for left and right" not in check_data(path), "the manifest has one number a child"
    table = pd.read_csv(path)
    table["patient_id"] = [f"eye{n}" for n in range(len(table))]
    table.to_csv(tmp_path / "eyes.csv", index=False)
    output = check_data(tmp_path / "eyes.csv", changes=[f"data_root={path.parent}"])
    assert "14 pairs of files named alike but for left and right have different patient numbers" in output
    assert "(manifest lines 2 and 3; 4 and 5;" in output
