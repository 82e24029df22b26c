"""Studies of volumes from the manifest to the maps, on phantoms that lie oblique, flipped and unequal."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import yaml
from volume_cohort import RADIUS_MM, VolumeCohort, draw_volumes

from medtl.adaptation import classifier_with_new_head
from medtl.adaptation.parameter_groups import parameter_groups
from medtl.encoders import WeightStore, build_untrained, find_encoder
from medtl.study.encoders import resolve_encoder
from medtl.study.settings import read_study

pytestmark = pytest.mark.usefixtures("own_places")

Medtl = Callable[..., object]
CELL_MM = np.array([4.0, 4.0, 4.0])
"""Of layer1 of a ResNet on slices of 1 mm pixels, 4 mm apart."""


@pytest.fixture
def cohort(tmp_path: Path) -> VolumeCohort:
    return draw_volumes(tmp_path, patients=24, seed=3)


def out_of_fold(run: Path) -> pd.DataFrame:
    said = pd.read_csv(run / "predictions.csv")
    return said[said["role"] == "test"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_states")
@pytest.mark.parametrize("encoder", ["resnet10-3d", "slices-resnet10", "acs-resnet10"])
def test_every_way_to_volumes_serves_every_policy_on_the_same_folds(
    encoder: str, cohort: VolumeCohort, medtl: Medtl
) -> None:
    policies = ["probe", "lp_ft", "full", "scratch"]
    study = cohort.study(
        encoder=encoder, adaptation={"policy": policies}, recipe={"epochs": 1, "batch_size": 8},
        saliency={"checks": encoder.startswith("slices")},
    )  # fmt: skip
    assert medtl("run", study, "--out", cohort.folder / "run").code == 0
    rows = out_of_fold(cohort.folder / "run")
    assert set(rows["model"]) == {*policies, "centroid"}
    for _, mine in rows.groupby("model"):
        assert sorted(mine["case_id"]) == [f"v{number:02d}" for number in range(24)]
    folds = rows.groupby("case_id")["fold"].nunique()
    assert (folds == 1).all(), "all models test a case in the same fold"


@pytest.mark.slow
@pytest.mark.usefixtures("without_states")
def test_a_map_lies_on_the_original_scan_and_peaks_in_the_planted_lesion(tmp_path: Path, medtl: Medtl) -> None:
    """Nibabel reads map and scan; at least 9 of 10 peaks lie within the ball and half a cell of the map's own grid."""
    cohort = draw_volumes(tmp_path, patients=32, seed=3)
    study = cohort.study(
        encoder="slices-resnet10",
        preparation={"preset": "mr", "spacing_mm": [1.0, 1.0, 4.0], "extent_mm": [64.0, 64.0, 64.0]},
        adaptation={"policy": "scratch"},
        recipe={"epochs": 12, "batch_size": 8, "learning_rate": 2.0e-3},
        explanation={"cases_of_each_kind": 1, "stage": "layer1"},
    )
    assert medtl("run", study, "--out", tmp_path / "run").code == 0
    hits = []
    for table in sorted((tmp_path / "run").glob("fold_*/saliency/maps.csv")):
        for row in pd.read_csv(table).itertuples():
            image, scan = nibabel.load(table.parent / row.map_file), nibabel.load(tmp_path / f"{row.case_id}.nii.gz")
            assert image.shape == scan.shape
            np.testing.assert_allclose(image.affine, scan.affine, atol=1e-4)
            if row.truth == "ill" and row.target_class == "ill":
                values = np.asanyarray(image.dataobj)
                peak = np.array(np.unravel_index(values.argmax(), values.shape))
                place = image.affine[:3, :3] @ peak + image.affine[:3, 3]
                hits.append(np.linalg.norm(place - cohort.lesions_mm[row.case_id]))
    assert len(hits) >= 14, "the network finds the ill"
    assert np.mean(np.array(hits) <= RADIUS_MM + np.linalg.norm(CELL_MM / 2)) >= 0.9, hits


@pytest.mark.slow
def test_an_encoder_for_pictures_is_taken_to_volumes_by_their_geometry_and_the_run_says_which(
    cohort: VolumeCohort, medtl: Medtl
) -> None:
    done = medtl("run", cohort.study(encoder="resnet10"), "--out", cohort.folder / "run")
    assert done.code == 0
    assert "The encoder is slices-resnet10" in done.out + done.err
    assert yaml.safe_load((cohort.folder / "run" / "study.yaml").read_text())["encoder"] == "slices-resnet10"


def test_small_isotropic_volumes_are_looked_at_from_three_sides(cohort: VolumeCohort) -> None:
    grid = {"preset": "mr", "spacing_mm": [2.0, 2.0, 2.0], "extent_mm": [64.0, 64.0, 64.0]}
    study = read_study(cohort.study(encoder="resnet10", preparation=grid))
    chosen, encoder = resolve_encoder(study, store=WeightStore.from_environment())
    assert chosen.encoder == encoder.card.name == "acs-resnet10"


def test_an_encoder_for_volumes_is_refused_for_pictures_before_anything_is_read(
    cohort: VolumeCohort, medtl: Medtl
) -> None:
    study = cohort.study(preparation={"preset": "radiograph", "size_px": [64, 64]})
    done = medtl("run", study, "--out", cohort.folder / "run")
    assert done.code == 2
    for words in ("resnet10-3d takes volumes", "64 x 64 pixels", "Give preparation.spacing_mm"):
        assert words in " ".join(done.err.split())
    assert not (cohort.folder / "run").exists()


def test_settings_for_volumes_are_refused_in_a_study_of_pictures(cohort: VolumeCohort, medtl: Medtl) -> None:
    study = cohort.study(preparation={"preset": "mr", "size_px": [64, 64]}, volumes={"pooling": "max"})
    done = medtl("check", study)
    assert done.code == 2
    assert "volumes says how an encoder takes volumes, but the preparation gives pictures" in " ".join(done.err.split())


def test_volumes_in_a_study_of_pictures_are_told_what_to_give(cohort: VolumeCohort, medtl: Medtl) -> None:
    done = medtl("check", cohort.study(encoder="resnet10", preparation={"preset": "mr", "size_px": [64, 64]}))
    assert done.code == 3
    assert "Give preparation.spacing_mm and preparation.extent_mm to study volumes" in " ".join(done.err.split())


def test_a_file_of_four_dimensions_is_refused_by_name_and_the_rest_is_studied(
    cohort: VolumeCohort, medtl: Medtl
) -> None:
    nibabel.Nifti1Image(np.zeros((8, 8, 8, 3), np.float32), np.eye(4)).to_filename(cohort.folder / "v00.nii.gz")
    done = medtl("check", cohort.study())
    assert done.code == 0
    told = " ".join(done.out.split())
    assert "v00" in told
    assert "The file holds 3 volumes (time points, directions or channels); a case is one." in told
    assert "Choose with medtl intake --volume first, --volume mean, or --volume N with N from 1, or save" in told


def test_volumes_of_unequal_sizes_and_spacings_are_told_and_studied(cohort: VolumeCohort, medtl: Medtl) -> None:
    nibabel.Nifti1Image(np.random.default_rng(1).random((20, 20, 20), np.float32), np.diag([3, 3, 3, 1])).to_filename(
        cohort.folder / "v00.nii.gz"
    )
    done = medtl("check", cohort.study())
    assert done.code == 0
    told = " ".join(done.out.split())
    assert "Scans differ in size (" in told
    assert "voxels of 2 to 4 mm" in told
    assert "all are resampled to 2 x 2 x 4 mm" in told


@pytest.mark.slow
def test_a_fine_tuned_study_of_volumes_that_was_stopped_goes_on_to_the_same_bytes(
    tmp_path: Path, medtl: Medtl, medtl_process: Callable[..., subprocess.Popen[str]]
) -> None:
    cohort = draw_volumes(tmp_path, patients=12, seed=3)
    study = cohort.study(encoder="slices-resnet10", adaptation={"policy": "lp_ft"})
    whole, run = cohort.folder / "whole", cohort.folder / "run"
    assert medtl("run", study, "--out", whole).code == 0
    process = medtl_process("run", study, "--out", run)
    assert process.stderr is not None
    for line in process.stderr:
        if "lp_ft: epoch 1 of 2" in line:
            process.send_signal(signal.SIGINT)
    assert process.wait(timeout=1200) == 4
    assert medtl("run", study, "--out", run, "--resume").code == 0
    assert (run / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


def test_black_margins_are_told_with_what_they_give_away(cohort: VolumeCohort, medtl: Medtl) -> None:
    inside = medtl(
        "check", cohort.study(preparation={"preset": "mr", "spacing_mm": [4, 4, 4], "extent_mm": [48, 48, 48]})
    )
    assert "lies within every scan" in " ".join(inside.out.split())
    beyond = medtl(
        "check", cohort.study(preparation={"preset": "mr", "spacing_mm": [4, 4, 4], "extent_mm": [96, 96, 96]})
    )
    assert "reaches beyond 24 of 24 scans" in " ".join(beyond.out.split())


def test_attention_is_new_and_learns_at_the_recipes_own_rate() -> None:
    encoder = build_untrained(find_encoder("slices-resnet10"), seed=1)
    classifier = classifier_with_new_head(encoder, classes=2, seed=1)
    groups = parameter_groups(classifier, encoder_rate=0.1, head_rate=0.5)
    rates = {name: group.rate for group in groups for name in group.names}
    assert {rate for name, rate in rates.items() if ".attention." in name} == {1.0}
    assert {rate for name, rate in rates.items() if ".body." in name} == {0.1}
    assert {rate for name, rate in rates.items() if name.startswith("head.")} == {0.5}
