"""A manifest of volumes that is checked by itself says what to give, and with that it can be studied."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medtl.errors import DataRefused
from medtl.study.check import check_data

TURNED = np.array([[0, 0, 3.0, 0], [-2.0, 0, 0, 0], [0, 2.5, 0, 0], [0, 0, 0, 1]])
"""Voxels of 2 mm along anterior, 2.5 along superior, 3 along right."""


@pytest.fixture
def volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDTL_CACHE", str(tmp_path / "cache"))
    chance = np.random.default_rng(0)
    rows = ["case_id,patient_id,image,label"]
    for number in range(12):
        values = chance.integers(0, 1000, (20, 22, 18)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, TURNED), tmp_path / f"v{number}.nii.gz")
        rows.append(f"c{number},p{number},v{number}.nii.gz,{'ill' if number % 2 else 'healthy'}")
    (tmp_path / "one.nii").write_bytes(b"\x5c\x01\0\0" + bytes(344))
    rows.append("c12,p12,one.nii,ill")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest


def test_a_manifest_of_volumes_alone_says_why_all_are_left_out_and_which_grid_fits(volumes: Path) -> None:
    with pytest.raises(DataRefused) as caught:
        check_data(volumes)
    told = str(caught.value)
    assert told.startswith("No case can be studied: all 13 are left out (not_a_picture, unsupported_format).")
    assert "  not_a_picture: 12; the first, case " in told
    assert "  unsupported_format: 1; the first, case " in told
    assert "Analyze 7.5 header" in told
    own = re.search(r"--set (preparation\.spacing_mm=\S+) --set (preparation\.extent_mm=\S+)\.", told)
    assert own
    assert own[1] == "preparation.spacing_mm=[3,2,2.5]"
    assert own[2] == "preparation.extent_mm=[54,40,55]"
    assert "13 cases in the manifest, 12 studied" in check_data(volumes, changes=list(own.groups()))
