"""A phantom cohort on disk: real PNG files and manifests, made from a seed, with nobody in it.

Two tasks share the same phantom chests. The *source* has many patients, one image each, clear or with a ring, bar,
patch or mass. The *target* is small: healthy or with a subtle nodule, several images a patient, two sites that differ
in gain and border but not in what is found there.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from medtl.cohort import phantom_anatomy as draw
from medtl.files import write_atomically

SOURCE_PATIENTS = 700
SOURCE_CLASSES = ("clear", "ring", "bar", "patch", "mass")

TARGET_PATIENTS = 60
IMAGES_PER_PATIENT = (2, 4)
TARGET_CLASSES = ("healthy", "nodule")

DECOY_SHARE = 0.6
"""Share of images, healthy or not, with a streak that is no nodule."""

SITE_GAIN = {"north": 0.92, "south": 1.10}
"""Brightness of the two sites' detectors: visible, and the same for both classes."""

SITE_BORDER_PX = {"north": 0, "south": 3}

PHANTOM_AGES_YEARS = (30.0, 85.0)

SOURCE_COLUMNS = ("case_id", "patient_id", "image", "label", "is_phantom")
TARGET_COLUMNS = (
    "case_id", "patient_id", "image", "label", "site", "sex", "age_years",
    "lesion_row_px", "lesion_column_px", "lesion_radius_px", "is_phantom",
)  # fmt: skip


@dataclass(frozen=True)
class PhantomPaths:
    """The paths of the two manifests; the images lie beside them."""

    source_manifest: Path
    target_manifest: Path


@dataclass(frozen=True)
class _TargetPatient:
    """The properties that all images of a target patient share."""

    name: str
    label: str
    site: str
    sex: str
    age_years: float
    build: draw.Anatomy


def write_phantom_cohort(folder: Path, *, seed: int) -> PhantomPaths:
    """Write `source/` and `target/`, each with `manifest.csv` and PNG images, the same bytes for the same seed.

    The target holds, on purpose, two files with the same pixels (patient T001) and one case without a label (the
    last one). `lesion_row_px` and `lesion_column_px` are the nodule's centre, counted from the upper left corner.
    """
    source = _write_source(folder / "source", seed=seed)
    target = _write_target(folder / "target", seed=seed)
    return PhantomPaths(source_manifest=source, target_manifest=target)


def _write_source(folder: Path, *, seed: int) -> Path:
    rows = []
    for number in range(SOURCE_PATIENTS):
        chance = np.random.default_rng([seed, 1, number])
        label = SOURCE_CLASSES[number % len(SOURCE_CLASSES)]
        build = draw.anatomy(chance)
        picture = draw.chest(build, chance) + _source_finding(label, build, chance)
        picture = picture + _decoy(build, chance)
        name = f"S{number + 1:04d}"
        gain = float(chance.uniform(min(SITE_GAIN.values()), max(SITE_GAIN.values())))
        image = f"images/{name}.png"
        _save(folder / image, draw.exposed(picture, chance, gain=gain, border_px=int(chance.integers(0, 4))))
        rows.append((f"{name}-1", name, image, label, "yes"))
    return _write_manifest(folder / "manifest.csv", SOURCE_COLUMNS, rows)


def _source_finding(label: str, build: draw.Anatomy, chance: np.random.Generator) -> draw.Picture:
    where = draw.lesion_in_lung(build, chance, radius_px=float(chance.uniform(5.5, 9.0)))
    contrast = float(chance.uniform(*draw.SOURCE_CONTRAST))
    if label == "ring":
        return draw.ring(where, contrast=contrast)
    if label == "bar":
        return draw.bar(where, chance, contrast=contrast)
    if label == "patch":
        return draw.patch(where, chance, contrast=contrast)
    if label == "mass":
        return draw.nodule(where, chance, contrast=contrast)
    return np.zeros((draw.IMAGE_SIZE_PX, draw.IMAGE_SIZE_PX))


def _write_target(folder: Path, *, seed: int) -> Path:
    rows = []
    for number in range(TARGET_PATIENTS):
        chance = np.random.default_rng([seed, 2, number])
        patient = _target_patient(number, chance)
        for image_number in range(1, int(chance.integers(*IMAGES_PER_PATIENT, endpoint=True)) + 1):
            rows.append(_write_target_image(folder, patient, image_number, chance))
    first, last = rows[0], rows[-1]
    rows.insert(1, (f"{first[0]}-copy", first[1], first[2].replace(".png", "-copy.png"), *first[3:]))
    shutil.copyfile(folder / first[2], folder / rows[1][2])
    rows[-1] = (*last[:3], "", *last[4:])
    return _write_manifest(folder / "manifest.csv", TARGET_COLUMNS, rows)


def _target_patient(number: int, chance: np.random.Generator) -> _TargetPatient:
    """Class and site alternate independently of each other, so each site has as many of each class."""
    sites = tuple(SITE_GAIN)
    return _TargetPatient(
        name=f"T{number + 1:03d}",
        label=TARGET_CLASSES[number % 2],
        site=sites[number // 2 % 2],
        sex="FM"[int(chance.integers(2))],
        age_years=round(float(chance.uniform(*PHANTOM_AGES_YEARS)), 1),
        build=draw.anatomy(chance),
    )


def _write_target_image(
    folder: Path, patient: _TargetPatient, image_number: int, chance: np.random.Generator
) -> tuple[str, ...]:
    picture = draw.chest(patient.build, chance) + _decoy(patient.build, chance)
    lesion = ("", "", "")
    if patient.label == TARGET_CLASSES[1]:
        where = draw.lesion_in_lung(patient.build, chance, radius_px=float(chance.uniform(*draw.NODULE_RADIUS_PX)))
        picture = picture + draw.nodule(where, chance, contrast=float(chance.uniform(*draw.NODULE_CONTRAST)))
        lesion = (f"{where.row_px:.1f}", f"{where.column_px:.1f}", f"{where.radius_px:.1f}")
    case_id = f"{patient.name}-{image_number}"
    image = f"images/{case_id}.png"
    seen = draw.exposed(picture, chance, gain=SITE_GAIN[patient.site], border_px=SITE_BORDER_PX[patient.site])
    _save(folder / image, seen)
    facts = (patient.label, patient.site, patient.sex, f"{patient.age_years:.1f}")
    return (case_id, patient.name, image, *facts, *lesion, "yes")


def _decoy(build: draw.Anatomy, chance: np.random.Generator) -> draw.Picture:
    where = draw.lesion_in_lung(build, chance, radius_px=float(chance.uniform(3.0, 5.0)))
    contrast = float(chance.uniform(*draw.DECOY_CONTRAST)) * (chance.random() < DECOY_SHARE)
    return draw.bar(where, chance, contrast=contrast)


def _save(path: Path, picture: draw.Picture) -> None:
    """Not flushed to disk one by one, which would take most of the time: the manifest comes last and is atomic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(255.0 * picture).astype(np.uint8)).save(path, format="PNG", compress_level=1)


def _write_manifest(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, text.getvalue())
    return path
