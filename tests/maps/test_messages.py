"""A map that cannot be sent to an archive is left out with its reason; a run "
"that has none is refused with what to do."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import CR, Phantom, as_bytes, image, series

from medtl.cohort import Case
from medtl.errors import ConfigurationError, DataRefused, IntegrityFailure
from medtl.files import read_csv, write_csv
from medtl.intake.links import CaseSource
from medtl.maps.case_objects import picture_objects
from medtl.maps.export import export_maps
from medtl.maps.left_out import LeftOut
from medtl.maps.run_maps import CaseMap, read_maps
from medtl.maps.source_series import series_on_grid
from medtl.maps.sources import SourceFiles, SourceTables
from medtl.record.run_folder import RunFolder


def tables(
    *, ids: Mapping[str, str], taken_in: tuple[CaseSource, ...] = (), named: tuple[Case, ...] = (), sha256: str = ""
) -> SourceTables:
    """What this computer knows of a run's one case `c`."""
    return SourceTables(
        ids, {one.case_id: one for one in taken_in}, {case.case_id: case for case in named}, {"c": sha256}
    )


def of_intake(*files: Path) -> CaseSource:
    return CaseSource("m", "p", "MRN-1", "1.2", "1.2.3", files)


def in_manifest(path: Path) -> Case:
    return Case("m", "p", path, "ill", 2)


def map_of(path: Path, *, pictures: tuple[Path, ...] = ()) -> CaseMap:
    return CaseMap("c", 0, "probe", "ill", 0.9, path, None, pictures, plane="")


@pytest.fixture
def phantom(tmp_path: Path) -> tuple[Phantom, tuple[Path, ...]]:
    made = series(slices=6)
    return made, tuple(sorted(made.write(tmp_path / "pacs").iterdir()))


# Where a case came from


def test_a_pseudonym_without_its_link_table_is_answered_with_the_computer_and_the_variable() -> None:
    with pytest.raises(
        LeftOut, match=r"No link table on this computer .* with the MEDTL_HOME that the study was run with"
    ):
        tables(ids={}).files_of("c")


def test_a_case_that_nobody_knows_is_answered_with_both_ways_back() -> None:
    with pytest.raises(
        LeftOut, match=r"knows the case\. Put the manifest back where study\.yaml says, or export where"
    ):
        tables(ids={"c": "m"}).files_of("c")


def test_source_files_that_were_moved_are_counted(phantom: tuple[Phantom, tuple[Path, ...]]) -> None:
    files = phantom[1]
    files[2].unlink()
    with pytest.raises(
        LeftOut, match=r"1 of 6 source files are not where intake found them\. Bring them back, or take"
    ):
        tables(ids={"c": "m"}, taken_in=(of_intake(*files),)).files_of("c")


def test_an_intake_of_pictures_has_no_series_to_refer_to(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(LeftOut, match="source is not DICOM, so there is no series that a DICOM object could refer to"):
        tables(ids={"c": "m"}, taken_in=(of_intake(tmp_path / "1.png"),)).files_of("c")


def test_a_manifest_of_pictures_has_no_series_to_refer_to(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(LeftOut, match=r"^The source is not DICOM"):
        tables(ids={"c": "m"}, named=(in_manifest(tmp_path / "1.png"),)).files_of("c")


def test_an_image_that_was_moved_is_to_be_brought_back(tmp_path: Path) -> None:
    with pytest.raises(LeftOut, match=r"image is not where the manifest says\. Bring it back"):
        tables(ids={"c": "m"}, named=(in_manifest(tmp_path / "gone.dcm"),)).files_of("c")


def test_an_image_that_changed_may_not_be_the_maps(phantom: tuple[Phantom, tuple[Path, ...]]) -> None:
    with pytest.raises(
        LeftOut, match=r"has changed since the run read it, so the map may not belong to it\. Put it back"
    ):
        tables(ids={"c": "m"}, named=(in_manifest(phantom[1][0].parent),), sha256="0" * 64).files_of("c")


# The series below a map


def test_a_map_on_another_grid_is_not_laid_over_the_series(phantom: tuple[Phantom, tuple[Path, ...]]) -> None:
    made, files = phantom
    with pytest.raises(
        LeftOut, match=r"was resampled, cut or turned between the archive and the run\. Nothing was guessed"
    ):
        series_on_grid(files, shape=(3, 3, 3), affine=made.affine)


def test_a_map_of_another_shape_finds_no_planes_on_its_series(phantom: tuple[Phantom, tuple[Path, ...]]) -> None:
    made, files = phantom
    found = series_on_grid(files, shape=made.values.shape, affine=made.affine)
    with pytest.raises(LeftOut, match="The map lies on another grid than the source series"):
        found.planes_of(np.zeros((3, 3, 3)), made.affine)


def test_files_of_another_series_are_not_taken_for_the_old_ones(phantom: tuple[Phantom, tuple[Path, ...]]) -> None:
    made, files = phantom
    with pytest.raises(
        LeftOut, match=r"are of another series now than when they were taken in\. Bring the old ones back"
    ):
        series_on_grid(files, shape=made.values.shape, affine=made.affine, series_uid="1.2.3.4")


def test_damaged_files_make_no_volume_any_more(phantom: tuple[Phantom, tuple[Path, ...]]) -> None:
    made, files = phantom
    for file in files:
        file.write_bytes(bytes(128) + b"DICM")
    with pytest.raises(LeftOut, match="No volume can be made of the source files any more: some are gone or damaged"):
        series_on_grid(files, shape=made.values.shape, affine=made.affine)


# A picture's map


def radiograph(folder: Path, **tags: Any) -> tuple[SourceFiles, Path]:
    """The file of a radiograph of 24 x 30, and a map of its size."""
    from PIL import Image

    dataset = image(np.zeros((24, 30), np.uint16), sop_class=CR, modality="CR")
    for name, value in tags.items():
        setattr(dataset, name, value)
    (folder / "1.dcm").write_bytes(as_bytes(dataset))
    Image.fromarray(np.zeros((24, 30), np.uint16)).save(folder / "map.png")
    return SourceFiles((folder / "1.dcm",)), folder / "map.png"


def test_a_clip_is_not_exported(tmp_path: Path) -> None:
    source, saliency = radiograph(
        tmp_path, NumberOfFrames=2, Modality="XA", PixelData=np.zeros((2, 24, 30), np.uint16).tobytes()
    )
    with pytest.raises(LeftOut, match="is a clip, and the map is of one of its frames: such a map is not exported"):
        picture_objects(map_of(saliency), source, run="r")


def test_a_radiograph_that_was_cut_is_not_the_maps(tmp_path: Path) -> None:
    source, saliency = radiograph(tmp_path)
    dataset = image(np.zeros((20, 30), np.uint16), sop_class=CR, modality="CR")
    (tmp_path / "1.dcm").write_bytes(as_bytes(dataset))
    with pytest.raises(LeftOut, match="not one image of the map's size: it was cut or scaled between archive and run"):
        picture_objects(map_of(saliency), source, run="r")


def test_a_radiograph_without_a_picture_has_neither_object(tmp_path: Path) -> None:
    source, saliency = radiograph(tmp_path)
    with pytest.raises(
        LeftOut,
        match=r"No parametric map: .* no position in the patient\. No montage: .* only of the cases on its pages",
    ):
        picture_objects(map_of(saliency), source, run="r")


# A run


@pytest.fixture
def run(made: Any) -> Path:
    phantom = series(seed=3)
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=np.ones(phantom.values.shape), affine=phantom.affine)
    return made.finish()


def with_table(run: Path, **cells: object) -> Path:
    """The run after its table of maps was changed and its fold was closed again."""
    path = run / "fold_0" / "saliency" / "maps.csv"
    write_csv(path, read_csv(path).assign(**cells))
    RunFolder(run).finish_fold(0)
    return run


def test_a_folder_without_a_study_has_no_maps(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"is no run folder \(it has no study\.yaml\)\. Give the folder that medtl"
    ):
        read_maps(tmp_path)


def test_a_run_of_which_no_fold_is_finished_has_no_maps(run: Path) -> None:
    (run / "fold_0" / "DONE.json").unlink()
    with pytest.raises(ConfigurationError, match=r"to export: no fold is finished\. Run the study with maps first"):
        read_maps(run)


def test_a_run_that_kept_no_maps_is_answered_with_the_settings_that_keep_them(run: Path) -> None:
    shutil.rmtree(run / "fold_0" / "saliency")
    RunFolder(run).finish_fold(0)
    with pytest.raises(
        ConfigurationError, match=r"its folds kept no maps \(explanation\.maps, cases_of_each_kind\)\. Run"
    ):
        read_maps(run)


def test_a_case_without_a_map_is_answered_with_how_many_have_one(run: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"No map of zz is in run: .* have a map \(1 of them\)\. See fold_K/saliency/maps\.csv"
    ):
        read_maps(run, cases=("zz",))


def test_a_table_of_maps_without_its_model_is_of_another_medtl(run: Path) -> None:
    path = run / "fold_0" / "saliency" / "maps.csv"
    write_csv(path, read_csv(path).drop(columns="model"))
    RunFolder(run).finish_fold(0)
    with pytest.raises(
        IntegrityFailure, match=r"maps\.csv lacks model: it was made by another medtl\. Run the study again"
    ):
        read_maps(run)


def test_a_map_that_lies_elsewhere_is_never_sent(run: Path) -> None:
    with pytest.raises(
        IntegrityFailure, match=r"fold_0/saliency names a file that does not lie beside its table\. Restore the folder"
    ):
        read_maps(with_table(run, map_file="../../secret.nii.gz"))


def test_a_map_without_a_file_names_its_case(run: Path) -> None:
    with pytest.raises(
        IntegrityFailure, match=r"names no file for the map of case a\. Restore it, or run again with --res"
    ):
        read_maps(with_table(run, map_file=""))


def test_names_of_patients_are_not_written_into_a_run(run: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"bears patients' names, .*\. Choose a private folder outside of it for --out"
    ):
        export_maps(run, run / "dicom")


def test_a_file_in_the_way_is_no_folder(run: Path, tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("")
    with pytest.raises(ConfigurationError, match=r"objects is a file\. Give --out a new or empty folder"):
        export_maps(run, tmp_path / "objects")


def test_objects_of_two_exports_are_not_mixed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "a.dcm").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"objects holds files already\. .* objects of two exports are not mixed"
    ):
        export_maps(run, tmp_path / "objects")


def test_a_folder_below_a_file_cannot_be_made_private(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"folder below cannot be made private to you \(.+\)\. Choose another with"
    ):
        export_maps(run, tmp_path / "file" / "below")


def test_a_lock_without_its_hashes_is_to_be_restored(run: Path, tmp_path: Path) -> None:
    write_csv(run / "manifest.lock.csv", read_csv(run / "manifest.lock.csv").drop(columns="sha256"))
    with pytest.raises(
        IntegrityFailure, match=r"of run has no column case_id or sha256: .* Restore it, or run the study"
    ):
        export_maps(run, tmp_path / "objects")


def test_an_export_of_nothing_gives_the_reasons_and_leaves_no_folder(run: Path, made: Any, tmp_path: Path) -> None:
    shutil.rmtree(made.root / "scans" / "a")
    with pytest.raises(DataRefused, match=r"case a: The image is not where the manifest says\. Bring it back"):
        export_maps(run, tmp_path / "objects")
    assert not (tmp_path / "objects").exists()
