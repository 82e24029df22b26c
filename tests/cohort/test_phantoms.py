"""The phantom cohort on disk: what it promises, and that its sites tell nothing about its classes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medtl.audit import findings as audit
from medtl.cohort import flow, phantoms, read_manifest
from medtl.cohort.phantom_anatomy import IMAGE_SIZE_PX
from medtl.findings import sentences
from medtl.folds import FoldSettings, assign


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> phantoms.PhantomPaths:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phantoms, "SOURCE_PATIENTS", 25)
        return phantoms.write_phantom_cohort(tmp_path_factory.mktemp("phantoms"), seed=7)


def digests(path: Path) -> dict[str, str]:
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def test_the_manifests_are_read_as_phantoms_with_their_classes(written: phantoms.PhantomPaths) -> None:
    source, target = read_manifest(written.source_manifest), read_manifest(written.target_manifest)
    assert source.is_phantom
    assert target.is_phantom
    assert set(source.classes) == set(phantoms.SOURCE_CLASSES)
    assert target.classes == ("healthy", "nodule")
    assert target.covariates == ("site", "sex", "age_years")
    assert len(target.patients) == phantoms.TARGET_PATIENTS
    assert [gone.reason for gone in target.exclusions] == ["no_label"]


def test_every_image_is_there_and_grey_and_of_one_size(written: phantoms.PhantomPaths) -> None:
    for manifest in (written.source_manifest, written.target_manifest):
        for case in read_manifest(manifest).cases:
            with Image.open(case.image) as image:
                assert (image.mode, image.size) == ("L", (IMAGE_SIZE_PX, IMAGE_SIZE_PX))
                assert np.asarray(image).std() > 20


def test_exactly_one_pair_of_images_is_equal_and_of_one_patient(written: phantoms.PhantomPaths) -> None:
    cohort = read_manifest(written.target_manifest)
    pixels = {case.case_id: hashlib.sha256(case.image.read_bytes()).hexdigest() for case in cohort.cases}
    duplicates = audit.duplicate_groups(pixels)
    assert duplicates == (("T001-1", "T001-1-copy"),)
    assert "within one patient" in sentences(audit.duplicate_findings(cohort, duplicates=duplicates))[0]


def test_a_seed_gives_the_same_bytes_and_another_seed_others(
    written: phantoms.PhantomPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phantoms, "SOURCE_PATIENTS", 25)
    again = phantoms.write_phantom_cohort(tmp_path / "again", seed=7)
    assert digests(again.target_manifest.parent) == digests(written.target_manifest.parent)
    assert digests(again.source_manifest.parent) == digests(written.source_manifest.parent)
    other = phantoms.write_phantom_cohort(tmp_path / "other", seed=8)
    assert (
        digests(other.source_manifest.parent)["images/S0001.png"]
        != digests(again.source_manifest.parent)["images/S0001.png"]
    )


def test_lesions_are_given_for_nodules_only_and_lie_in_a_lung(written: phantoms.PhantomPaths) -> None:
    table = pd.read_csv(written.target_manifest)
    places = table[["lesion_row_px", "lesion_column_px", "lesion_radius_px"]]
    labelled = table["label"].notna()
    assert places[labelled & (table["label"] == "healthy")].isna().all(axis=None)
    nodules = places[table["label"] == "nodule"]
    assert nodules.notna().all(axis=None)
    assert nodules["lesion_row_px"].between(0.2 * IMAGE_SIZE_PX, 0.8 * IMAGE_SIZE_PX).all()
    assert (nodules["lesion_column_px"] - IMAGE_SIZE_PX / 2).abs().between(8, 0.38 * IMAGE_SIZE_PX).all()


def test_a_nodule_is_brighter_than_its_surroundings_on_average(written: phantoms.PhantomPaths) -> None:
    table = pd.read_csv(written.target_manifest)
    rows, columns = np.mgrid[:IMAGE_SIZE_PX, :IMAGE_SIZE_PX] + 0.5
    brighter = []
    for row in table[table["label"] == "nodule"].itertuples():
        pixels = np.asarray(Image.open(written.target_manifest.parent / row.image), dtype=float)
        distance = np.hypot(rows - row.lesion_row_px, columns - row.lesion_column_px)
        ring = (distance > 1.2 * row.lesion_radius_px) & (distance < 1.8 * row.lesion_radius_px)
        brighter.append(pixels[distance < 0.5 * row.lesion_radius_px].mean() - pixels[ring].mean())
    assert np.mean(np.array(brighter) > 0) > 0.8


def test_sites_differ_to_the_eye_and_hold_both_classes_evenly(written: phantoms.PhantomPaths) -> None:
    cohort = read_manifest(written.target_manifest)
    patients = {(case.covariates["site"], case.label): set() for case in cohort.cases}
    edges: dict[object, list[float]] = {}
    for case in cohort.cases:
        patients[case.covariates["site"], case.label].add(case.patient_id)
        edges.setdefault(case.covariates["site"], []).append(float(np.asarray(Image.open(case.image))[0, 40:56].mean()))
    assert {key: len(found) for key, found in patients.items()} == dict.fromkeys(patients, 15)
    assert np.mean(edges["north"]) > 5 > np.mean(edges["south"])
    assert sentences(audit.site_findings(cohort)) == ()


def test_the_word_phantom_is_the_same_in_every_image(written: phantoms.PhantomPaths) -> None:
    strips = {
        np.asarray(Image.open(case.image))[-11:].tobytes()
        for manifest in (written.source_manifest, written.target_manifest)
        for case in read_manifest(manifest).cases
    }
    assert len(strips) == 1


def test_five_folds_can_be_made_of_the_target(written: phantoms.PhantomPaths) -> None:
    cohort = read_manifest(written.target_manifest)
    table = assign(cohort, FoldSettings(), groups=audit.fold_groups(cohort))
    assert table.folds == (0, 1, 2, 3, 4)
    assert flow.flow_of(cohort).files == len(cohort.cases) + 1
