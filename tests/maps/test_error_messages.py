"""What cannot be exported is named with its reason, and the rest goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from dicom_phantom import CR, Phantom, as_bytes, enhanced, image, series
from typer.testing import CliRunner

from medtl.cli import app
from medtl.cohort import pseudonyms, read_manifest
from medtl.files import read_csv, write_csv
from medtl.record.run_folder import RunFolder

Export = Callable[..., Any]


def add(made: Any, name: str, **options: Any) -> Phantom:
    """A case that can be exported."""
    phantom = series(uid=str(len(made.manifest) + 1), seed=len(made.manifest))
    phantom.write(made.root / "scans" / name)
    made.volume(name, f"scans/{name}", values=np.ones(phantom.values.shape), affine=phantom.affine, **options)
    return phantom


def taken_in(made: Any, folder: Path, *options: str) -> list[dict[str, str]]:
    """The cases that `medtl intake` made of a folder."""
    out = made.root / "intake" / "manifest.csv"
    done = CliRunner().invoke(app, ["intake", str(folder), "--out", str(out), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return [
        {str(key): str(value) for key, value in row.items()}
        for row in read_csv(out, text_columns=("case_id", "image")).to_dict("records")
    ]


def of_intake(made: Any, row: dict[str, str], **options: Any) -> np.ndarray:
    """A case whose map lies on the grid of the volume that intake wrote; gives its affine."""
    volume = nibabel.load(made.root / "intake" / row["image"])
    values = np.random.default_rng(1).random(volume.shape)
    made.volume(row["case_id"], f"intake/{row['image']}", values=values, affine=volume.affine, **options)
    return volume.affine


def test_a_run_under_pseudonyms_of_an_intake_under_pseudonyms_leads_back(made: Any, export: Export) -> None:
    """The study's ids are keyed hashes of the intake's, and no name of the archive is in the run."""
    phantom = series(slices=6)
    phantom.write(made.root / "pacs" / "x")
    (row,) = taken_in(made, made.root / "pacs")
    made.identifiers = "pseudonymous"
    hidden = pseudonyms.pseudonyms_of([row["case_id"]], kind="case", key=pseudonyms.pseudonym_key())[row["case_id"]]
    of_intake(made, row, run_id=hidden)
    made.finish()
    cohort = read_manifest(made.root / "manifest.csv")
    pseudonyms.write_links(
        cohort,
        hidden=pseudonyms.pseudonymised(cohort, key=pseudonyms.pseudonym_key()),
        name="made",
        manifest=made.root / "manifest.csv",
    )
    done = export(made.folder)
    assert hidden != row["case_id"]
    found = done.dicom(f"{hidden}_saliency.dcm")
    assert found.PatientID == "PATIENT-1"
    sources = {one.ReferencedSOPInstanceUID for one in found.SourceImageSequence}
    assert sources == {one.SOPInstanceUID for one in phantom.datasets}


def test_an_intake_alone_is_enough_when_the_manifest_is_gone(made: Any, export: Export) -> None:
    series(slices=6).write(made.root / "pacs")
    (row,) = taken_in(made, made.root / "pacs")
    of_intake(made, row)
    run = made.finish()
    (made.root / "manifest.csv").unlink()
    assert export(run).table[row["case_id"]]["slices"] == "6"


def test_a_case_corrected_for_tilt_is_left_out_by_name(made: Any, export: Export) -> None:
    series(slices=6, drift_mm=(0.0, 1.2)).write(made.root / "pacs")
    (row,) = taken_in(made, made.root / "pacs", "--correct-tilt")
    of_intake(made, row)
    add(made, "good")
    done = export(made.finish())
    assert "The gantry was tilted and intake corrected it (--correct-tilt)" in done.table[row["case_id"]]["remarks"]
    assert done.table["good"]["saliency_file"]
    assert "1 of 2 maps exported" in done.out
    assert f"Left out: case {row['case_id']}: The gantry was tilted" in done.out


def test_time_points_in_one_enhanced_object_are_left_out_by_name(made: Any, export: Export) -> None:
    whole = enhanced(series(slices=6), moments=3)
    (made.root / "pacs").mkdir()
    (made.root / "pacs" / "one.dcm").write_bytes(as_bytes(whole))
    rows = taken_in(made, made.root / "pacs")
    assert len(rows) == 3
    for row in rows:
        of_intake(made, row)
    add(made, "good")
    done = export(made.finish())
    for row in rows:
        assert "3 volumes of the source lie on the map's grid" in done.table[row["case_id"]]["remarks"]


def test_stacks_in_one_enhanced_object_are_left_out_by_name(made: Any, export: Export) -> None:
    """Two stacks at other positions: the map has one's grid, and the object holds more than it."""
    lower, upper = series(slices=6), series(slices=6, origin_lps=(0.0, 0.0, 90.0), uid="2")
    both = Phantom(lower.values, lower.affine, (*lower.datasets, *upper.datasets))
    whole = enhanced(both)
    for groups in whole.PerFrameFunctionalGroupsSequence:
        high = float(groups.PlanePositionSequence[0].ImagePositionPatient[2]) > -100
        groups.FrameContentSequence[0].StackID = "2" if high else "1"
    (made.root / "pacs").mkdir()
    (made.root / "pacs" / "one.dcm").write_bytes(as_bytes(whole))
    rows = taken_in(made, made.root / "pacs")
    for row in rows:
        of_intake(made, row)
    done = export(made.finish(), code=3)
    assert "The source is an object of 12 frames, of which the map covers 6" in done.message


def test_a_source_that_is_no_dicom_is_skipped_by_name(made: Any, export: Export) -> None:
    good = add(made, "good")
    nibabel.Nifti1Image(good.values, good.affine).to_filename(made.root / "n.nii.gz")
    made.volume("n", "n.nii.gz", values=np.ones(good.values.shape), affine=good.affine)
    done = export(made.finish())
    assert done.table["n"]["remarks"] == (
        "The source is not DICOM, so there is no series that a DICOM object could refer to."
    )
    assert not list(done.folder.glob("n_*"))


def test_a_run_without_any_dicom_source_is_refused_and_leaves_nothing(made: Any, export: Export) -> None:
    for name in ("m", "n"):
        nibabel.Nifti1Image(np.ones((4, 5, 6)), np.eye(4)).to_filename(made.root / f"{name}.nii.gz")
        made.volume(name, f"{name}.nii.gz", values=np.ones((4, 5, 6)), affine=np.eye(4))
    done = export(made.finish(), code=3)
    assert "None of the 2 maps of run can be exported as DICOM" in done.message
    assert "2 x, first case m: The source is not DICOM" in done.message
    assert not done.folder.exists()


def test_a_map_on_another_grid_is_left_out(made: Any, export: Export) -> None:
    phantom = add(made, "good")
    phantom.write(made.root / "scans" / "moved")
    moved = phantom.affine.copy()
    moved[2, 3] += 1.0
    made.volume("moved", "scans/moved", values=np.ones(phantom.values.shape), affine=moved)
    phantom.write(made.root / "scans" / "cut")
    made.volume("cut", "scans/cut", values=np.ones((9, 12, 5)), affine=phantom.affine)
    table = export(made.finish()).table
    for name in ("moved", "cut"):
        assert "The map lies on another grid than the source series" in table[name]["remarks"]


def test_a_source_that_changed_or_went_since_the_run_is_left_out(made: Any, export: Export) -> None:
    for name in ("good", "changed", "gone"):
        add(made, name)
    (made.root / "scans" / "changed" / "00000").write_bytes(as_bytes(series(seed=9).datasets[0]))
    shutil.rmtree(made.root / "scans" / "gone")
    table = export(made.finish()).table
    assert "The image has changed since the run read it" in table["changed"]["remarks"]
    assert "The image is not where the manifest says" in table["gone"]["remarks"]


def test_source_files_of_an_intake_that_went_or_changed_are_reported(made: Any, export: Export) -> None:
    for name in ("1", "2", "3"):
        series(slices=6, uid=name, seed=int(name)).write(made.root / "pacs" / name)
    rows = taken_in(made, made.root / "pacs")
    case_of = {}
    for row in rows:
        of_intake(made, row)
        (uid,) = {pydicom.dcmread(file).SeriesInstanceUID for file in pacs_files(made, row["case_id"])}
        case_of[uid.rsplit(".", 1)[1]] = row["case_id"]
    (pacs_files(made, case_of["1"])[0]).unlink()
    for file, dataset in zip(pacs_files(made, case_of["2"]), series(slices=6, uid="9").datasets, strict=True):
        file.write_bytes(as_bytes(dataset))
    table = export(made.finish()).table
    assert "1 of 6 source files are not where intake found them" in table[case_of["1"]]["remarks"]
    assert "The source files are of another series now" in table[case_of["2"]]["remarks"]
    assert table[case_of["3"]]["saliency_file"]


def pacs_files(made: Any, case_id: str) -> tuple[Path, ...]:
    from medtl.intake import source_of

    return source_of(case_id).files


def test_files_that_no_longer_make_a_volume_are_reported(made: Any, export: Export) -> None:
    series(slices=6).write(made.root / "pacs")
    (row,) = taken_in(made, made.root / "pacs")
    of_intake(made, row)
    for file in pacs_files(made, row["case_id"]):
        file.write_bytes(bytes(128) + b"DICM" + b"rubbish" * 20)
    assert "No volume can be made of the source files any more" in export(made.finish(), code=3).message


def test_a_series_without_a_frame_of_reference_gets_its_montage_alone(made: Any, export: Export) -> None:
    def placeless(dataset: pydicom.FileDataset, _k: int) -> None:
        del dataset.FrameOfReferenceUID

    phantom = series(change=placeless)
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=np.ones(phantom.values.shape), affine=phantom.affine, plane="axial")
    row = export(made.finish()).table["a"]
    assert (row["saliency_file"], row["montage_file"]) == ("", "a_montage.dcm")
    assert "The source has no frame of reference, study or series identifier" in row["remarks"]


def test_a_series_without_identifiers_gets_nothing(made: Any, export: Export) -> None:
    def nobody(dataset: pydicom.FileDataset, _k: int) -> None:
        dataset.StudyInstanceUID = ""

    phantom = series(change=nobody)
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=np.ones(phantom.values.shape), affine=phantom.affine, plane="axial")
    done = export(made.finish(), code=3)
    assert "The source has no study, series or image identifier, so nothing can refer to it." in done.message


def test_radiographs_that_do_not_fit_or_were_not_drawn_are_reported(made: Any, export: Export) -> None:
    (made.root / "scans").mkdir()
    for uid, name, size, is_shown in (("1", "cut", (9, 9), True), ("2", "undrawn", (24, 30), False)):
        picture = image(np.zeros((24, 30), np.uint16), uid=uid, sop_class=CR, modality="CR")
        (made.root / "scans" / f"{name}.dcm").write_bytes(as_bytes(picture))
        made.picture(name, f"scans/{name}.dcm", size=size, is_shown=is_shown)
    clip = image(np.zeros((24, 30), np.uint16), uid="3", sop_class=CR, modality="XA")
    clip.NumberOfFrames, clip.PixelData = 2, np.zeros((2, 24, 30), np.uint16).tobytes()
    (made.root / "scans" / "clip.dcm").write_bytes(as_bytes(clip))
    made.picture("clip", "scans/clip.dcm", size=(24, 30))
    text = export(made.finish(), code=3).message
    assert "case clip: The source is a clip, and the map is of one of its frames: such a map is not exported" in text
    assert "case cut: The source is not one image of the map's size" in text
    assert (
        "case undrawn: No parametric map: the run studied it as a picture, which has no position in the patient."
        in text
    )


def test_without_the_link_table_nobody_can_export(made: Any, export: Export) -> None:
    made.identifiers = "pseudonymous"
    add(made, "a", run_id="c-123456789012")
    message = export(made.finish(), code=3).message
    assert "No link table on this computer leads from this pseudonym to the manifest" in message
    assert "MEDTL_HOME" in message


def test_a_case_that_neither_intake_nor_manifest_knows_is_reported(made: Any, export: Export) -> None:
    add(made, "a")
    add(made, "b")
    made.manifest = [row for row in made.manifest if row["case_id"] == "b"]
    table = export(made.finish()).table
    assert "Neither an intake on this computer nor the manifest that study.yaml names knows" in table["a"]["remarks"]


def test_a_folder_too_large_to_be_one_series_is_reported(
    made: Any, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(made, "a")
    monkeypatch.setattr("medtl.imaging.reading.MAX_FILES", 2)
    assert "are read as one series" in export(made.finish(), code=3).message


def test_what_highdicom_cannot_make_is_reported_in_its_words(
    made: Any, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(**_: object) -> None:
        raise ValueError("no such image")

    add(made, "a")
    monkeypatch.setattr("medtl.maps.parametric_map.ParametricMap", refuses)
    message = export(made.finish(), code=3).message
    assert "highdicom cannot make a parametric map of this source (no such image)." in message


def test_a_header_that_cannot_be_read_a_second_time_is_reported(
    made: Any, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyError("lost")

    add(made, "a")
    monkeypatch.setattr("medtl.maps.identity.pydicom.dcmread", breaks)
    assert "The header of a source file cannot be read (KeyError)." in export(made.finish(), code=3).message


def test_the_folder_for_names_is_never_the_run_and_never_in_use(made: Any, export: Export, tmp_path: Path) -> None:
    add(made, "a")
    run = made.finish()
    inside = export(run, out=run / "dicom", code=2)
    assert "dicom lies in the run folder, and what is written there bears patients' names" in inside.message
    around = export(run, out=run / "fold_0" / ".." / ".." / "run", code=2)
    assert "lies in the run folder" in around.message
    used = export(run, out=tmp_path, code=2)
    assert "holds files already. Give --out a new or empty folder" in used.message
    (tmp_path / "file").write_text("")
    assert "file is a file. Give --out a new or empty folder." in export(run, out=tmp_path / "file", code=2).message
    blocked = export(run, out=tmp_path / "file" / "below", code=2)
    assert "The folder below cannot be made private to you" in blocked.message


def test_what_is_no_run_or_has_no_maps_or_no_such_case_is_refused(made: Any, export: Export, tmp_path: Path) -> None:
    assert "home2 is no run folder (it has no study.yaml)" in export(tmp_path / "home2", code=2).message
    add(made, "a")
    run = made.finish()
    unknown = export(run, "--cases", "zzz", code=2)
    assert "No map of zzz is in run: expected case ids as in its predictions.csv" in unknown.message
    (run / "fold_0" / "DONE.json").unlink()
    assert "run has no saliency maps to export: no fold is finished" in export(run, code=2).message
    shutil.rmtree(run / "fold_0" / "saliency")
    RunFolder(run).finish_fold(0)
    assert "its folds kept no maps" in export(run, code=2).message


def test_a_run_that_was_changed_is_refused(made: Any, export: Export) -> None:
    add(made, "a", plane="axial")
    run = made.finish()
    saliency = run / "fold_0" / "saliency"
    whole = (saliency / "maps.csv").read_bytes()
    (saliency / "maps.csv").write_bytes(whole + b"\n")
    assert "fold_0/saliency/maps.csv is not what the fold wrote" in export(run, code=7).message

    def with_maps(table: Any) -> str:
        write_csv(saliency / "maps.csv", table)
        RunFolder(run).finish_fold(0)
        return export(run, code=7).message

    (saliency / "maps.csv").write_bytes(whole)
    table = read_csv(saliency / "maps.csv")
    assert "fold_0/saliency/maps.csv lacks model" in with_maps(table.drop(columns="model"))
    assert "names a file that does not lie beside its table" in with_maps(table.assign(map_file="../x.nii.gz"))
    assert "names no file for the map of case a" in with_maps(table.assign(map_file=""))
    (saliency / "maps.csv").write_bytes(whole)
    view = (saliency / "a-view.json").read_bytes()
    (saliency / "a-view.json").write_text("{}")
    RunFolder(run).finish_fold(0)
    assert "fold_0/saliency/a-view.json does not describe a view of a volume" in export(run, code=7).message
    (saliency / "a-view.json").write_bytes(view)
    RunFolder(run).finish_fold(0)
    write_csv(run / "manifest.lock.csv", read_csv(run / "manifest.lock.csv").drop(columns="sha256"))
    assert "manifest.lock.csv of run has no column case_id or sha256" in export(run, code=7).message


def test_the_help_warns_that_the_objects_bear_names() -> None:
    printed = " ".join(CliRunner().invoke(app, ["maps", "--help"]).stdout.split())
    assert "WARNING: the objects bear the name, the number and the study of the patient" in printed
