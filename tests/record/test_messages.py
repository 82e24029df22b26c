"""Every file of a run that was changed is refused by its name, with what is wrong in it and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from medtl.cohort import Case, Cohort
from medtl.errors import ConfigurationError, IntegrityFailure, Locked
from medtl.imaging.facts import ScanFacts
from medtl.locks import exclusive
from medtl.record import run_folder as names
from medtl.record.history import read_history
from medtl.record.run_folder import RunFolder
from medtl.record.run_seal import refuse_changed, seal_of_run, seal_run, verified
from medtl.record.saliency import read_saliency
from medtl.record.studied_cohort import write_case_tables
from medtl.record.typed_files import LONGEST_YAML_BYTES, read_mapping, read_typed
from medtl.record.view import LARGEST_FILE_BYTES, read_view, write_view

VIEW: Mapping[str, Any] = {
    "format": 1,
    "shape": [4, 5, 6],
    "columns": 3,
    "spacing_mm": [1.0, 1.0, 2.0],
    "affine": [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
    "tilt_degrees": {"axial": 0.0, "coronal": 0.0, "sagittal": 0.0},
    "checksums": {"scan": 1, "map": 2},
    "peak": None,
    "peak_mm": None,
    "seen_box": None,
    "montage": {"plane": "axial", "positions_mm": [0.0, 2.0]},
    "slice_weights": None,
}


class Fold(BaseModel):
    """A file of one number."""

    fold: int


@pytest.fixture
def view(tmp_path: Path) -> Path:
    path = tmp_path / "one-view.json"
    write_view(VIEW, path)
    assert read_view(path, fold=0).mosaic_px == (12, 10)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A sealed run of two files."""
    folder = tmp_path / "study-1"
    (folder / "fold_0").mkdir(parents=True)
    (folder / names.STUDY).write_text("name: study\n")
    (folder / "fold_0" / "metrics.json").write_text("{}\n")
    return folder


def changed(path: Path, **facts: object) -> None:
    path.write_text(json.dumps({**VIEW, **facts}))


# JSON and YAML


def test_a_file_that_a_run_lacks_is_answered_with_how_runs_are_copied(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"cohort\.json is missing in .*: a run folder holds one\. .* If it was copied, copy it",
    ):
        read_mapping(tmp_path / "cohort.json")


def test_a_list_where_named_values_belong_is_called_a_list(tmp_path: Path) -> None:
    path = tmp_path / "fold.json"
    path.write_text("[1, 2]")
    with pytest.raises(IntegrityFailure, match=r"holds a list, expected named values\. Restore it, or run again with"):
        read_mapping(path)


def test_a_json_file_that_was_cut_off_is_refused_with_the_advice_for_it(tmp_path: Path) -> None:
    path = tmp_path / "fold.json"
    path.write_text('{"fold": ')
    with pytest.raises(
        IntegrityFailure, match=r"\(JSONDecodeError\): it was changed or cut off .*\. Ask the registrar"
    ):
        read_mapping(path, advice="Ask the registrar.")


def test_a_study_file_of_a_megabyte_is_refused_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(b"name: " + b"a" * LONGEST_YAML_BYTES)
    with pytest.raises(
        IntegrityFailure, match=r"study\.yaml in .* has 1,000,006 bytes; at most 1,000,000 are read\. Restore it"
    ):
        read_mapping(path)


def test_a_field_of_a_later_version_is_named_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "fold.json"
    path.write_text("{}")
    with pytest.raises(IntegrityFailure, match=r"lacks fold: an earlier medtl wrote it, which environment\.json names"):
        read_typed(path, Fold, what="which fold it is")


def test_a_field_of_the_wrong_kind_is_named_with_what_the_file_should_say(tmp_path: Path) -> None:
    path = tmp_path / "fold.json"
    path.write_text('{"fold": "two"}')
    with pytest.raises(
        IntegrityFailure,
        match=r"does not say which fold it is \(fold: Input should be a valid integer.*it was changed after",
    ):
        read_typed(path, Fold, what="which fold it is")


# Views of volumes


def test_a_view_that_was_not_copied_is_named_with_the_table_that_names_it(view: Path) -> None:
    view.unlink()
    with pytest.raises(
        ConfigurationError, match=r"fold_2/saliency/one-view\.json is missing: saliency\.csv names it\. .*copy it whole"
    ):
        read_view(view, fold=2)


def test_a_view_of_many_bytes_is_not_read(view: Path) -> None:
    view.write_bytes(b" " * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(IntegrityFailure, match=r"\(it has 200,001 bytes; at most 200,000 are read\): it was changed"):
        read_view(view, fold=0)


def test_axes_of_a_grid_in_a_plane_are_refused_with_the_volume_of_a_voxel(view: Path) -> None:
    changed(view, affine=[[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    with pytest.raises(
        IntegrityFailure, match=r"axes of the grid lie in a plane: a voxel of 0 mm³, expected at least 1e-09"
    ):
        read_view(view, fold=0)


def test_a_plane_without_a_tilt_is_named(view: Path) -> None:
    changed(view, tilt_degrees={"axial": 0.0, "coronal": 0.0})
    with pytest.raises(IntegrityFailure, match=r"expected a tilt for axial, coronal and sagittal; got axial, coronal"):
        read_view(view, fold=0)


def test_a_box_of_two_sides_is_counted(view: Path) -> None:
    changed(view, seen_box=[[0, 1], [0, 1]])
    with pytest.raises(IntegrityFailure, match=r"box of what was seen has 2 sides; expected 3"):
        read_view(view, fold=0)


def test_a_strongest_voxel_outside_the_grid_names_both(view: Path) -> None:
    changed(view, peak=[0, 0, 6.5])
    with pytest.raises(IntegrityFailure, match=r"outside the grid: index \(0\.0, 0\.0, 6\.5\) of \(4, 5, 6\) voxels"):
        read_view(view, fold=0)


def test_weights_without_positions_are_counted(view: Path) -> None:
    changed(view, slice_weights={"plane": "axial", "values": [1, 2, 3], "positions_mm": [0, 1], "indices": [0, 1, 2]})
    with pytest.raises(
        IntegrityFailure,
        match=r"expected weights of at least 0, each with a position and an index; got 3 weights from 1\.0, "
        "2 positions and 3 indices",
    ):
        read_view(view, fold=0)


# Tables of a fold


def test_a_history_without_its_losses_is_answered_with_its_columns(tmp_path: Path) -> None:
    (tmp_path / "fold_1").mkdir()
    (tmp_path / "fold_1" / names.HISTORY).write_text("model,epoch\nfull,1\n")
    with pytest.raises(
        IntegrityFailure,
        match=r"fold_1/history\.csv lacks training_loss, validation_loss: expected the columns model, epoch, training",
    ):
        read_history(tmp_path / "fold_1")


SALIENCY = "case_id,model,target_class,truth,probability,strength,scan_png,overlay_png\n"


def test_a_map_without_its_picture_names_the_case_and_both_kinds_of_picture(tmp_path: Path) -> None:
    (tmp_path / names.SALIENCY_TABLE).write_text(f"{SALIENCY}c7,full,sick,sick,0.9,1.0,one.png,\n")
    with pytest.raises(
        IntegrityFailure,
        match=r"fold_3/saliency/saliency\.csv names no picture of case c7: expected "
        r"scan_png and overlay_png, or montage",
    ):
        read_saliency(tmp_path, fold=3)


def test_a_picture_in_another_folder_is_answered_with_where_pictures_lie(tmp_path: Path) -> None:
    (tmp_path / names.SALIENCY_TABLE).write_text(f"{SALIENCY}c7,full,sick,sick,0.9,1.0,../one.png,two.png\n")
    with pytest.raises(
        IntegrityFailure,
        match=r"outside its own folder\. Pictures lie beside the table, by plain names; restore the table",
    ):
        read_saliency(tmp_path, fold=3)


# The scans that were studied


def facts_of(*sha256: str) -> dict[str, ScanFacts]:
    return {
        f"c{n}": ScanFacts(
            sha256=one, pixel_sha256=one, perceptual_hash="", border=None, shape=(4, 5), channels=1, spacing_mm=None,
            reader="Pillow PNG",
        )
        for n, one in enumerate(sha256)
    }  # fmt: skip


def test_a_scan_that_changed_between_two_folds_is_named(tmp_path: Path) -> None:
    cases = tuple(Case(f"c{n}", f"p{n}", Path(f"/{n}"), "ab"[n % 2], n + 2) for n in range(3))
    cohort = Cohort(cases=cases, classes=("a", "b"))
    write_case_tables(cohort, facts_of("1", "2", "3"), tmp_path)
    write_case_tables(cohort, facts_of("1", "2", "3"), tmp_path)
    with pytest.raises(
        IntegrityFailure,
        match=r"2 scans have changed since this run began, first case c1: .* Put the old files back, or",
    ):
        write_case_tables(cohort, facts_of("1", "5", "6"), tmp_path)


def test_a_scan_that_was_never_opened_is_named_before_a_manifest_is_locked(tmp_path: Path) -> None:
    cases = tuple(Case(f"c{n}", f"p{n}", Path(f"/{n}"), "ab"[n % 2], n + 2) for n in range(3))
    cohort = Cohort(cases=cases, classes=("a", "b"))
    with pytest.raises(
        IntegrityFailure, match=r"1 of 3 studied cases were never opened, first case c2 \(manifest line 4\); a manifest"
    ):
        write_case_tables(cohort, facts_of("1", "2"), tmp_path)


# The run as a whole


def test_a_folder_without_a_study_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with pytest.raises(ConfigurationError, match="holiday is no run folder: give the folder that medtl run made"):
        verified(tmp_path / "holiday")


def test_a_run_from_before_seals_is_to_be_run_again(run: Path) -> None:
    (run / names.PREDICTIONS).write_text("")
    (run / names.METRICS).write_text("")
    with pytest.raises(ConfigurationError, match=r"made by an earlier medtl, .* Run the study again to have it sealed"):
        verified(run)


def test_a_run_that_was_stopped_is_not_sealed_and_is_to_be_resumed(run: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"run in study-1 is not finished, so it is not sealed\. Run it with --res"
    ):
        verified(run)


def sealed(run: Path) -> RunFolder:
    """The run, finished by a study of its own fingerprint."""
    folder = RunFolder(run)
    (run / names.ENVIRONMENT).write_text('{"fingerprint": "abcdef123456"}\n')
    seal_run(folder)
    assert "is whole: " in verified(run)
    return folder


def test_an_added_file_is_listed_and_a_stopped_opening_is_answered_with_unseal(run: Path) -> None:
    sealed(run)
    (run / names.HELD_OUT / "test").mkdir(parents=True)
    (run / names.HELD_OUT / "test" / "predictions.csv").write_text("")
    with pytest.raises(
        IntegrityFailure,
        match=r"study-1 is not what the run published:\n  added: held_out/test/predictions\.csv\n"
        r"Restore it from a backup\. Files of a held-out test are added when medtl unseal was stopped: give it again",
    ):
        verified(run)


def test_a_changed_and_a_lost_file_are_listed_with_both_remedies(run: Path) -> None:
    sealed(run)
    (run / "fold_0" / "metrics.json").write_text("{ }\n")
    (run / names.ENVIRONMENT).unlink()
    with pytest.raises(
        IntegrityFailure,
        match=r"published:\n  changed: fold_0/metrics\.json\n  missing: environment\.json\n"
        r"Restore these files from a backup, or delete the folder of the fold",
    ):
        refuse_changed(run)


def test_a_seal_that_was_cut_off_is_answered_with_resume(run: Path) -> None:
    sealed(run)
    (run / names.DONE).write_text('{"fingerprint": ')
    with pytest.raises(IntegrityFailure, match=r"DONE\.json of the run is not what medtl wrote: .* seals it anew"):
        seal_of_run(run)


def test_a_folder_of_another_study_names_both_fingerprints(run: Path) -> None:
    folder = sealed(run)
    with pytest.raises(
        ConfigurationError, match=r"another study \(fingerprint abcdef123456, this one is 0123456789ab\): its settings"
    ):
        folder.claim(fingerprint="0123456789ab", resume=True)


def test_a_run_is_overwritten_by_nothing(run: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"study-1 already holds a run\. Add --resume to continue it, .* nothing was"
    ):
        RunFolder(run).refuse_occupied(resume=False)


def test_a_folder_of_other_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.tex").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"files that no study wrote \(chapter-1\.tex\)\. Choose an empty or new"
    ):
        RunFolder(tmp_path / "thesis").refuse_occupied(resume=True)


def test_a_file_in_the_way_of_a_run_folder_is_answered_with_the_systems_reason(tmp_path: Path) -> None:
    (tmp_path / "study-1").write_text("")
    with (
        pytest.raises(
            ConfigurationError, match=r"study-1 cannot be used as a run folder \(File exists\)\. Choose another"
        ),
        RunFolder(tmp_path / "study-1").held(),
    ):
        pass


def test_a_lock_that_another_process_holds_is_named_with_the_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "study-1")
    with (
        folder.held(),
        pytest.raises(Locked, match=r"working in study-1\. Wait for it, or choose another folder with --out"),
        folder.held(),
    ):
        pass


def test_a_lock_refuses_in_the_words_of_its_holder(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "lock", refusal="one"),
        pytest.raises(Locked, match=r"^The cache is being filled\.$"),
        exclusive(tmp_path / "lock", refusal="The cache is being filled."),
    ):
        pass
