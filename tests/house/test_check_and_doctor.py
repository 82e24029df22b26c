"""`medtl check` tells everything before training; `medtl doctor` tells what the machine lacks. Both in plain words."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from medtl import environment
from medtl.cli import app
from medtl.encoders import find_encoder
from medtl.errors import ConfigurationError, DataRefused
from medtl.files import write_json
from medtl.findings import Finding
from medtl.folds import FoldSettings
from medtl.study import cohort_findings
from medtl.study.check import MOST_NAMED, check_data
from medtl.study.cohort_findings import AuditedCohort

Rows = list[dict[str, str]]

PATIENTS = 20
"""Ten a class; each patient has one image, the first one of each class two."""


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "HOME", "WEIGHTS"):
        monkeypatch.setenv(f"MEDTL_{name}", str(tmp_path / name.lower()))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def medtl() -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def draw(path: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 20), dtype=np.uint8)).save(path)


def cohort(folder: Path) -> Rows:
    """Images and rows by hand: 12 ill and 12 well cases of 20 patients at two sites, three of four in training."""
    rows = []
    for number in range(PATIENTS):
        label = ("well", "ill")[number % 2]
        for image in range(2 if number < 4 else 1):
            name = f"{number:02d}-{image}.png"
            draw(folder / name, 10 * number + image)
            rows.append(
                {
                    "case_id": f"c{number:02d}{image}",
                    "patient_id": f"p{number:02d}",
                    "image": name,
                    "label": label,
                    "site": "north" if number < 6 else "south",
                    "sex": ("F", "M", "")[number % 3],
                    "age_years": str(40 + number),
                    "official_split": "test" if number % 4 > 1 else "train",
                }
            )
    return rows


def manifest(folder: Path, rows: Rows) -> Path:
    path = folder / "manifest.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def counted(told: str, variable: str) -> dict[str, tuple[int, int]]:
    """What the check printed of one variable: value -> (cases, patients)."""
    lines = re.findall(rf"^  {variable} +(\S.*?) +(\d+) cases +(\d+) patients$", told, flags=re.M)
    return {value: (int(cases), int(patients)) for value, cases, patients in lines}


def by_hand(rows: Rows, column: str) -> dict[str, tuple[int, int]]:
    values = {row[column] for row in rows}
    return {
        value or "not known": (
            sum(row[column] == value for row in rows),
            len({row["patient_id"] for row in rows if row[column] == value}),
        )
        for value in values
    }


def test_cases_and_patients_are_counted_by_class_site_sex_age_and_split(data: Path) -> None:
    rows = cohort(data)
    told = check_data(manifest(data, rows))
    assert "24 cases in the manifest, 24 studied, of 20 patients." in told
    assert counted(told, "class") == by_hand(rows, "label") == {"well": (12, 10), "ill": (12, 10)}
    assert counted(told, "site") == by_hand(rows, "site") == {"north": (10, 6), "south": (14, 14)}
    assert counted(told, "sex") == by_hand(rows, "sex")
    assert counted(told, "split") == by_hand(rows, "official_split")
    assert counted(told, "age") == {"40-49": (14, 10), "50-59": (10, 10)}
    assert "No case is left out." in told
    assert told.endswith("A study can start.")


def test_what_each_fold_would_hold_adds_up_to_the_cohort(data: Path) -> None:
    told = check_data(manifest(data, cohort(data)))
    held = re.findall(r"^  fold (\d) (\w+) +ill (\d+) \((\d+)\), well (\d+) \((\d+)\)$", told, flags=re.M)
    assert [(fold, role) for fold, role, *_ in held] == [
        (str(fold), role) for fold in range(5) for role in ("training", "validation", "test")
    ]
    numbers = np.array([[int(n) for n in counts] for _, _, *counts in held]).reshape(5, 3, 4)
    assert (numbers > 0).all(), "every class is on every side"
    assert (numbers.sum(axis=1) == [10, 12, 10, 12]).all(), "each fold holds everybody once"
    assert (numbers[:, 2].sum(axis=0) == [10, 12, 10, 12]).all(), "everybody is tested once"


def test_a_study_file_is_checked_with_its_own_folds_and_with_changes(data: Path) -> None:
    manifest(data, cohort(data))
    study = data / "study.yaml"
    study.write_text("name: small\nmanifest: manifest.csv\nfolds: {official: official_split}\n")
    official = check_data(study)
    assert official.count("\n  fold ") == 3
    assert "fold 0 test        ill 5 (6), well 5 (6)" in official
    drawn = check_data(study, changes=["folds={count: 2}"])
    assert drawn.count("\n  fold ") == 6
    with pytest.raises(ConfigurationError, match=r"recipe\.epcohs: no such key; did you mean epochs\?"):
        check_data(study, changes=["recipe.epcohs=3"])


def test_a_pseudonymous_study_is_checked_under_pseudonyms(data: Path) -> None:
    rows = cohort(data)
    (data / rows[0]["image"]).write_bytes(b"")
    manifest(data, rows)
    (data / "study.yaml").write_text("name: small\nmanifest: manifest.csv\n")
    told = check_data(data / "study.yaml")
    assert re.search(r"manifest line 2, case c-[0-9a-f]{12}: The file is empty", told)
    assert rows[0]["case_id"] not in told
    (data / "study.yaml").write_text("name: small\nmanifest: manifest.csv\nidentifiers: as_in_manifest\n")
    assert "manifest line 2, case c000: The file is empty" in check_data(data / "study.yaml")


def test_every_image_that_cannot_be_studied_is_counted_and_named_by_line_and_reason(data: Path) -> None:
    rows = cohort(data)
    whole = (data / rows[5]["image"]).read_bytes()
    (data / rows[0]["image"]).write_bytes(b"")
    (data / rows[1]["image"]).unlink()
    Image.fromarray(np.full((9, 9), 7, np.uint8)).save(data / rows[2]["image"])
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(data / rows[3]["image"])
    (data / rows[5]["image"]).write_bytes(whole[: len(whole) // 2])
    (data / rows[6]["image"]).write_text("patient,age\n")
    told = check_data(manifest(data, rows))
    assert "24 cases in the manifest, 18 studied" in told
    assert "6 cases are left out:" in told
    for line, case, reason, words in (
        (2, "c000", "empty_file", "The file is empty (0 bytes)"),
        (3, "c001", "missing_file", "The file does not exist"),
        (4, "c010", "constant", "Every pixel has the same value (7)"),
        (5, "c011", "empty", "Every pixel is 0: the image is empty"),
        (7, "c021", "truncated", "The PNG file is cut short"),
        (8, "c030", "unsupported_format", "The file is a text file. It holds no image."),
    ):
        assert f"  {reason}: 1\n" in told
        assert re.search(rf"manifest line {line}, case c-[0-9a-f]{{12}}: {re.escape(words)}", told), case


def test_a_long_list_of_unreadable_images_is_cut_and_counted(data: Path) -> None:
    rows = cohort(data)
    absent = [{**rows[0], "case_id": f"a{n}", "image": f"absent-{n}.png"} for n in range(MOST_NAMED + 5)]
    told = check_data(manifest(data, rows + absent))
    assert told.count("The file does not exist") == MOST_NAMED
    assert f"missing_file: {MOST_NAMED + 5}" in told
    assert "\n  and 5 more" in told


def test_the_same_image_twice_is_named_and_tied_to_one_side(data: Path) -> None:
    rows = cohort(data)
    shutil.copy(data / "00-0.png", data / "00-1.png")  # within a patient
    Image.open(data / "04-0.png").save(data / "05-0.png", compress_level=0)  # other bytes, same pixels, other class
    told = check_data(manifest(data, rows))
    assert "1 group of exactly equal images within one patient (2 images)" in told
    assert "1 group of exactly equal images under different patient numbers: p-" in told
    lines = r"\(manifest line 10\) well and .*\(manifest line 11\) ill"
    assert re.search(rf"exactly equal images with different labels: .*{lines}", told)


def test_a_noisy_copy_under_another_patient_is_found_and_tied_on_request(
    data: Path, medtl: Callable[..., Result]
) -> None:
    rows = cohort(data)
    copied = np.asarray(Image.open(data / "04-0.png")) / 2.0 + np.random.default_rng(5).normal(60, 2, (16, 20))
    Image.fromarray(copied.astype(np.uint8)).save(data / "06-0.png")
    path = manifest(data, rows)
    told = medtl("check", path).stdout
    assert "1 pair of nearly equal images under different patient numbers" in told
    assert re.search(r"case c-[0-9a-f]{12} \(manifest line \d+\)", told)
    assert "--tie-duplicates keeps such patients together" in told
    tied = medtl("check", path, "--tie-duplicates").stdout
    assert "Such patients are kept on the same side of every fold." in tied


def test_tied_near_duplicates_are_one_group_and_the_setting_shows_only_when_it_counts() -> None:
    assert "tie_near_duplicates" not in FoldSettings().model_dump()
    asked = FoldSettings.model_validate({"count": 3, "tie_near_duplicates": True})
    assert FoldSettings.model_validate(asked.model_dump()) == asked


def test_a_patient_with_two_labels_and_a_site_with_one_are_told(data: Path) -> None:
    rows = cohort(data)
    rows[0]["label"] = "ill"
    for row in rows:
        row["site"] = row["label"]
    told = check_data(manifest(data, rows))
    assert "1 patient has cases of more than one class (first seen in manifest line 2)" in told
    assert "one class at 2 of 2 sites: ill (13 ill); well (11 well): a model can name the site instead of the" in told


def test_a_toy_finding_is_one_rule_and_one_line_on_the_console_and_the_page(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def toy(audited: AuditedCohort) -> tuple[Finding, ...]:
        title = f"All {len(audited.cohort.cases)} cases are toys."
        return (Finding("toy", title, question="Are they toys?", advice="Play."),)

    monkeypatch.setattr(cohort_findings, "RULES", (*cohort_findings.RULES, toy))
    stated = check_data(manifest(data, cohort(data)), out=tmp_path / "page")
    assert "Note: All 24 cases are toys." in stated
    page = (tmp_path / "page" / "audit.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Are they toys?" in page
    assert "All 24 cases are toys." in page
    assert "What to do: Play." in page
    assert "All 24 cases are toys." in (tmp_path / "page" / "audit.csv").read_text(encoding="utf-8")


def test_a_cohort_of_which_no_image_can_be_read_is_refused_with_the_reasons(data: Path) -> None:
    rows = cohort(data)
    for row in rows:
        (data / row["image"]).write_bytes(b"" if row["label"] == "ill" else b"text")
    with pytest.raises(DataRefused, match=r"all 24 are left out \(empty_file, unsupported_format\)") as caught:
        check_data(manifest(data, rows))
    assert re.search(r"\n  empty_file: 12; the first, case c-\w{12} in line \d+: The file is empty", str(caught.value))
    assert "\n  unsupported_format: 12; the first, case " in str(caught.value)


def test_no_id_of_the_manifest_and_no_place_is_in_anything_that_check_says_or_writes(
    data: Path, medtl: Callable[..., Result], tmp_path: Path
) -> None:
    """Equal and nearly equal images, a broken one, two labels of a patient: every list that names cases is made."""
    rows = [
        {**row, "patient_id": f"Meier-{row['patient_id']}", "case_id": f"Befund-{row['case_id']}"}
        for row in cohort(data)
    ]
    Image.open(data / "04-0.png").save(data / "05-0.png", compress_level=0)
    copied = np.asarray(Image.open(data / "07-0.png")) / 2.0 + np.random.default_rng(5).normal(60, 2, (16, 20))
    Image.fromarray(copied.astype(np.uint8)).save(data / "09-0.png")
    (data / rows[0]["image"]).write_bytes(b"")
    rows[2]["label"] = "well"
    path = manifest(data, rows).rename(data / "Klinik Nord.csv")
    done = medtl("check", path, "--out", tmp_path / "audit")
    assert done.exit_code == 0, done.stderr
    written = {entry: entry.read_bytes() for entry in (tmp_path / "audit").rglob("*") if entry.is_file()}
    assert {entry.name for entry in written} >= {"audit.html", "audit.csv", "audit.json", "near_duplicates.csv"}
    for name in ("Meier", "Befund", "Klinik", "p04", "c040", str(data)):
        assert name not in done.stdout + done.stderr
        assert not [entry.name for entry, content in written.items() if name.encode() in content]
    (pair,) = list(csv.DictReader((tmp_path / "audit" / "near_duplicates.csv").open()))
    assert (pair["line"], pair["other_line"]) == ("13", "15"), "the line leads back"


def test_the_first_line_says_which_class_is_positive_and_warns_where_it_looks_healthy(data: Path) -> None:
    rows = cohort(data)
    first, second = check_data(manifest(data, rows)).splitlines()[:2]
    assert first.startswith("The positive class is well, the last label in alphabetical order (capitals do not count)")
    assert second.startswith("The positive class well looks like the healthy one")
    mixed = [{**row, "label": {"well": "gesund", "ill": "Tuberkulose"}[row["label"]]} for row in rows]
    told = check_data(manifest(data, mixed))
    assert told.startswith("The positive class is Tuberkulose, ")
    assert "looks like the healthy one" not in told


def test_many_sites_with_one_class_are_one_line(data: Path) -> None:
    rows = cohort(data)
    for number, row in enumerate(rows):
        row["site"] = f"site {number // 2} {row['label']}"
    told = check_data(manifest(data, rows))
    (line,) = (line for line in told.splitlines() if "name the site instead of the disease" in line)
    assert line.startswith("Note: All cases of a site have one class at ")
    assert len(line) < 500


def test_checking_writes_nothing_beside_the_data(data: Path) -> None:
    path = manifest(data, cohort(data))
    before = {entry.name: entry.stat().st_mtime_ns for entry in data.iterdir()}
    check_data(path)
    assert {entry.name: entry.stat().st_mtime_ns for entry in data.iterdir()} == before


def test_the_command_ends_with_0_and_the_findings_on_standard_output(data: Path, medtl: Callable[..., Result]) -> None:
    done = medtl("check", manifest(data, cohort(data)))
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("A study can start.")
    assert "medtl:" not in done.stderr


def test_the_command_ends_with_3_and_a_letter_when_the_data_are_refused(
    data: Path, medtl: Callable[..., Result]
) -> None:
    rows = cohort(data)
    few = [row for row in rows if row["label"] == "well" or row["patient_id"] < "p05"]
    done = medtl("check", manifest(data, few))
    assert done.exit_code == 3
    assert not done.stdout
    assert "medtl: The class ill has 2 patients, and 5 folds need at least 5 of each class" in done.stderr
    one = medtl("check", manifest(data, [row for row in rows if row["label"] == "ill"]))
    assert one.exit_code == 3
    assert "'ill' (12 cases), but a study needs at least two classes" in one.stderr


def test_the_command_ends_with_2_when_there_is_nothing_to_check(tmp_path: Path, medtl: Callable[..., Result]) -> None:
    done = medtl("check", tmp_path / "nothing.csv")
    assert done.exit_code == 2
    assert "medtl: The manifest nothing.csv does not exist" in done.stderr


def test_the_doctor_of_a_bare_machine_says_how_to_get_weights_and_that_the_demo_needs_none(
    medtl: Callable[..., Result], tmp_path: Path
) -> None:
    done = medtl("doctor")
    assert done.exit_code == 0
    (lacking,) = (line for line in done.stdout.splitlines() if "weights" in line)
    assert lacking.startswith("! no pretrained weights in the store")
    for words in (
        "medtl weights list says which",
        "fetch gets them",
        "import takes in a file",
        "medtl demo needs none",
    ):
        assert words in lacking
    for package in ("torch", "monai", "numpy", "pydicom"):
        assert re.search(rf"^  {package} \d", done.stdout, flags=re.M)
    assert "prepared-scan cache: " in done.stdout, "a cache that does not exist yet is on some disk all the same"
    assert str(tmp_path) not in done.stdout
    assert not list(tmp_path.iterdir()), "looking makes nothing"


def test_the_doctor_names_the_weights_that_are_here(medtl: Callable[..., Result], tmp_path: Path) -> None:
    card = find_encoder("resnet18-imagenet").model_copy(update={"sha256": "0" * 64})
    write_json(tmp_path / "weights" / card.name / "card.json", card.model_dump(mode="json"))
    assert "\n  weights in the store: resnet18-imagenet\n" in medtl("doctor").stdout
    listed = medtl("weights", "list", "--all").stdout
    assert re.search(r"^resnet18-imagenet +here +Apache-2\.0$", listed, flags=re.M)
    assert re.search(r"^resnet50-imagenet +not here .*\n +from https://huggingface\.co/timm/resnet50", listed, re.M)
    assert re.search(r"^resnet10 +starts from chance", listed, flags=re.M)


def test_the_doctor_marks_little_disk_little_memory_and_missing_packages(
    medtl: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = environment.versions()
    monkeypatch.setattr(environment, "versions", lambda: {**found, "pydicom": None})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * 10**9))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 500_000}.__getitem__)
    told = medtl("doctor").stdout.splitlines()
    assert "! memory: 2 GB" in told
    assert "! here, for runs: 2 GB free" in told
    assert "! prepared-scan cache: 2 GB free" in told
    assert "  pydicom is missing" in told
    assert "! install pydicom" in told


def test_the_doctor_marks_a_cache_that_cannot_be_written_and_nothing_that_is_well(
    medtl: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4_000_000}.__getitem__)
    monkeypatch.setattr(os, "access", lambda folder, _: folder != tmp_path)
    told = medtl("doctor").stdout.splitlines()
    assert "  memory: 16 GB" in told
    assert "  here, for runs: 1000 GB free" in told
    marked = [line for line in told if line.startswith("!") and "weights" not in line]
    assert marked == ["! prepared-scan cache: 1000 GB free, but it cannot be written to"]
