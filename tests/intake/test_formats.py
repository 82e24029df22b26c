"""Formats through the whole intake: found by content, converted with their values, or named as what they are."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
from dicom_phantom import as_bytes, image, series
from PIL import Image

from medtl.errors import ConfigurationError
from medtl.intake.folder_contents import content_of, kind_of, left_aside

Intake = Callable[..., Any]
AFFINE = np.array([[-1.0, 0, 0, 30], [0, 1.2, 0, -40], [0, 0, 2.5, 7], [0, 0, 0, 1]])
GREY = np.arange(600, dtype=np.uint8).reshape(20, 30)


def volume(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-500, 1500, (6, 7, 5)).astype("<i2")


def put_all(folder: Path) -> dict[str, np.ndarray]:
    """The same kind of volume in every format, each with values of its own."""
    folder.mkdir()
    directions = "(1,0,0) (0,-1.2,0) (0,0,2.5)"
    nrrd = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 6 7 5\n"
        f"space directions: {directions}\nendian: little\nencoding: {{}}\nspace origin: (-30,40,7)\n"
    )
    meta = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = False\n"
        "TransformMatrix = 1 0 0 0 -1 0 0 0 1\nOffset = -30 40 7\nElementSpacing = 1 1.2 2.5\nDimSize = 6 7 5\n"
        "ElementType = MET_SHORT\nElementDataFile = "
    )
    stored = {name: volume(number) for number, name in enumerate(("nii", "pair", "nrrd", "nhdr", "mha", "mhd", "four"))}
    raw = {name: values.tobytes(order="F") for name, values in stored.items()}
    nibabel.save(nibabel.Nifti1Image(stored["nii"], AFFINE), folder / "nii.nii.gz")
    nibabel.save(nibabel.Nifti1Pair(stored["pair"], AFFINE), folder / "pair.img")
    (folder / "nrrd.nrrd").write_bytes(nrrd.format("gzip").encode() + b"\n" + gzip.compress(raw["nrrd"]))
    (folder / "nhdr.nhdr").write_bytes((nrrd.format("raw") + "data file: nhdr.raw\n").encode())
    (folder / "nhdr.raw").write_bytes(raw["nhdr"])
    (folder / "mha.mha").write_bytes((meta + "LOCAL\n").encode() + raw["mha"])
    (folder / "mhd.mhd").write_bytes((meta + "mhd.raw\n").encode())
    (folder / "mhd.raw").write_bytes(raw["mhd"])
    four = np.stack([stored["four"], stored["four"] + 1], axis=-1)
    nibabel.save(nibabel.Nifti1Image(four, AFFINE), folder / "four.nii")
    return stored


def test_volumes_of_every_format_come_in_with_their_voxels_and_millimetres(tmp_path: Path, intake: Intake) -> None:
    stored = put_all(tmp_path / "scans")
    taken = intake(tmp_path / "scans", "--volume", 1, "--patients-from", "file")
    assert taken.counts == (10, 10, 0)
    found = {}
    for row in taken.cases:
        name = Path(taken.source_names(row)[0]).name.partition(".")[0]
        written = nibabel.load(taken.manifest.parent / row["image"])
        found[name] = np.asarray(written.dataobj)
        np.testing.assert_allclose(written.affine, AFFINE, atol=1e-5)
    assert found.keys() == stored.keys()
    for name, values in stored.items():
        np.testing.assert_array_equal(found[name], values)
    other = intake(tmp_path / "scans", "--patients-from", "file", out=tmp_path / "other" / "m.csv")
    assert [row["reason"] for row in other.refusals] == ["several_volumes"]
    assert "holds 2 volumes" in other.refusals[0]["detail"]


def test_pages_of_a_tiff_are_a_volume_where_that_is_requested(tmp_path: Path, intake: Intake) -> None:
    (tmp_path / "scans").mkdir()
    pages = np.random.default_rng(0).integers(0, 60000, (5, 30, 20), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "scans" / "a.tif", pages, photometric="minisblack")
    taken = intake(tmp_path / "scans", "--pages-mm", "0.5x0.7x2")
    (row,) = taken.cases
    written = nibabel.load(taken.manifest.parent / row["image"])
    np.testing.assert_array_equal(written.get_fdata(), pages[:, ::-1, ::-1].transpose(2, 1, 0))
    np.testing.assert_allclose(written.header.get_zooms(), (0.7, 0.5, 2.0))
    message = intake(tmp_path / "scans", "--pages-mm", "0.5x0.7", code=2).stderr
    assert "--pages-mm" in message


def mixed(folder: Path) -> Path:
    for number in range(3):
        series(slices=5, uid=str(number + 1), seed=number).write(folder / f"pacs{number}")
    for number in range(2):
        nibabel.save(nibabel.Nifti1Image(volume(number), AFFINE), folder / f"v{number}.nii.gz")
    Image.fromarray(GREY).save(folder / "p.png")
    (folder / "readme.txt").write_text("hello")
    return folder


def test_a_folder_of_several_kinds_says_which_how_many_and_how_to_choose(tmp_path: Path, intake: Intake) -> None:
    taken = intake(mixed(tmp_path / "scans"))
    assert (
        "The folder holds several kinds (DICOM files: 15; volume files (NIfTI, NRRD, MetaImage): 2; pictures: 1). "
        "Taken in as DICOM files; the others are listed as refused. Take them in by themselves with --source nifti "
        "or --source pictures, into a manifest of their own." in taken.notes
    )
    details = sorted(row["detail"] for row in taken.refusals if row["reason"] == "not_dicom")
    assert details == [
        "The file is a text file. It holds no image.",
        "The file is no DICOM file; it is among pictures. --source pictures takes it in.",
        *["The file is no DICOM file; it is among volume files (NIfTI, NRRD, MetaImage). --source nifti takes it in."]
        * 2,
    ]


FOREIGN = {
    "one.zip": ("a zip archive", None),
    "one.html": ("a web page", b"<!doctype html><html>"),
    "one.nii.gz": ("a DICOM file packed with gzip", gzip.compress(as_bytes(image(GREY.astype(np.uint16), uid="1")))),
    "one.dcm": ("a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_or_file_of_something_else_is_named(tmp_path: Path, name: str) -> None:
    what, content = FOREIGN[name]
    if content is None:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.dcm", "x")
    else:
        (tmp_path / name).write_bytes(content)
    assert content_of(tmp_path / name) == "other"
    with pytest.raises(
        ConfigurationError, match=f"there is nothing to take in. What is there: 1 x: The file is {what}"
    ):
        kind_of(tmp_path, [tmp_path / name])
    with pytest.raises(ConfigurationError, match=f"Expected a folder of scans, a datalist .*; the file is {what}"):
        kind_of(tmp_path / name, ())


def test_one_image_instead_of_a_folder_is_named(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    with pytest.raises(ConfigurationError, match=r"the file is one image\. Name the folder that its scans lie in"):
        kind_of(tmp_path / "a.png", ())


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"GIF89a", "unsupported_format"),
        (b"\x00\x00\x00\x0cjP  \r\n", "unsupported_format"),
        (b"MATLAB 5.0 MAT-file", "unsupported_format"),
        (b"\x93NUMPY", "unsupported_format"),
        (b"participant_id\tage\n", "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (bytes(range(200, 250)), "not_an_image"),
        (b"7z\xbc\xaf\x27\x1c", "archive"),
    ],
)
def test_an_image_of_another_format_is_not_called_no_image(start: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(start)
    (refusal,) = left_aside([tmp_path / "file"], tmp_path, taken=set())
    assert refusal.reason == reason
