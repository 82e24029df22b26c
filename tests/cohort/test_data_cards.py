"""The cards in data_manifests/ say what the manifests hold."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from medtl.cohort import Cohort, ManifestSettings, flow, phantoms, read_manifest

CARDS = Path(__file__).resolve().parents[2] / "data_manifests"
NEEDED = {
    "name",
    "what",
    "source",
    "licence",
    "citation",
    "modality",
    "phantom",
    "columns",
    "labels",
    "counts",
    "problems",
}


def card(name: str) -> dict[str, Any]:
    return tomllib.loads((CARDS / f"{name}.toml").read_text(encoding="utf-8"))


def read_by_the_card(manifest: Path, facts: dict[str, Any], *, label_column: str) -> Cohort:
    columns = facts["columns"]
    return read_manifest(
        manifest,
        ManifestSettings(
            label_column=label_column,
            patient_column=columns["patient"],
            image_column=columns["image"],
            split_column=columns.get("split"),
            classes=tuple(facts["labels"][label_column]),
            covariates=tuple(columns["covariates"]),
        ),
    )


def assert_counts(cohort: Cohort, facts: dict[str, Any], *, label_column: str) -> None:
    counts = flow.flow_of(cohort)
    assert {"files": counts.files, "cases": counts.cases, "patients": counts.patients} == {
        key: facts["counts"][key] for key in ("files", "cases", "patients")
    }
    assert Counter(case.label for case in cohort.cases) == facts["counts"][label_column]


@pytest.mark.parametrize("path", sorted(CARDS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_card_has_every_part_and_stands_in_the_readme(path: Path) -> None:
    assert set(card(path.stem)) == NEEDED
    assert path.name in (CARDS / "README.md").read_text(encoding="utf-8")


def test_no_image_is_kept_beside_the_cards() -> None:
    assert {file.suffix for file in CARDS.iterdir()} == {".toml", ".md"}


def test_the_phantom_card_fits_the_phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phantoms, "SOURCE_PATIENTS", 5)
    manifest = phantoms.write_phantom_cohort(tmp_path, seed=7).target_manifest
    facts = card("phantom_target")
    cohort = read_by_the_card(manifest, facts, label_column="label")
    assert_counts(cohort, facts, label_column="label")
    columns = facts["columns"]
    named = [columns[key] for key in ("case", "patient", "image", "label")] + columns["covariates"] + columns["others"]
    assert sorted(named) == sorted(phantoms.TARGET_COLUMNS)


@pytest.mark.real_data
@pytest.mark.parametrize("label_column", ["label", "label3"])
def test_the_pneumonia_card_fits_the_manifest(kermany_manifest: Path, label_column: str) -> None:
    facts = card("pneumonia_radiographs")
    cohort = read_by_the_card(kermany_manifest, facts, label_column=label_column)
    assert_counts(cohort, facts, label_column=label_column)
    assert Counter(case.split for case in cohort.cases) == facts["counts"]["split"]


@pytest.mark.real_data
def test_the_hippocampus_card_fits_the_manifest(kermany_manifest: Path) -> None:
    manifest = kermany_manifest.parents[1] / "msd_hippocampus" / "manifest.csv"
    facts = card("hippocampus_volume")
    assert_counts(read_by_the_card(manifest, facts, label_column="label"), facts, label_column="label")
    columns = facts["columns"]
    named = [columns[key] for key in ("patient", "image", "label")] + columns["covariates"] + columns["others"]
    assert sorted(named) == sorted(manifest.read_text(encoding="utf-8").split("\n", 1)[0].split(","))


def test_the_example_in_the_readme_is_a_good_manifest(tmp_path: Path) -> None:
    text = (CARDS / "README.md").read_text(encoding="utf-8")
    example = text.split("```csv\n")[1].split("```")[0]
    (tmp_path / "manifest.csv").write_text(example, encoding="utf-8")
    cohort = read_manifest(tmp_path / "manifest.csv")
    assert (cohort.classes, len(cohort.cases), len(cohort.exclusions)) == (("benign", "malignant"), 3, 1)
