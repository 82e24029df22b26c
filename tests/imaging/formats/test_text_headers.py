"""NRRD and MetaImage: the headers are those that ITK 5.4 (SimpleITK 2.5.7) wrote, and the millimetres those it says."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from medtl.imaging.formats.format import Choice
from medtl.imaging.reading import decode_scan, read_content, read_scan, sha256_of_content
from medtl.imaging.scan import UnreadableScan

VALUES = (np.arange(60, dtype=np.int16).reshape(5, 4, 3) * 7 - 50).transpose(2, 1, 0)
"""(i, j, k); i runs fastest in the file."""

RAW = VALUES.astype("<i2").tobytes(order="F")

META = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = {packed}
TransformMatrix = 0.95533648912560598 0.23641616532907164 0.17731212399680371 -0.29552020666133955 \
0.76426919130048487 0.57320189347536354 0 -0.59999999999999998 0.80000000000000004
Offset = -31.5 80.25 -402
CenterOfRotation = 0 0 0
AnatomicalOrientation = RAI
ElementSpacing = 0.69999999999999996 0.90000000000000002 2.5
DimSize = 3 4 5
ElementType = {kind}
ElementDataFile = {file}
"""

NRRD = """NRRD0004
# Complete NRRD file format specification at:
# http://teem.sourceforge.net/nrrd/format.html
type: short
dimension: 3
space: left-posterior-superior
sizes: 3 4 5
space directions: (0.6687355423879241,0.16549131573035014,0.12411848679776259) \
(-0.26596818599520561,0.68784227217043636,0.51588170412782719) (0,-1.5,2)
kinds: domain domain domain
endian: little
encoding: {encoding}
space origin: (-31.5,80.25,-402)
"""

LPS_MM = {
    (0, 0, 0): (-31.5, 80.25, -402.0),
    (2, 0, 0): (-30.16252891522415, 80.5809826314607, -401.7517630264045),
    (0, 3, 0): (-32.29790455798562, 82.31352681651131, -400.45235488761654),
    (2, 3, 4): (-30.96043347320977, 76.64450944797201, -392.204117914021),
}
"""Where ITK puts these voxels (TransformIndexToPhysicalPoint): left, posterior and superior are positive."""

PACKERS = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}


def meta(*, packed: bool = False, kind: str = "MET_SHORT", file: str = "LOCAL", data: bytes = RAW) -> bytes:
    header = META.format(packed=packed, kind=kind, file=file).encode()
    return header + (zlib.compress(data) if packed else data) * (file == "LOCAL")


def nrrd(encoding: str = "raw", *, more: str = "", data: bytes = RAW) -> bytes:
    return (NRRD.format(encoding=encoding) + more + "\n").encode() + PACKERS.get(encoding, bytes)(data)


def changed(content: bytes, old: str, new: str) -> bytes:
    assert old.encode() in content
    return content.replace(old.encode(), new.encode(), 1)


def refused(data: bytes, reason: str, words: str, choice: Choice | None = None) -> None:
    with pytest.raises(UnreadableScan, match=words) as caught:
        decode_scan(data, choice or Choice())
    assert caught.value.reason == reason


def lies_where_itk_says(scan: object) -> None:
    for index, (left, posterior, superior) in LPS_MM.items():
        position = scan.affine @ (*index, 1)  # type: ignore[attr-defined]
        np.testing.assert_allclose(position[:3], (-left, -posterior, superior), atol=1e-9)


@pytest.mark.parametrize(
    "data",
    [meta(), meta(packed=True), nrrd(), nrrd("gzip"), nrrd("bzip2")],
    ids=["mha", "mha packed", "nrrd raw", "nrrd gzip", "nrrd bzip2"],
)
def test_a_volume_has_the_voxels_and_the_millimetres_of_itk(data: bytes) -> None:
    scan = decode_scan(data)
    np.testing.assert_array_equal(scan.pixels[0], VALUES)
    assert scan.spacing_mm == pytest.approx((0.7, 0.9, 2.5))
    assert scan.notes == ()
    lies_where_itk_says(scan)


@pytest.mark.parametrize(
    ("header", "name", "data", "ending"),
    [
        (meta(file="one.raw"), "one.raw", RAW, "mhd"),
        (meta(file="one.zraw", packed=True), "one.zraw", zlib.compress(RAW), "mhd"),
        (nrrd(more="data file: one.raw\n", data=b""), "one.raw", RAW, "nhdr"),
        (nrrd(more="data file: ./one.raw\n", data=b""), "one.raw", RAW, "nhdr"),
        (changed(nrrd(more="data file: one.gz\n", data=b""), "raw\n", "gzip\n"), "one.gz", gzip.compress(RAW), "nhdr"),
    ],
)
def test_a_header_is_read_with_the_file_beside_it(
    tmp_path: Path, header: bytes, name: str, data: bytes, ending: str
) -> None:
    path = tmp_path / f"one.{ending}"
    path.write_bytes(header)
    with pytest.raises(UnreadableScan, match="header has its pixels in another file, which does not lie beside it"):
        read_scan(path)
    (tmp_path / name).write_bytes(data)
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.pixels[0], VALUES)
    lies_where_itk_says(scan)
    before = sha256_of_content(read_content(path))
    (tmp_path / name).write_bytes(data[::-1])
    assert sha256_of_content(read_content(path)) != before


@pytest.mark.parametrize("name", ["../secret.raw", "/etc/passwd", "a/b.raw", "..\\x.raw"])
@pytest.mark.parametrize("kind", ["mhd", "nhdr"])
def test_a_data_file_in_another_folder_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"one.{kind}"
    path.write_bytes(meta(file=name) if kind == "mhd" else nrrd(more=f"data file: {name}\n", data=b""))
    with pytest.raises(UnreadableScan, match="data file in another folder; only one right beside") as caught:
        read_scan(path)
    assert caught.value.reason == "data_file_outside"
    assert "passwd" not in str(caught.value)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_bytes(RAW)
    (tmp_path / "in" / "one.raw").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "one.mhd").write_bytes(meta(file="one.raw"))
    with pytest.raises(UnreadableScan, match="is a link to another folder"):
        read_scan(tmp_path / "in" / "one.mhd")


@pytest.mark.parametrize("name", ["LIST", "slice%03d.raw 1 5 1"])
def test_a_file_for_each_slice_is_refused_by_name(tmp_path: Path, name: str) -> None:
    for path, header in (("a.mhd", meta(file=name)), ("b.nhdr", nrrd(more=f"data file: {name}\n", data=b""))):
        (tmp_path / path).write_bytes(header)
        with pytest.raises(UnreadableScan, match="names a data file for each slice; one data file is read"):
            read_scan(tmp_path / path)


TO_RAS = {
    "right-anterior-superior": (1, 1, 1),
    "RAS": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "LPS": (-1, -1, 1),
    "left-posterior-superior-time": (-1, -1, 1),
}


@pytest.mark.parametrize("space", TO_RAS)
def test_each_space_of_nrrd_is_turned_to_right_anterior_superior(space: str) -> None:
    scan = decode_scan(changed(nrrd(), "left-posterior-superior", space))
    for index, position in LPS_MM.items():
        np.testing.assert_allclose((scan.affine @ (*index, 1))[:3], np.multiply(TO_RAS[space], position), atol=1e-9)


@pytest.mark.parametrize("space", ["space: scanner-xyz\n", "space: 3D-right-handed\n", "space dimension: 3\n"])
def test_a_space_that_names_no_side_of_the_patient_is_only_a_voxel_size(space: str) -> None:
    scan = decode_scan(changed(nrrd(), "space: left-posterior-superior\n", space))
    np.testing.assert_allclose(scan.affine, np.diag([0.7, 0.9, 2.5, 1.0]), atol=1e-9)
    assert scan.notes[0].startswith("no orientation in the header")


def test_spacings_and_units_are_in_millimetres() -> None:
    head, _, data = nrrd().partition(b"\n\n")
    lines = [line for line in head.decode().split("\n") if not line.startswith("space")]
    only = "\n".join([*lines, "spacings: 0.07 0.09 0.25", 'units: "cm" "cm" "cm"']).encode() + b"\n\n" + data
    assert decode_scan(only).spacing_mm == pytest.approx((0.7, 0.9, 2.5))
    refused(changed(only, '"cm" "cm" "cm"', '"s" "cm" "cm"'), "bad_geometry", "units of length are not all mm")
    none = "\n".join(lines).encode() + b"\n\n" + data
    refused(none, "bad_geometry", "it says no voxel size")


SERIES = np.random.default_rng(0).integers(0, 3000, (6, 7, 5, 4)).astype("<i2")
STEPS = "(1,0,0) (0,1.2,0) (0,0,2.5)"


def series(kind: str, *, first: bool) -> bytes:
    axes = ["6 7 5", STEPS, "space space space"]
    other = ["4", "none", kind]
    sizes, steps, kinds = (f"{b} {a}" if first else f"{a} {b}" for a, b in zip(axes, other, strict=True))
    values = np.moveaxis(SERIES, 3, 0) if first else SERIES
    header = f"NRRD0005\ntype: int16\ndimension: 4\nspace: RAS\nsizes: {sizes}\nspace directions: {steps}\n"
    return (
        f"{header}kinds: {kinds}\nendian: little\nencoding: raw\nspace origin: (0,0,0)\n\n".encode()
        + values.tobytes(order="F")
    )


@pytest.mark.parametrize("first", [True, False], ids=["interleaved", "one after the other"])
@pytest.mark.parametrize(
    ("volume", "value"), [("first", SERIES[..., 0]), (3, SERIES[..., 2]), ("mean", SERIES.mean(axis=-1))]
)
def test_one_of_several_nrrd_volumes_is_taken_as_chosen(first: bool, volume: object, value: np.ndarray) -> None:
    scan = decode_scan(series("list", first=first), Choice(volume=volume))  # type: ignore[arg-type]
    np.testing.assert_allclose(scan.pixels[0], value, rtol=1e-6)
    refused(series("list", first=first), "several_volumes", "holds 4 volumes")


@pytest.mark.parametrize("kind", ["vector", "RGBA-color", "4-color", "quaternion", "2D-matrix"])
@pytest.mark.parametrize("first", [True, False])
def test_colours_and_vectors_are_refused_by_name(kind: str, first: bool) -> None:
    data = series(kind, first=first)
    refused(data, "vector_voxels", r"NRRD file has 4 numbers in each voxel \(colours, vectors", Choice(volume="first"))


def test_a_metaimage_of_four_axes_or_of_vectors() -> None:
    header = (
        "ObjectType = Image\nNDims = 4\nBinaryData = True\nCompressedData = False\n"
        "TransformMatrix = 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1\nOffset = 0 0 0 0\nElementSpacing = 1 1.2 2.5 3\n"
        "DimSize = 6 7 5 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    data = header.encode() + SERIES.tobytes(order="F")
    np.testing.assert_array_equal(decode_scan(data, Choice(volume=2)).pixels[0], SERIES[..., 1])
    refused(data, "several_volumes", "holds 4 volumes")
    refused(
        changed(meta(), "DimSize", "ElementNumberOfChannels = 3\nDimSize"), "vector_voxels", "3 numbers in each voxel"
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [("MET_UCHAR", "u1"), ("MET_USHORT", "u2"), ("MET_LONG", "i4"), ("MET_LONG_LONG", "i8"), ("MET_DOUBLE", "f8")],
)
@pytest.mark.parametrize("big", [True, False])
def test_number_types_have_the_sizes_that_metaio_gives_them(kind: str, code: str, big: bool) -> None:
    values = np.arange(60).reshape(3, 4, 5).astype(np.dtype(code).newbyteorder(">" if big else "<"))
    data = meta(kind=kind, data=values.tobytes(order="F"))
    scan = decode_scan(changed(data, "OrderMSB = False", f"OrderMSB = {big}"))
    np.testing.assert_array_equal(scan.pixels[0], values)


def test_bytes_before_the_voxels_are_left_aside() -> None:
    for size in ("10", "-1"):
        data = changed(meta(data=bytes(10) + RAW), "DimSize", f"HeaderSize = {size}\nDimSize")
        np.testing.assert_array_equal(decode_scan(data).pixels[0], VALUES)
    data = nrrd(more="byte skip: 10\n", data=bytes(10) + RAW)
    np.testing.assert_array_equal(decode_scan(data).pixels[0], VALUES)
    data = nrrd(more="byte skip: -1\n", data=bytes(10) + RAW)
    np.testing.assert_array_equal(decode_scan(data).pixels[0], VALUES)
    data = nrrd(more="line skip: 2\n", data=b"a\nbc\n" + RAW)
    np.testing.assert_array_equal(decode_scan(data).pixels[0], VALUES)


def test_a_header_in_another_order_of_its_tags_is_known() -> None:
    lines = META.format(packed=False, kind="MET_SHORT", file="LOCAL").split("\n")
    for first in (["Comment = made by hand", *lines], [lines[4], *lines[:4], *lines[5:]]):
        np.testing.assert_array_equal(decode_scan("\n".join(first).encode() + RAW).pixels[0], VALUES)
    with pytest.raises(UnreadableScan, match="a text file"):
        decode_scan(b"name = value\n" * 20)


def test_without_a_matrix_itks_axes_are_taken_and_noted() -> None:
    lines = [line for line in META.split("\n") if not line.startswith("TransformMatrix")]
    data = "\n".join(lines).format(packed=False, kind="MET_SHORT", file="LOCAL").encode() + RAW
    scan = decode_scan(data)
    np.testing.assert_allclose(np.diag(scan.affine), (-0.7, -0.9, 2.5, 1))
    assert "no TransformMatrix in the header" in scan.notes[0]


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (meta()[:-20], "truncated", "MetaImage file is cut short: 120 bytes expected, got 100"),
        (nrrd()[:-20], "truncated", "NRRD file is cut short: 120 bytes expected, got 100"),
        (nrrd("gzip")[:-20], "truncated", "cut short"),
        (meta(packed=True)[:-20], "truncated", "cut short"),
        (meta(data=RAW + bytes(24)), "undecodable", "goes on after the voxels that its header promises"),
        (meta()[:460], "truncated", "ends before its last tag, ElementDataFile"),
        (changed(meta(), "DimSize = 3 4 5", "DimSize = 3 4"), "undecodable", "says 3 axes and the sizes 3 x 4"),
        (changed(meta(), "DimSize = 3 4 5", "DimSize = 3 -4 5"), "undecodable", "each axis has one size above 0"),
        (changed(meta(), "DimSize = 3 4 5", "DimSize = 30000 30000 30000"), "too_large", "at most 400,000,000 are"),
        (changed(nrrd(), "sizes: 3 4 5", "sizes: 30000 30000 30000"), "too_large", "at most 400,000,000 are read"),
        (changed(meta(), "BinaryData = True", "BinaryData = False"), "unsupported_format", "written as text"),
        (changed(meta(), "MET_SHORT", "MET_NONE"), "unsupported_format", "of no type that is read; expected one of"),
        (changed(meta(), "ElementSpacing", "OtherSpacing"), "bad_geometry", "says no voxel size in mm"),
        (changed(meta(), "0.69999999999999996", "0"), "bad_geometry", "voxels of 0 x 0.9 x 2.5 mm"),
        (changed(meta(), "0.69999999999999996", "-0.7"), "bad_geometry", "a voxel size is below 0"),
        (changed(meta(), "Offset = -31.5 80.25 -402", "Offset = 1 2"), "bad_geometry", "do not have a number for each"),
        (changed(nrrd(), "encoding: raw", "encoding: ascii"), "unsupported_format", "not stored as raw, gzip"),
        (changed(nrrd(), "type: short", "type: block"), "unsupported_format", "blocks of bytes"),
        (changed(nrrd(), "(0,-1.5,2)", "(0,0,0)"), "bad_geometry", "not one step above 0 for each axis"),
        (changed(nrrd(), "(0,-1.5,2)", "(0.7,0.2,2)"), "bad_geometry", "not at right angles"),
        (changed(nrrd(), "sizes: 3 4 5", "sizes: 3 4"), "undecodable", "says 3 axes and the sizes 3 x 4"),
        (changed(nrrd(), "NRRD0004", "NRRD0009"), "undecodable", "NRRD file cannot be decoded"),
        (nrrd(more="data file: gone.raw\n"), "missing_file", "names a data file that is not beside it"),
        (meta(file="gone.raw"), "missing_file", "names a data file that is not beside it"),
        (nrrd(more="byte skip: -5\n"), "undecodable", "skip a negative number"),
        (changed(meta(), "DimSize", "HeaderSize = -7\nDimSize"), "undecodable", "says that -7 bytes stand before"),
    ],
)
def test_a_faulty_header_is_refused_by_its_fault(data: bytes, reason: str, words: str) -> None:
    refused(data, reason, words)


def test_a_packed_file_that_promises_more_than_it_can_hold_is_refused_at_once() -> None:
    sizes = "700 700 700"
    refused(changed(nrrd("gzip"), "sizes: 3 4 5", f"sizes: {sizes}"), "truncated", "bytes expected, got at most")
    refused(changed(meta(packed=True), "DimSize = 3 4 5", f"DimSize = {sizes}"), "truncated", "got at most")


def test_one_slice_is_a_picture_turned_as_a_radiologist_sees_it() -> None:
    flat = np.arange(12, dtype="<i2").reshape(3, 4, 1)
    header = META.format(packed=False, kind="MET_SHORT", file="LOCAL")
    straight = "TransformMatrix = 1 0 0 0 1 0 0 0 1"
    lines = [straight if line.startswith("TransformMatrix") else line for line in header.split("\n")]
    data = "\n".join(lines).replace("DimSize = 3 4 5", "DimSize = 3 4 1").encode() + flat.tobytes(order="F")
    scan = decode_scan(data)
    np.testing.assert_array_equal(scan.pixels[0], flat[:, :, 0].T)  # LPS: columns to the left, rows to the back
    assert scan.spacing_mm == pytest.approx((0.9, 0.7))
    assert scan.affine is None
    plane = b"NRRD0004\ntype: short\ndimension: 2\nsizes: 3 4\nspacings: 0.7 0.9\nendian: little\nencoding: raw\n\n"
    scan = decode_scan(plane + flat.tobytes(order="F"))
    np.testing.assert_array_equal(scan.pixels[0], flat[:, :, 0].T)
    assert scan.spacing_mm == pytest.approx((0.9, 0.7))
