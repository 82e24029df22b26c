"""Labels find their case, one case for each patient is chosen by its owner, and a stopped intake goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import series

from medtl.intake import conversion, convert_cases

Intake = Callable[..., Any]


def archive(folder: Path, *, patients: int = 4, slices: int = 6) -> Path:
    """A series for each patient, and a second one for the first."""
    for number in range(patients + 1):

        def change(dataset: pydicom.Dataset, _k: int, number: int = number) -> None:
            dataset.PatientID = f"MRN-{number % patients}"
            dataset.StudyInstanceUID = f"1.2.826.0.3.{number % patients + 1}"

        series(slices=slices, uid=f"{number + 1}", seed=number, change=change).write(folder / f"s{number}")
    return folder


def labels_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_labels_of_patients_go_to_every_series_and_unmatched_rows_are_reported(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    labels = labels_file(
        tmp_path,
        "patient_id;label;age_years;phone\nMRN-0;ill;61;tel-555\nMRN-1;healthy;;tel-556\nMRN-9;ill;3;tel-557\n",
    )
    taken = intake(folder, "--labels", labels)
    labelled = sorted(
        (taken.links[row["case_id"]]["original_patient_id"], row["label"], row["age_years"]) for row in taken.cases
    )
    assert labelled == [
        ("MRN-0", "ill", "61"),
        ("MRN-0", "ill", "61"),
        ("MRN-1", "healthy", ""),
        ("MRN-2", "", ""),
        ("MRN-3", "", ""),
    ]
    assert "1 row matches no accepted case: the table of labels, line 4." in taken.notes
    assert "2 of 5 cases have no row in the table of labels and so no label." in taken.notes
    assert "1 further columns of the table of labels were left behind, as they may name a person." in taken.notes
    assert "tel-" not in taken.manifest.read_text()


def test_two_series_where_one_is_wanted_are_refused_with_what_to_do(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    plain = intake(folder)
    assert any("1 patient has several cases (up to 2)" in note and "--one-per-patient" in note for note in plain.notes)
    taken = intake(folder, "--one-per-patient")
    assert len(taken.cases) == len({row["patient_id"] for row in taken.cases}) == 3
    assert [row["reason"] for row in taken.refusals] == ["several_series"] * 2
    assert (
        "The patient has 2 cases where one is wanted. Choose with --labels, by a column series_uid"
        in (taken.refusals[0]["detail"])
    )
    assert taken.counts == (30, 18, 12)
    assert taken.page.count("several_series") == 4
    chosen = intake(folder, "--one-per-patient", "--labels", labels_file(tmp_path, "folder,label\ns4,ill\n"))
    assert len(chosen.cases) == 4
    assert [row["reason"] for row in chosen.refusals] == ["not_chosen"]
    assert chosen.source_names(next(row for row in chosen.cases if row["label"] == "ill"))


def test_faulty_label_files_are_refused_in_one_message(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    faulty = labels_file(tmp_path, "patient_id,label\nMRN-0,ill\n,healthy\nMRN-0,healthy\n")
    message = intake(folder, "--labels", faulty, code=3).stderr
    assert "The table labels.csv has 2 faulty lines (the header is line 1)" in message
    assert "line 3: column patient_id is empty" in message
    assert "line 4: says something else of the same patient_id than line 2" in message
    assert "nothing was written" in message
    message = intake(folder, "--labels", labels_file(tmp_path, "who,what\na,b\n"), code=3).stderr
    assert "needs a column 'label' and one of case, case_id, image, file," in message
    assert "It has: who, what." in message
    message = intake(folder, "--labels", labels_file(tmp_path, "patient_id,label\nMRN-0,ill,x\n"), code=3).stderr
    assert "has 1 row with another number of cells than its header (2), line 2. Put quotes around cells" in message
    assert not (tmp_path / "study").exists()


def beside(manifest: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(manifest.parent)): path.read_bytes()
        for path in sorted(manifest.parent.rglob("*"))
        if path.is_file() and path.suffix != ".jsonl"
    }


@pytest.mark.parametrize("after", [1, 3])
def test_an_intake_that_is_stopped_goes_on_to_the_same_manifest(
    after: int, tmp_path: Path, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = archive(tmp_path / "pacs")
    whole = intake(folder, out=tmp_path / "whole" / "manifest.csv")
    done = []
    convert = conversion.convert

    def stopped(*args: Any, **options: Any) -> Any:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(options["case_id"])
        return convert(*args, **options)

    monkeypatch.setattr(convert_cases, "convert", stopped)
    message = intake(folder, "--workers", 1, code=4).stderr
    assert "Stopped. What was converted is kept: the same command goes on where it was stopped." in message
    assert not (tmp_path / "study" / "manifest.csv").exists()

    def counted(*args: Any, **options: Any) -> Any:
        again.append(options["case_id"])
        return convert(*args, **options)

    again: list[str] = []
    monkeypatch.setattr(convert_cases, "convert", counted)
    resumed = intake(folder)
    assert len(again) == 5 - after
    assert not set(again) & set(done)
    assert beside(resumed.manifest) == beside(whole.manifest)


@pytest.mark.slow
def test_a_process_that_is_killed_or_terminated_leaves_what_the_next_one_needs(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs", patients=30, slices=20)
    whole = intake(folder, out=tmp_path / "whole" / "manifest.csv")
    manifest = tmp_path / "study" / "manifest.csv"
    command = [sys.executable, "-m", "medtl", "intake", str(folder), "--out", str(manifest)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)) as process:
            record = manifest.with_name("manifest.intake.jsonl")
            before = record.stat().st_size if record.is_file() else 0
            deadline = time.monotonic() + 600
            while time.monotonic() < deadline and process.poll() is None:
                if record.is_file() and record.stat().st_size > before:
                    break
                time.sleep(0.002)
            process.send_signal(number)
            process.wait(timeout=600)
            assert process.returncode in (4 if number == signal.SIGTERM else -number, 0)
    resumed = intake(folder)
    assert beside(resumed.manifest) == beside(whole.manifest)
    assert not list(manifest.parent.rglob("*.part"))


def test_a_scan_that_was_changed_or_lost_is_made_again(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    first = intake(folder)
    made = [first.manifest.parent / row["image"] for row in first.cases]
    contents = [path.read_bytes() for path in made]
    made[0].unlink()
    made[1].write_bytes(contents[1][:-1] + b"x")
    intake(folder)
    assert [path.read_bytes() for path in made] == contents


def test_a_manifest_into_which_labels_were_typed_is_not_overwritten(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    taken = intake(folder)
    intake(folder)
    typed = taken.manifest.read_text().replace("gz,,CT", "gz,ill,CT", 1)
    taken.manifest.write_text(typed)
    message = intake(folder, code=2).stderr
    assert "manifest.csv exists and is not as an intake left it: labels that were typed in would be lost." in message
    assert taken.manifest.read_text() == typed
    intake(folder, "--replace")
    assert "gz,ill,CT" not in taken.manifest.read_text()


def test_the_order_and_number_of_workers_change_nothing(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    one = intake(folder, "--workers", 1, out=tmp_path / "one" / "manifest.csv")
    four = intake(folder, "--workers", 4, out=tmp_path / "four" / "manifest.csv")
    assert beside(one.manifest) == beside(four.manifest)


def test_copies_of_a_file_are_used_once(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    file = next((folder / "s1").iterdir())
    (folder / "s1" / "zz-copy").write_bytes(file.read_bytes())
    taken = intake(folder)
    assert len(taken.cases) == 5
    assert [(row["reason"], row["detail"]) for row in taken.refusals] == [
        ("copy", "Another file has the same bytes; one of them is used.")
    ]
    assert taken.counts == (31, 30, 1)
    assert np.all([row["image"] for row in taken.cases])
