"""From DICOM through a true study and back to the archive, on phantoms and on the shared MR series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
import yaml
from dicom_phantom import OBLIQUE, series
from geometry_witness import by_nibabel, read_back
from shared_data import SHARED
from typer.testing import CliRunner

from medtl.cli import app

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_states")]
Export = Callable[..., Any]

CASES = SHARED / "data" / "dicom"
SETTINGS = {
    "folds": {"count": 2, "seed": 7},
    "encoder": "slices-resnet10",
    "adaptation": {"policy": "scratch"},
    "recipe": {"epochs": 1, "batch_size": 4},
    "explanation": {"cases_of_each_kind": 1},
    "resamples": 100,
}


def studied(folder: Path, **settings: object) -> Path:
    """Run a study in a folder; gives the run's."""
    (folder / "study.yaml").write_text(yaml.safe_dump(SETTINGS | settings))
    words = ["run", str(folder / "study.yaml"), "--out", str(folder / "run"), "--device", "cpu"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return folder / "run"


def maps_of(run: Path) -> Mapping[str, Path]:
    """Each out-of-fold case's NIfTI map, as the run's own tables name it."""
    tables = sorted(run.glob("fold_*/saliency/maps.csv"))
    return {
        str(row.case_id): table.parent / row.map_file for table in tables for row in pd.read_csv(table).itertuples()
    }


def assert_same_positions(saliency: pydicom.Dataset, nifti: Path) -> None:
    """Every voxel of the object has the value that the NIfTI map has at its position in the patient."""
    image = nibabel.load(nifti)
    found, expected = read_back(saliency), by_nibabel(np.asarray(image.dataobj), image.affine)
    of_one_height = expected.mm[expected.values == expected.values.max()]
    assert np.linalg.norm(of_one_height - found.peak_mm, axis=1).min() < 0.1, "maps may have two equal peaks"
    np.testing.assert_array_equal(found.values, expected.values_at(found.mm))


def test_series_folders_in_a_manifest_get_their_maps_back(made: Any, export: Export, tmp_path: Path) -> None:
    """Oblique, flipped and of unequal size, under pseudonyms; every second patient's slices are brighter."""
    rows = ["case_id,patient_id,image,label"]
    for number in range(8):
        flip = np.array([1.0, (-1.0) ** number, (-1.0) ** (number // 2)])
        phantom = series(
            slices=8 + number % 3, rows=20, columns=24, spacing_mm=(2.0, 2.0, 4.0), directions=OBLIQUE * flip,
            slope=1.0 + number % 2, uid=str(number + 1), seed=number,
        )  # fmt: skip
        phantom.write(tmp_path / "scans" / str(number))
        rows.append(f"s{number},m{number},scans/{number},{('well', 'ill')[number % 2]}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    grid = {"preset": "mr", "spacing_mm": [2.0, 2.0, 4.0], "extent_mm": [32.0, 32.0, 32.0]}
    run = studied(tmp_path, name="folders", manifest="manifest.csv", preparation=grid)
    done = export(run)
    maps = maps_of(run)
    assert len(maps) == 8
    assert not {f"s{number}" for number in range(8)} & set(maps)
    for case_id, nifti in maps.items():
        assert_same_positions(done.dicom(f"{case_id}_saliency.dcm"), nifti)
    shown = {
        row.case_id for table in run.glob("fold_*/saliency/saliency.csv") for row in pd.read_csv(table).itertuples()
    }
    assert {path.name for path in done.folder.glob("*_montage.dcm")} == {f"{case_id}_montage.dcm" for case_id in shown}


@pytest.mark.real_data
@pytest.mark.skipif(not CASES.is_dir(), reason="the shared DICOM folders are not beside the checkout")
def test_mr_series_from_an_archive_get_their_maps_back(made: Any, export: Export, tmp_path: Path) -> None:
    manifest = tmp_path / "pacs" / "manifest.csv"
    words = ["intake", str(CASES), "--out", str(manifest), "--modality", "MR"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    run = studied(
        tmp_path,
        name="mr",
        manifest="pacs/manifest.csv",
        label_column="orientation",
        classes=["axial", "sagittal"],
        folds={"count": 3, "seed": 7, "validation_fraction": 0.5},
        preparation={"preset": "mr", "spacing_mm": [6.0, 6.0, 6.0], "extent_mm": [96.0, 96.0, 96.0]},
    )
    done, maps = export(run), maps_of(run)
    exported = {case_id: row for case_id, row in done.table.items() if row["saliency_file"]}
    assert len(exported) >= 6
    for case_id, row in exported.items():
        saliency = done.dicom(row["saliency_file"])
        assert_same_positions(saliency, maps[case_id])
        assert saliency.ReferencedSeriesSequence[0].SeriesInstanceUID == row["source_series_uid"]
    for row in done.table.values():
        assert row["saliency_file"] or "no frame of reference" in row["remarks"]
