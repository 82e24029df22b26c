"""`medtl init`: a study.yaml that runs as it is written, with numbers that are true and nothing that was guessed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dicom_phantom import series
from picture_tree import put_pictures
from shared_data import SHARED
from stored_weights import store_weights
from typer.testing import CliRunner
from volume_cohort import draw_volumes

from medtl.cli import app
from medtl.errors import DataRefused
from medtl.study.scan_sample import MeasuredScan, ScanSample, tidy
from medtl.study.settings import read_study
from medtl.study.starter import write_starter
from medtl.study.starter_preparation import preparation_of, preset_of

pytestmark = pytest.mark.usefixtures("own_places")


@dataclass(frozen=True)
class Answer:
    """What the command printed, and its exit code."""

    code: int
    out: str
    err: str


def ask(*words: object) -> Answer:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return Answer(done.exit_code, done.stdout, done.stderr)


def made(manifest: Path, *words: str, out: str = "study.yaml") -> tuple[dict[str, Any], str]:
    """What the written study holds, and its text."""
    path = manifest.parent / out
    done = ask("init", manifest, "--out", path, *words)
    assert done.code == 0, done.err
    text = path.read_text(encoding="utf-8")
    return yaml.safe_load(text), " ".join(re.sub(r"^# ", "", text, flags=re.M).split())


def volumes(*shapes: tuple[int, int, int], spacing: tuple[float, float, float], low: float = 0.0) -> ScanSample:
    scans = tuple(MeasuredScan(shape, spacing, False, False, low, 900.0) for shape in shapes)
    return ScanSample(scans, len(scans))


@pytest.fixture
def manifest(tiny: Any) -> Path:
    tiny.write()
    return tiny.folder / "manifest.csv"


@pytest.mark.slow
def test_the_commands_that_it_recommends_run_as_they_are(
    manifest: Path, new_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_weights("ward-seven", seed=1)
    (manifest.parent / "study.yaml").unlink()
    monkeypatch.chdir(manifest.parent)
    done = ask("init", "manifest.csv", "--positive", "ill")
    assert done.code == 0, done.err
    following = [shlex.split(line)[1:] for line in done.out.split("Next:\n")[1].splitlines()]
    assert [words[0] for words in following] == ["check", "run"]
    checked = ask(*following[0])
    assert checked.code == 0, checked.err
    assert "The positive class is ill, as positive_class in the study says." in checked.out
    ran = ask(*following[1], "--out", new_run, "--prepare-only")
    assert ran.code == 0, ran.err
    assert (new_run / "folds.csv").is_file()


def test_sizes_patients_and_reasons_in_the_file_are_those_of_the_cohort(manifest: Path) -> None:
    study, text = made(manifest, "--positive", "ill", out="first.yaml")
    assert study["classes"] == ["well", "ill"]
    assert study["preparation"] == {"preset": "radiograph", "size_px": [128, 128]}
    assert "Of all 24 scans, the height is 32 px and the width 32 px" in text
    assert "enlarged to 128 px" in text
    assert study["folds"] == {"count": 3, "repeats": 3, "seed": 7}
    assert re.search(r"The rarest class, \w+, has 12 patients: with 3 folds each tests about 4 of them", text)
    assert study["adaptation"] == {"policy": ["probe"]}, "12 patients cannot show that fine-tuning is better"
    assert "recipe" not in study
    assert text.count("Names the run folder") == 1


def test_every_key_has_a_reason_above_it(manifest: Path) -> None:
    made(manifest, "--positive", "ill", "--set", "recipe.epochs=3", out="first.yaml")
    blocks = (manifest.parent / "first.yaml").read_text(encoding="utf-8").strip().split("\n\n")
    for block in blocks[1:]:
        *reason, key = block.split("\n")
        assert all(line.startswith("# ") for line in reason), block
        assert reason, block
        assert re.match(r"\w+: ", key), block


def test_the_positive_class_is_asked_for_and_never_guessed(manifest: Path) -> None:
    done = ask("init", manifest, "--out", manifest.parent / "first.yaml")
    assert done.code == 2
    assert "Which of the two classes is looked for? They are ill (12 patients) and well (12 patients)." in done.err
    assert "Give --positive ill or --positive well" in done.err
    assert not (manifest.parent / "first.yaml").exists()
    study, _ = made(manifest, "--set", "classes=[ill, well]", out="declared.yaml")
    assert study["positive_class"] == "well", "the last of declared classes, as everywhere"
    assert study["classes"] == ["ill", "well"]
    wrong = ask("init", manifest, "--positive", "sick", "--out", manifest.parent / "first.yaml")
    assert wrong.code == 3
    assert "positive_class is 'sick', but the classes are ill, well" in wrong.err


def test_three_classes_need_no_positive_one_and_refuse_one(tiny: Any) -> None:
    for number, row in enumerate(tiny.rows):
        row["label"] = "ABC"[number % 3]
    tiny.write()
    study, _ = made(tiny.folder / "manifest.csv", out="first.yaml")
    assert study["classes"] == ["A", "B", "C"]
    assert "positive_class" not in study
    assert "evaluation" not in study, "three classes have no threshold"
    done = ask("init", tiny.folder / "manifest.csv", "--positive", "A", "--out", tiny.folder / "second.yaml")
    assert "Expected one of exactly two classes" in done.err


def test_nothing_is_written_over_and_only_yaml_is_written(manifest: Path) -> None:
    study = manifest.parent / "study.yaml"
    before = study.read_bytes()
    done = ask("init", manifest, "--positive", "ill", "--out", study)
    assert (done.code, study.read_bytes()) == (2, before)
    assert "study.yaml exists, and nothing is written over. Give --out another name" in done.err
    done = ask("init", manifest, "--positive", "ill", "--out", "study.csv")
    assert "give --out a name that ends in .yaml, not 'study.csv'" in done.err
    done = ask("init", manifest, "--set", "manifest=other.csv", "--out", manifest.parent / "first.yaml")
    assert "leave --set manifest out" in done.err
    done = ask("init", study)
    assert "is a study already. Look at it with medtl check" in done.err


def test_what_is_declared_stands_in_the_file_instead_of_a_choice(manifest: Path) -> None:
    study, text = made(
        manifest, "--positive", "ill", "--set", "folds.count=2", "--set", "preparation.preset=ultrasound",
        "--set", "covariates=[]", out="first.yaml",
    )  # fmt: skip
    assert study["folds"] == {"count": 2, "repeats": 3, "seed": 7}
    assert study["preparation"]["preset"] == "ultrasound"
    assert study["covariates"] == []
    assert "As --set says: count." in text
    assert "The preset is as --set says." in text


def test_labels_that_are_numbers_stay_the_text_that_they_are_in_the_manifest(tiny: Any) -> None:
    for number, row in enumerate(tiny.rows):
        row["label"] = str(number % 2)
    tiny.write()
    study, _ = made(tiny.folder / "manifest.csv", "--positive", "1", out="first.yaml")
    assert (study["classes"], study["positive_class"]) == (["0", "1"], "1")
    assert read_study(tiny.folder / "first.yaml").classes == ("0", "1")


def test_an_official_test_part_is_sealed_and_a_fold_column_is_used(tiny: Any) -> None:
    for number, row in enumerate(tiny.rows):
        row["official_split"] = "test" if number % 4 > 1 else "train"
    tiny.write()
    study, text = made(tiny.folder / "manifest.csv", "--positive", "ill", out="first.yaml")
    assert study["folds"]["sealed"] == "official_split"
    assert "The test part of official_split (12 cases of 12 patients) stays sealed until medtl unseal" in text
    assert "has 6 patients outside of the sealed test" in text
    checked = ask("check", tiny.folder / "first.yaml")
    assert "12 cases of 12 patients are sealed as the official test" in checked.out
    for number, row in enumerate(tiny.rows):
        row |= {"official_split": "train", "fold": str(number // 2 % 4)}
    tiny.write()
    study, text = made(tiny.folder / "manifest.csv", "--positive", "ill", out="second.yaml")
    assert study["folds"] == {"from_column": "fold"}
    official, _ = made(
        tiny.folder / "manifest.csv", "--positive", "ill", "--set", "folds.from_column=patient_id", out="third.yaml"
    )
    assert official["folds"] == {"seed": 7, "from_column": "patient_id"}


def test_too_few_patients_are_refused_before_anything_is_written(tiny: Any) -> None:
    tiny.rows = [row for number, row in enumerate(tiny.rows) if number % 2 == 0 or number < 4]
    tiny.write()
    done = ask("init", tiny.folder / "manifest.csv", "--positive", "ill", "--out", tiny.folder / "first.yaml")
    assert done.code == 3
    assert "The class ill has 2 patients" in done.err
    assert not (tiny.folder / "first.yaml").exists()


def test_the_encoder_is_one_that_is_here_or_the_way_to_get_it(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "store"))
    done = ask("init", manifest, "--positive", "ill", "--out", manifest.parent / "first.yaml")
    assert "\n  medtl weights fetch resnet18-imagenet\n" in done.out
    assert yaml.safe_load((manifest.parent / "first.yaml").read_text())["encoder"] == "resnet18-imagenet"
    store_weights("ward-seven", seed=1, research_only=True, licence="ask us")
    study, text = made(manifest, "--positive", "ill", out="second.yaml")
    assert study["encoder"] == "ward-seven"
    assert "It is here, trained on a test. Recommended for radiographs is resnet18-imagenet, which is not here" in text
    assert "Its licence is for research only: ask us." in text
    done = ask("init", manifest, "--positive", "ill", "--set", "encoder=resnet10", "--out", manifest.parent / "c.yaml")
    assert "weights" not in done.out


def test_phantom_volumes_on_turned_grids_get_the_grid_that_they_were_drawn_on(tmp_path: Path) -> None:
    (tmp_path / "volumes").mkdir()
    cohort = draw_volumes(tmp_path / "volumes", patients=8, seed=4)
    study, text = made(cohort.folder / "manifest.csv", "--positive", "ill", out="first.yaml")
    assert study["preparation"]["spacing_mm"] == [2.0, 2.0, 4.0]
    assert [round(mm) for mm in study["preparation"]["extent_mm"]] == [64, 64, 64]
    assert study["encoder"].startswith("slices-"), "spacings that differ by a factor of 2"
    assert "Every measured scan covers this grid" in text
    checked = ask("check", cohort.folder / "first.yaml")
    assert "A study can start." in checked.out


def test_a_dicom_folder_leads_to_a_study_by_the_commands_that_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(6):

        def person(dataset: Any, _slice: int, number: int = number) -> None:
            dataset.PatientID = f"P{number}"

        series(slices=6, rows=40, columns=36, uid=f"{number + 1}", seed=number, change=person).write(
            tmp_path / "pacs" / f"{number}"
        )
    done = ask("init", "pacs")
    assert done.code == 2
    assert "pacs holds 36 DICOM files, and a study is made from a manifest." in done.err
    assert "labels.csv is a table that you have or make: a line for each patient" in done.err
    take, then = (shlex.split(line)[1:] for line in done.err.splitlines() if line.startswith("  medtl"))
    rows = "".join(f"P{number},{'well' if number % 2 else 'ill'}\n" for number in range(6))
    Path("labels.csv").write_text(f"patient_id,label\n{rows}")
    assert ask(*take).code == 0
    done = ask(*then, "--positive", "ill")
    assert done.code == 0, done.err
    study = yaml.safe_load(Path("study.yaml").read_text())
    assert study["preparation"]["preset"] == "ct"
    assert study["folds"]["count"] == 3
    text = " ".join(Path("study.yaml").read_text().replace("\n# ", " ").split())
    assert "The manifest's modality is CT 6." in text
    assert ask("check", "study.yaml").code == 0


def test_a_folder_of_classes_or_with_a_manifest_gets_the_command_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{label}/p{number:02d}.png" for number in range(12) for label in ("benign", "malignant")]
    put_pictures(tmp_path / "scans", names)
    done = ask("init", "scans")
    take, then = (line.strip() for line in done.err.splitlines() if line.startswith("  medtl"))
    assert (take, then) == ("medtl intake scans --out manifest.csv", "medtl init manifest.csv")
    assert "The classes are the names of 2 folders: benign, malignant." in done.err
    done = ask("init", manifest.parent)
    assert f"There is one in it:\n  medtl init {manifest}" in done.err
    monkeypatch.chdir(tmp_path / "scans" / "benign")
    done = ask("init", tmp_path / "scans")
    assert "--out ../../manifest.csv" in done.err, "intake wants the manifest outside of the folder"
    put_pictures(tmp_path / "odd", [f"x{'abc'[number % 3]}{number}-{number % 5}.png" for number in range(30)])
    asked = ask("init", tmp_path / "odd").err
    assert ("Who the patient is was read" in asked) or ("It will ask: Who is the patient?" in asked)
    assert "There is no file or folder" in ask("init", "nowhere.json").err
    (tmp_path / "empty").mkdir()
    assert "there is nothing to take in" in ask("init", tmp_path / "empty").err


@pytest.mark.parametrize(
    ("sample", "spacing", "extent", "also"),
    [
        (volumes((30, 40, 20), (32, 44, 24), spacing=(1.0, 1.0, 1.0)), [1, 1, 1], [30, 40, 20], {"stem_stride"}),
        (volumes((90, 80, 90), spacing=(1.0, 1.0, 1.0)), [1, 1, 1], [90, 80, 90], set()),
        (volumes((512, 512, 300), spacing=(0.7, 0.7, 1.0)), [1.4, 1.4, 2.4], [357, 357, 300], set()),
        (volumes((24, 256, 256), spacing=(5.0, 0.9, 0.9)), [5, 0.9, 0.9], [120, 230.4, 230.4], {"planes"}),
    ],
    ids=["small patch", "isotropic", "whole CT", "sagittal MR"],
)
def test_the_grid_follows_from_sizes_and_spacings(
    sample: ScanSample, spacing: list[float], extent: list[float], also: set[str]
) -> None:
    prepared = preparation_of(sample, "mr", "")
    value = prepared.choice.value
    assert isinstance(value, dict)
    assert value["spacing_mm"] == pytest.approx(spacing)
    assert value["extent_mm"] == pytest.approx(extent, rel=0.02)
    further = prepared.volumes.value if prepared.volumes else {}
    assert isinstance(further, dict)
    assert further.keys() == also
    assert further.get("planes", ["sagittal"]) == ["sagittal"]


def test_scans_that_differ_much_get_the_median_and_a_warning() -> None:
    prepared = preparation_of(volumes((100, 100, 20), (100, 100, 90), (100, 100, 100), spacing=(1, 1, 1)), "ct", "")
    value = prepared.choice.value
    assert isinstance(value, dict)
    assert value["extent_mm"] == [100.0, 100.0, 90.0]
    assert "Smaller ones get a black margin, which may give the class away" in prepared.choice.reason


def test_the_kind_of_scan_is_read_from_modality_or_values_and_never_mixed() -> None:
    volume = volumes((9, 9, 9), spacing=(1, 1, 1))
    assert preset_of(volume, ["MR", "MR", ""])[0] == "mr"
    assert preset_of(volume, ["T1w"])[0] == "mr"
    assert preset_of(volumes((9, 9, 9), spacing=(1, 1, 1), low=-1000.0), [])[0] == "ct"
    assert preset_of(volume, [])[0] == "mr"
    mask = ScanSample((MeasuredScan((9, 9), None, False, True, 0.0, 1.0),), 1)
    colour = ScanSample((MeasuredScan((9, 9), None, True, False, 0.0, 255.0),), 1)
    assert [preset_of(sample, [])[0] for sample in (mask, colour)] == ["mask", "photograph"]
    with pytest.raises(DataRefused, match=r"The manifest's modalities are of several kinds \(CT 2, MR 1\)"):
        preset_of(volume, ["CT", "MR", "CT"])


def test_pictures_among_volumes_and_a_cohort_of_unreadable_files_are_refused(tmp_path: Path, manifest: Path) -> None:
    (tmp_path / "volumes").mkdir()
    cohort = draw_volumes(tmp_path / "volumes", patients=4, seed=4)
    put_pictures(cohort.folder, ["a.png", "b.png"])
    table = cohort.folder / "manifest.csv"
    header, *rows = table.read_text().strip().split("\n")
    image = header.split(",").index("image")
    for number, name in enumerate(("a.png", "b.png")):
        cells = rows[number].split(",")
        cells[image] = name
        rows[number] = ",".join(cells)
    table.write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(DataRefused, match="2 are volumes and 2 are pictures; a study is of one kind"):
        write_starter(table, out=tmp_path / "a.yaml", positive="ill")
    for scan in (manifest.parent / "scans").iterdir():
        scan.write_bytes(b"")
    with pytest.raises(
        DataRefused, match=r"None of the scans could be read; the first, manifest line \d+: The file is"
    ):
        write_starter(manifest, out=tmp_path / "a.yaml", positive="ill")


def test_lengths_keep_two_digits_that_count() -> None:
    assert [tidy(0.9375), tidy(3.27), tidy(1.0), tidy(0.0)] == [0.94, 3.3, 1.0, 0.0]
    drawn = np.random.default_rng(1).uniform(0.01, 40, 200)
    assert all(length <= tidy(length, upwards=True) <= 1.101 * length for length in drawn)


@pytest.mark.real_data
@pytest.mark.skipif(not (SHARED / "data" / "msd_hippocampus").is_dir(), reason="no real scans beside the checkout")
def test_real_hippocampi_get_the_grid_that_people_chose_by_hand(tmp_path: Path) -> None:
    out = tmp_path / "study.yaml"
    write_starter(SHARED / "data" / "msd_hippocampus" / "manifest.csv", out=out, positive="large")
    study = read_study(out)
    assert study.preparation.extent_mm == (31.0, 40.0, 24.0), "as pipelines/hippocampus_volume.py"
    assert study.preparation.preset == "mr"
    assert study.manifest.is_file()


@pytest.mark.real_data
@pytest.mark.skipif(not (SHARED / "data" / "kermany_cxr_224").is_dir(), reason="no real scans beside the checkout")
def test_real_radiographs_get_a_sealed_test_and_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medtl.study.scan_sample.MOST_SCANS", 40)
    out = tmp_path / "study.yaml"
    write_starter(SHARED / "data" / "kermany_cxr_224" / "manifest.csv", out=out, positive="PNEUMONIA")
    study = read_study(out)
    assert study.folds.sealed == "split", "as pipelines/pneumonia_radiographs.py"
    assert (study.preparation.preset, study.preparation.size_px) == ("radiograph", (224, 224))
    assert study.classes == ("NORMAL", "PNEUMONIA")
