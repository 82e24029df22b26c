"""The whole way through the command line with everything that can be wrong: each ends in its exit code and a letter."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFile

pytestmark = pytest.mark.usefixtures("own_places")

Told = Any
Medtl = Callable[..., Told]
Process = Callable[..., subprocess.Popen[str]]
Run = tuple[Path, Path]
"""A study and the folder of its run."""

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn: the pages are held against those of a process of its own."""


def predictions(run: Path) -> bytes:
    return (run / "predictions.csv").read_bytes()


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def said_on(page: Path) -> str:
    """What a page says, without its marks."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")).split())


def copied(run: Path, to: Path) -> Path:
    """A copy of a run; weights are linked, since nothing writes into them in place."""

    def place(source: str, target: str) -> None:
        (os.link if source.endswith(".safetensors") else shutil.copy2)(source, target)

    shutil.copytree(run, to, copy_function=place)
    return to


# The manifest


def rename_label(tiny: Any) -> None:
    tiny.rows = [{("diagnosis" if key == "label" else key): cell for key, cell in row.items()} for row in tiny.rows]


def repeat_an_id(tiny: Any) -> None:
    tiny.rows[5]["case_id"] = tiny.rows[3]["case_id"]


def misspell_a_label(tiny: Any) -> None:
    tiny.rows[5]["label"] = "il"


def leave_one_class(tiny: Any) -> None:
    tiny.rows = tiny.rows[::2]


def leave_two_ill_patients(tiny: Any) -> None:
    tiny.rows = [*tiny.rows[::2], *tiny.rows[1:5:2]]


def lead_outside(tiny: Any) -> None:
    tiny.rows[0]["image"] = "../outside.png"


def lead_to_the_systems_files(tiny: Any) -> None:
    tiny.rows[0]["image"] = "/etc/passwd"


def name_an_image_twice(tiny: Any) -> None:
    tiny.rows[1]["image"] = tiny.rows[0]["image"]


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (rename_label, "lacks 1 column:\n  'label' for the label\nIt has: case_id, patient_id, image, diagnosis"),
        (repeat_an_id, "line 7: the id in case_id is already used in line 5"),
        (misspell_a_label, "line 7: the label 'il' is not one of well, ill; did you mean 'ill'?"),
        (leave_one_class, "holds 'well' (12 cases), but no case has the label 'ill'"),
        (leave_two_ill_patients, "The class ill has 2 patients, and 2 folds need at least 3 of each class"),
        (lead_outside, "line 2: the image path in image leads out of the data root"),
        (lead_to_the_systems_files, "line 2: the image path in image leads out of the data root"),
        (name_an_image_twice, "line 3: the image in image is the same file as in line 2"),
    ],
)
def test_a_manifest_that_cannot_carry_the_study_is_refused_with_3(
    tiny: Any, medtl: Medtl, tmp_path: Path, verb: str, spoil: Callable[[Any], None], told: str
) -> None:
    spoil(tiny)
    study = tiny.write(classes=["well", "ill"])
    answer = medtl(verb, study, *(["--out", tmp_path / "run"] if verb == "run" else []))
    assert answer.code == 3
    assert told in answer.err
    assert "Meier" not in answer.err, "a letter names lines, not patients"
    assert not (tmp_path / "run" / "predictions.csv").exists()


# The study


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "recipe.epcohs=3"], "recipe.epcohs: no such key; did you mean epochs?"),
        (["--set", "recipe.epochs=many"], "recipe.epochs: Input should be a valid integer"),
        (["--set", "recipe"], "--set takes key=value"),
        (["--limit-patients", "0"], "limit_patients: Input should be greater than or equal to 1; got 0"),
        (["--device", "tpu"], "--device is auto, cpu, cuda or a GPU by its number, such as cuda:1; got 'tpu'"),
        (["--set", "manifest=nothing.csv"], "The manifest nothing.csv does not exist"),
        (["--set", "data_root=nowhere"], "The data root 'nowhere' is not a folder"),
        (["--set", "adaptation.policy=scratch", "--set", "recipe.batch_size=1"], "recipe.batch_size is 1"),
        (["--set", "adaptation.policy=scratch", "--set", "recipe.micro_batch_size=1"], "recipe.micro_batch_size is 1"),
        (["--set", "encoder=resnet81"], "The encoder 'resnet81' is not known. Did you mean resnet18"),
        (["--set", "encoder=../resnet18"], "cannot be the name of an encoder"),
        (["--set", "question=!!python/object/apply:os.system [ls]"], "could not determine a constructor"),
    ],
)
def test_a_setting_that_does_not_exist_or_fit_is_refused_with_2_before_anything_is_written(
    tiny: Any, medtl: Medtl, tmp_path: Path, words: list[str], told: str
) -> None:
    answer = medtl("run", tiny.write(), "--out", tmp_path / "run", *words)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert not (tmp_path / "run").exists()


def test_all_faults_of_a_study_file_stand_in_one_letter(tiny: Any, medtl: Medtl, tmp_path: Path) -> None:
    study = tiny.write(recpie={}, resamples="lots", folds={"count": 1})
    answer = medtl("run", study, "--out", tmp_path / "run")
    assert answer.code == 2
    assert "medtl: study.yaml has 3 faults; nothing was started:" in answer.err
    for told in ("recpie: no such key; did you mean recipe?", "got 'lots'", "folds.count: Input should be greater"):
        assert told in answer.err


# The scans


def png_of_zeros(width: int, height: int) -> bytes:
    """A one-bit PNG of any size in a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    lines = zlib.compress(bytes((1 + (width + 7) // 8) * height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def spoilt(folder: Path) -> dict[str, str]:
    """Write a file for each way in which a scan can be useless: name -> the reason expected."""
    nothing = np.full((32, 32), np.nan, np.float32)
    (folder / "cut short.png").write_bytes((folder / "Aufnahme-01.png").read_bytes()[:300])
    (folder / "leer.png").write_bytes(b"")
    (folder / "13000.png").write_bytes(png_of_zeros(13_000, 13_000))
    (folder / "Aufsatz.png").write_text("no image")
    Image.fromarray(np.full((32, 32), 7, np.uint8)).save(folder / "constant.png")
    Image.fromarray(nothing).save(folder / "nan.tif")
    nibabel.save(nibabel.Nifti1Image(nothing, np.eye(4)), folder / "nan.nii.gz")
    return {
        "cut short.png": "truncated",
        "leer.png": "empty_file",
        "13000.png": "too_large",
        "Aufsatz.png": "unsupported_format",
        "constant.png": "constant",
        "nan.tif": "all_nan",
        "nan.nii.gz": "all_nan",
        "absent.png": "missing_file",
    }


def unusual(folder: Path) -> dict[str, str]:
    """Write a scan of each unusual but honest kind: name -> what the lock says was done about it."""
    grey = [np.asarray(Image.open(folder / f"Aufnahme-{number:02d}.png")) for number in range(8)]
    opaque = np.full_like(grey[1], 255)
    Image.fromarray(grey[0].astype(np.uint16) * 256 + 7).save(folder / "sixteen bits.png")
    Image.fromarray(np.dstack([grey[1][::-1]] * 3 + [opaque])).save(folder / f"<script>{chr(39)}ö{chr(34)}.png")
    Image.fromarray(grey[2][::-1]).convert("P").save(folder / "palette.png")
    Image.fromarray(np.dstack([grey[3][::-1]] * 3)).convert("CMYK").save(folder / "cmyk.jpg")
    return {
        "sixteen bits.png": "",
        f"<script>{chr(39)}ö{chr(34)}.png": "transparency laid on black",
        "palette.png": "palette turned into RGB",
        "cmyk.jpg": "CMYK turned into RGB",
    }


@pytest.fixture(scope="module")
def difficult(
    tmp_path_factory: pytest.TempPathFactory, new_cohort: Callable[[Path], Any], medtl: Medtl, own_places: None
) -> Run:
    """A study under the manifest's own ids, whose labels, ids and file names are odd and whose scans are mixed."""
    folder = tmp_path_factory.mktemp("difficult")
    tiny = new_cohort(folder / "data ä'")
    for row in tiny.rows:
        row["label"] = {"well": SCRIPT, "ill": "k\"r\"änk & 'blass' $x$"}[row["label"]]
    both = [tiny.rows[0]["label"], tiny.rows[1]["label"]]
    for number, name in enumerate([*spoilt(tiny.folder / "scans"), *unusual(tiny.folder / "scans")]):
        row = {
            "case_id": f"{SCRIPT} {number}",
            "patient_id": f'O\'Neil, "Änne" {number}',
            "image": f"scans/{name}",
            "label": both[number % 2],
        }
        tiny.rows.append(row)
    tiny.rows[2]["patient_id"] = tiny.rows[3]["patient_id"] = "=zwei <b>Befunde</b>"
    study, run = tiny.write(identifiers="as_in_manifest", positive_class=both[1]), folder / "run <ä>"
    told = medtl("run", study, "--out", run)
    assert told.code == 0, told.err
    return study, run


@pytest.mark.slow
def test_each_useless_scan_is_left_out_by_name_and_the_study_goes_on(difficult: Run) -> None:
    study, run = difficult
    by_name = {Path(row["image"]).name: row["case_id"] for row in cells(study.parent / "manifest.csv")}
    expected = {by_name[name]: reason for name, reason in spoilt(study.parent / "scans").items()}
    left_out = cells(run / "exclusions.csv")
    assert {row["case_id"]: row["reason"] for row in left_out} == expected
    assert any("13000 x 13000 = 169,000,000 pixels; at most 100,000,000" in row["detail"] for row in left_out)
    assert "36 files found 8 left out 2 all nan" in said_on(run / "report.html")
    tested = {row["case_id"] for row in cells(run / "predictions.csv") if row["role"] == "test"}
    assert tested == set(by_name.values()) - set(expected)


@pytest.mark.slow
def test_a_scan_of_an_unusual_kind_is_studied_and_what_was_done_to_it_is_written_down(difficult: Run) -> None:
    study, run = difficult
    by_name = {Path(row["image"]).name: row["case_id"] for row in cells(study.parent / "manifest.csv")}
    notes = {row["case_id"]: row["notes"] for row in cells(run / "manifest.lock.csv")}
    for name, done in unusual(study.parent / "scans").items():
        assert done in notes[by_name[name]]


def test_a_picture_of_13000_by_13000_is_refused_without_decoding_it(
    tiny: Any, medtl: Medtl, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny.folder / "scans" / "13000.png").write_bytes(png_of_zeros(13_000, 13_000))
    tiny.rows[0]["image"] = "scans/13000.png"
    load, decoded = ImageFile.ImageFile.load, set()

    def note(image: ImageFile.ImageFile) -> object:
        decoded.add(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", note)
    answer = medtl("check", tiny.write())
    assert answer.code == 0
    assert "too_large: 1" in answer.out
    assert decoded == {(32, 32)}


@pytest.mark.slow
def test_no_label_id_or_file_name_becomes_part_of_a_page(difficult: Run) -> None:
    _, run = difficult
    pages = {page.relative_to(run).as_posix(): page.read_text(encoding="utf-8") for page in run.rglob("*.html")}
    assert sorted(pages) == ["fold_0/report.html", "fold_1/report.html", "report.html", "summary.html"]
    for page in pages.values():
        assert "<script" not in page.lower()
        assert "<b>Befunde" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.slow
def test_odd_names_come_back_from_the_tables_as_they_were(difficult: Run) -> None:
    study, run = difficult
    said = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    given = {row["case_id"]: row for row in cells(study.parent / "manifest.csv")}
    for case_id, patient, truth in zip(said["case_id"], said["patient_id"], said["truth"], strict=True):
        assert patient.removeprefix("'") == given[case_id]["patient_id"]
        assert truth == given[case_id]["label"]
    raw = (run / "predictions.csv").read_text(encoding="utf-8")
    assert "'=zwei <b>Befunde</b>" in raw
    assert ",=zwei" not in raw, "a spreadsheet would take it for a formula"


@pytest.mark.slow
def test_a_patient_with_two_labels_is_allowed_kept_on_one_side_and_told(difficult: Run) -> None:
    _, run = difficult
    (note,) = (note for note in json.loads((run / "cohort.json").read_text())["notes"] if "more than one" in note)
    assert note.startswith("1 patient has cases of more than one class (first seen in manifest line 4)")
    assert note in (run / "report.html").read_text(encoding="utf-8")
    both = [row for row in cells(run / "folds.csv") if row["patient_id"].endswith("Befunde</b>")]
    assert len({row["label"] for row in both}) == 2
    for fold in ("0", "1"):
        assert len({row["role"] for row in both if row["fold"] == fold}) == 1


# The encoder


@pytest.fixture
def own_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weight store with one encoder, own-resnet10; gives its folder."""
    from medtl.encoders import WeightStore, build_untrained, find_encoder

    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "store"))
    bare = find_encoder("resnet10")
    card = bare.model_copy(update={"name": "own-resnet10", "needs_weights": True})
    WeightStore.from_environment().save(build_untrained(bare, seed=1).tensors(), card)
    return tmp_path / "store" / "own-resnet10"


def test_absent_weights_are_told_with_where_to_get_them_and_how_to_take_them_in(
    tiny: Any, medtl: Medtl, tmp_path: Path
) -> None:
    answer = medtl("run", tiny.write(encoder="resnet18-imagenet"), "--out", tmp_path / "run")
    assert answer.code == 2
    for told in (
        "The weights of the encoder resnet18-imagenet are not on this machine",
        "https://huggingface.co/timm/resnet18.a1_in1k (model.safetensors)",
        "licence: Apache-2.0",
        "medtl weights import FILE --as resnet18-imagenet",
    ):
        assert told in answer.err
    assert not (tmp_path / "run").exists()


def test_one_flipped_byte_in_stored_weights_is_refused_with_7_and_both_hashes(
    own_encoder: Path, tiny: Any, medtl: Medtl, tmp_path: Path
) -> None:
    assert medtl("weights", "verify", "own-resnet10").code == 0
    weights = own_encoder / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    expected = json.loads((own_encoder / "card.json").read_text())["sha256"]
    for words in (
        ("run", tiny.write(encoder="own-resnet10"), "--out", tmp_path / "run"),
        ("weights", "verify", "own-resnet10"),
    ):
        answer = medtl(*words)
        assert answer.code == 7
        assert re.search(f"damaged or was exchanged: expected sha256 {expected}, got [0-9a-f]{{64}}", answer.err)
        assert "It was not used" in answer.err
    assert not (tmp_path / "run").exists()


def test_weights_of_another_shape_are_refused_when_taken_in_and_when_used(
    own_encoder: Path, tiny: Any, medtl: Medtl, tmp_path: Path
) -> None:
    taken = medtl("weights", "import", own_encoder / "weights.safetensors", "--as", "resnet18-imagenet")
    assert taken.code == 2
    assert "does not fit resnet18-imagenet, a resnet18" in taken.err
    assert "It looks like a resnet10" in taken.err
    assert not (own_encoder.parent / "resnet18-imagenet").exists()
    card = own_encoder / "card.json"
    card.write_text(card.read_text().replace('"architecture": "resnet10"', '"architecture": "resnet18"'))
    used = medtl("run", tiny.write(encoder="own-resnet10"), "--out", tmp_path / "run")
    assert used.code == 7
    assert "The stored weights of own-resnet10 do not fit its card, a resnet18" in used.err


# The run folder


def test_a_run_folder_in_use_is_refused_with_6_and_left_as_it_was(tiny: Any, medtl: Medtl, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    hold = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(tmp_path / "run" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        answer = medtl("run", tiny.write(), "--out", tmp_path / "run")
        assert other.stdin is not None
        other.stdin.close()
    assert answer.code == 6
    assert "medtl: Another process is working in run. Wait for it, or choose another folder with --out" in answer.err
    assert [entry.name for entry in (tmp_path / "run").iterdir()] == [".lock"]


@pytest.mark.slow
def test_a_finished_run_is_not_overwritten_and_not_taken_for_another_study(unbroken: Run, medtl: Medtl) -> None:
    study, run = unbroken
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.name != ".lock"}
    again = medtl("run", study, "--out", run)
    assert again.code == 2
    assert "already holds a run. Add --resume" in again.err
    other = medtl("run", study, "--out", run, "--resume", "--set", "recipe.epochs=3")
    assert other.code == 2
    assert "run holds a run of another study" in other.err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.name != ".lock"} == before


def test_a_file_in_place_of_the_run_folder_is_refused_with_2(tiny: Any, medtl: Medtl, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    answer = medtl("run", tiny.write(), "--out", tmp_path / "taken")
    assert answer.code == 2
    assert "taken cannot be used as a run folder" in answer.err
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.usefixtures("no_pages")
def test_a_fold_that_was_changed_is_refused_with_7_and_made_anew_to_the_same_bytes(
    unbroken: Run, medtl: Medtl, new_run: Path
) -> None:
    study, whole = unbroken
    run = copied(whole, new_run)
    table = run / "fold_0" / "predictions.csv"
    table.write_text(table.read_text().replace("0.", "0.9", 1))
    refused = medtl("run", study, "--out", run, "--resume")
    assert refused.code == 7
    assert "fold_0/predictions.csv is not what the fold wrote" in refused.err
    assert "Delete fold_0 and run again with --resume" in refused.err
    shutil.rmtree(run / "fold_0")
    assert medtl("run", study, "--out", run, "--resume").code == 0
    assert predictions(run) == predictions(whole)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pages")
def test_a_run_goes_on_where_its_data_were_moved_to_but_not_with_another_scan(
    unbroken: Run, medtl: Medtl, new_run: Path, tmp_path: Path
) -> None:
    study, whole = unbroken
    run, data = copied(whole, new_run), Path(shutil.copytree(study.parent, tmp_path / "data"))
    scan = data / "scans" / "Aufnahme-05.png"
    original = scan.read_bytes()
    digest = hashlib.sha256(original).hexdigest()
    (case_id,) = (row["case_id"] for row in cells(run / "manifest.lock.csv") if row["sha256"] == digest)
    Image.fromarray(255 - np.asarray(Image.open(scan))).save(scan)
    changed = medtl("run", data / "study.yaml", "--out", run, "--resume")
    assert changed.code == 7
    assert f"1 scan has changed since this run began, first case {case_id}" in changed.err
    assert (run / "manifest.lock.csv").read_bytes() == (whole / "manifest.lock.csv").read_bytes()
    scan.write_bytes(original)
    assert medtl("run", data / "study.yaml", "--out", run, "--resume").code == 0
    assert predictions(run) == predictions(whole)


@pytest.mark.slow
def test_nothing_in_a_run_folder_names_a_patient_a_case_a_file_or_a_place(unbroken: Run) -> None:
    study, run = unbroken
    links = list((Path(os.environ["MEDTL_HOME"]) / "links").glob("tiny-m-*.csv"))
    assert any("Meier-00" in table.read_text() for table in links), "they are in the private folder"
    names = [b"Meier", b"Befund", b"Aufnahme", b"manifest.csv", os.fsencode(study.parent.parent)]
    assert "/" not in (run / "study.yaml").read_text()
    for path in run.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            assert not [name for name in names if name in path.read_bytes()], path.name


# Stopping and going on


def stopped(process: subprocess.Popen[str], by: signal.Signals, *, after: str) -> str:
    """Send a signal once a line has been said; gives what was said from there on."""
    assert process.stderr is not None
    with process:
        for line in process.stderr:
            if after in line:
                process.send_signal(by)
                break
        return process.stderr.read()


@pytest.mark.slow
@pytest.mark.usefixtures("no_pages")
def test_a_run_stopped_by_sigint_and_again_by_sigterm_ends_with_4_and_goes_on_to_the_same_bytes(
    unbroken: Run, medtl: Medtl, medtl_process: Process, new_run: Path
) -> None:
    study, whole = unbroken
    for fold, number in enumerate((signal.SIGINT, signal.SIGTERM)):
        process = medtl_process("run", study, "--out", new_run, *(["--resume"] if fold else []))
        told = stopped(process, number, after=f"fold {fold}, scratch: epoch 1 of 2")
        assert process.returncode == 4, told
        assert "medtl: Stopped. Finished folds and epochs are kept: the same command with --resume goes on." in told
        assert "Traceback" not in told
        assert not (new_run / f"fold_{fold}" / "DONE.json").exists()
        last = json.loads((new_run / "events.jsonl").read_text().splitlines()[-1])
        assert (last["event"], last["part"], last["error"]) == ("stopped", f"fold {fold}", "KeyboardInterrupt")

    resumed = medtl("run", study, "--out", new_run, "--resume")
    assert resumed.code == 0, resumed.err
    assert "scratch: epoch 1" not in resumed.err, "no finished epoch is done again"
    assert predictions(new_run) == predictions(whole)
    assert _learnt(new_run) == _learnt(whole)


def _learnt(run: Path) -> list[dict[Any, list[Any]]]:
    """The losses of every epoch of both folds."""
    tables = (pd.read_csv(run / f"fold_{fold}" / "history.csv").drop(columns="seconds") for fold in (0, 1))
    return [table.to_dict("list") for table in tables]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pages")
def test_a_full_disk_ends_with_5_and_with_more_space_the_run_goes_on_to_the_same_bytes(
    unbroken: Run, medtl: Medtl, small_disk: Any
) -> None:
    study, whole = unbroken
    run = small_disk.folder / "run"
    full = medtl("run", study, "--out", run)
    assert full.code == 5
    told = re.search(r"medtl: No space left while saving state-0\.safetensors: ([\d,]+) bytes needed", full.err)
    assert told, full.err
    assert int(told[1].replace(",", "")) > 70_000_000, "weights, their average and two moments of 4.9 million"
    assert "Free some space and run again with --resume" in full.err
    assert not [path.name for path in run.rglob(".*") if path.name != ".lock"], "no half-written file is left"

    small_disk.more_space()
    resumed = medtl("run", study, "--out", run, "--resume")
    assert resumed.code == 0, resumed.err
    assert "fold 0, scratch: epoch 1" not in resumed.err
    assert predictions(run) == predictions(whole)


# The same again


@pytest.mark.slow
@pytest.mark.usefixtures("no_pages")
def test_the_study_of_a_run_folder_runs_again_to_the_same_bytes(unbroken: Run, medtl: Medtl, new_run: Path) -> None:
    _, whole = unbroken
    told = medtl("run", whole / "study.yaml", "--out", new_run)
    assert told.code == 0, told.err
    assert predictions(new_run) == predictions(whole)
    marks = [json.loads((run / "environment.json").read_text())["fingerprint"] for run in (whole, new_run)]
    assert marks[0] == marks[1]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pages")
def test_the_number_of_loading_processes_changes_no_byte(unbroken: Run, medtl: Medtl, new_run: Path) -> None:
    study, whole = unbroken
    told = medtl("run", study, "--out", new_run, "--set", "recipe.loading_workers=2")
    assert told.code == 0, told.err
    assert predictions(new_run) == predictions(whole)


@pytest.mark.slow
def test_pages_are_rebuilt_to_the_same_bytes_where_torch_and_monai_cannot_be_imported(
    unbroken: Run, medtl_without_torch: Process, new_run: Path
) -> None:
    run = copied(unbroken[1], new_run)
    pages = sorted(run.rglob("report.html"))
    before = [page.read_bytes() for page in pages]
    for page in pages:
        page.unlink()
    with medtl_without_torch("report", run) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert sorted(out.splitlines()) == [str(page) for page in pages]
    assert [page.read_bytes() for page in pages] == before


def test_verifying_the_store_goes_on_after_a_damaged_encoder_and_names_every_one(
    own_encoder: Path, medtl: Medtl
) -> None:
    from medtl.encoders import WeightStore, build_untrained, find_encoder

    bare = find_encoder("resnet10").model_copy(update={"needs_weights": True})
    for name in ("a-whole", "z-torn"):
        card = bare.model_copy(update={"name": name})
        WeightStore.from_environment().save(build_untrained(bare, seed=2).tensors(), card)
    (own_encoder / "card.json").write_text("{")
    (own_encoder.parent / "z-torn" / "weights.safetensors").unlink()
    answer = medtl("weights", "verify")
    assert answer.code == 7
    assert "a-whole: as on its card" in answer.out
    assert re.search(r"own-resnet10/card\.json cannot be read", answer.err)
    assert re.search(r"The card of z-torn is there, but .*weights\.safetensors is not", answer.err)
