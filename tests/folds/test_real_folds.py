"""Folds of the real pneumonia manifest: its duplicates tied, nobody on both sides."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from shared_data import SHARED

from medtl.audit import findings as audit
from medtl.cohort import ManifestSettings, read_manifest
from medtl.cohort.sampling import limit_patients
from medtl.folds import FoldSettings, assign, read_folds, write_folds


@pytest.fixture
def manifest() -> Path:
    path = SHARED / "data" / "kermany_cxr_224" / "manifest.csv"
    if not path.is_file():
        pytest.skip("the pneumonia radiographs are not beside the checkout (MEDTL_SHARED)")
    return path


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("label_column", ["label", "label3"])
def test_five_folds_of_the_real_set_leak_nothing_and_tie_the_duplicates(
    manifest: Path, tmp_path: Path, label_column: str
) -> None:
    cohort = read_manifest(manifest, ManifestSettings(label_column=label_column))
    with manifest.open(encoding="utf-8", newline="") as stream:
        known = [row["dup_group"] for row in csv.DictReader(stream)]
    pixels = {case.case_id: group or case.case_id for case, group in zip(cohort.cases, known, strict=True)}
    duplicates = audit.duplicate_groups(pixels)
    assert (len(duplicates), sum(map(len, duplicates))) == (30, 62)
    groups = audit.fold_groups(cohort, duplicates=duplicates)
    assert len(set(groups.values())) == 3273 - 1

    table = assign(cohort, FoldSettings(), groups=groups)
    write_folds(table, tmp_path / "folds.csv")
    rows = read_folds(tmp_path / "folds.csv", cohort=cohort).rows
    assert (rows.groupby(["fold", "patient_id"])["role"].nunique() == 1).all()
    assert (rows[rows["role"] == "test"]["case_id"].value_counts() == 1).all()
    tied = rows[rows["patient_id"].isin(["test-NORMAL2-IM-0095", "test-NORMAL2-IM-0096"])]
    assert (tied.groupby("fold")["role"].nunique() == 1).all()
    shares = rows[rows["role"] == "test"].groupby(["fold", "label"]).size().unstack()
    assert (shares.max() - shares.min() <= 2).all()


@pytest.mark.real_data
def test_the_official_split_of_the_real_set_is_kept(manifest: Path) -> None:
    cohort = limit_patients(read_manifest(manifest), per_class=60, seed=7)
    table = assign(cohort, FoldSettings(official="split"), groups=audit.fold_groups(cohort))
    tested = {case.case_id for case in cohort.cases if case.split == "test"}
    assert set(table.split(0).test) == tested
