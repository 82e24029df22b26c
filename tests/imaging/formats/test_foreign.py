"""What is no scan is called what it is, by its first bytes, and never blamed on a format that it is not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import nibabel
import numpy as np
import pytest
from dicom_phantom import as_bytes, image
from PIL import Image

from medtl.imaging.formats.foreign import foreign_kind
from medtl.imaging.formats.known import format_of
from medtl.imaging.reading import decode_scan
from medtl.imaging.scan import UnreadableScan

GREY = np.arange(600, dtype=np.uint8).reshape(20, 30)


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, kind)
    return stream.getvalue()


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "x" * 500)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return stream.getvalue()


def mgz() -> bytes:
    return nibabel.MGHImage(GREY.astype(np.float32).reshape(20, 30, 1), np.eye(4)).to_bytes()


DICOM = as_bytes(image(GREY.astype(np.uint16), uid="1"))
ISO_BRAND = b"\x00\x00\x00\x18ftyp"
CASES = {
    "packed DICOM": (gzip.compress(DICOM), "a DICOM file packed with gzip", "gunzip"),
    "packed picture": (gzip.compress(picture("PNG")), "a picture packed with gzip", "gunzip"),
    "packed text": (gzip.compress(b"hello\n" * 50), "a text file, packed with gzip", "no image"),
    "packed tar": (gzip.compress(tarred()), "a tar archive packed with gzip", "Unpack it"),
    "packed zip": (gzip.compress(zipped("a")), "a zip archive, packed with gzip", "Unpack it"),
    "packed noise": (gzip.compress(bytes([7, 3]) * 500), "a gzip that holds no image of a kind that is read", "look"),
    "gzip of nothing": (b"\x1f\x8b", "a gzip that cannot be unpacked", "Get the image itself"),
    "packed twice": (gzip.compress(gzip.compress(b"hello" * 99)), "packed with gzip twice", "gunzip"),
    "AFNI": (b"\ntype  = string-attribute\nname  = HISTORY_NOTE\n", "the header of an AFNI volume", "3dAFNItoNIFTI"),
    "MRtrix": (b"mrtrix image\ndim: 3,4,5\n", "an MRtrix image", "mrconvert"),
    "streamlines": (b"TRACK\0" + bytes(994), "streamlines", "no image"),
    "mgz": (gzip.compress(mgz()), r"a FreeSurfer volume \(MGH\)", "mri_convert"),
    "mgh": (mgz(), r"a FreeSurfer volume \(MGH\)", "mri_convert"),
    "zip": (zipped("scans/a.dcm"), "a zip archive", "take the folder in"),
    "empty zip": (zipped("a")[-22:], "a zip archive", "take the folder in"),
    "npz": (zipped("train_images.npy"), r"NumPy arrays \(.npz\)", "name it instead"),
    "docx": (zipped("[Content_Types].xml"), "an office document", "at their source"),
    "weights": (zipped("archive/data.pkl"), "a PyTorch file", "weights import"),
    "tar": (tarred(), "a tar archive", "Unpack it"),
    "bzip2": (bz2.compress(b"x" * 900), "packed with bzip2", "bunzip2"),
    "xz": (lzma.compress(b"x" * 900), "packed with xz", "unxz"),
    "web page": (b"\n <!DOCTYPE html>\n<html><body>Log in", r"a web page \(HTML\)", "from its source"),
    "web page without a type": (b"<html lang='en'>", r"a web page \(HTML\)", "from its source"),
    "LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "a Git LFS pointer",
        "git lfs pull",
    ),
    "annex": (b"/annex/objects/MD5E-s1--00.nii.gz\n", "a git-annex pointer", "git annex get"),
    "GIF": (picture("GIF"), "a GIF picture", "PNG"),
    "WebP": (picture("WEBP"), "a WebP picture", "PNG"),
    "HEIC": (ISO_BRAND + b"heic\0\0\0\0mif1heic" + bytes(99), "a HEIC or AVIF photograph", "PNG"),
    "AVIF": (ISO_BRAND + b"avif\0\0\0\0mif1avif" + bytes(99), "a HEIC or AVIF photograph", "PNG"),
    "MP4": (ISO_BRAND + b"isom\0\0\0\0isomavc1" + bytes(99), "a video", "frame"),
    "AVI": (b"RIFF\0\0\0\0AVI LIST" + bytes(99), "a video", "frame"),
    "SVG": (b"<?xml version='1.0'?>\n<svg width='9'>", "an SVG drawing", "PNG"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document", "at their source"),
    "JPEG 2000": (picture("JPEG2000"), "a JPEG 2000", "PNG"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file", "NIfTI"),
    "MATLAB": (b"MATLAB 5.0 MAT-file, Platform" + bytes(99), "a MATLAB file", "NIfTI"),
    "npy": (b"\x93NUMPY\x01\x00" + bytes(99), "a NumPy array", "voxel size"),
    "PAR": (b"# === DATA DESCRIPTION FILE ====\n" * 3, "a Philips PAR header", "dcm2niix"),
    "CSV": (b"BMI,age\n21,40\n" * 9, "a text file", "no image"),
    "umlauts": ("Größe\n".encode() * 900, "a text file", "no image"),
    "Analyze": (b"\x5c\x01\0\0" + bytes(344), r"an Analyze 7\.5 header", "NIfTI"),
    "cut header": (b"\x5c\x01\0\0" + bytes(200), "the beginning of a NIfTI or Analyze header", "from its source"),
    "noise": (bytes([7, 3, 200]) * 300, "of no kind that is known here", "Convert it"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_called_what_it_is(name: str) -> None:
    content, what, advice = CASES[name]
    with pytest.raises(UnreadableScan, match=f"^The file is {what}") as caught:
        decode_scan(content)
    assert advice in str(caught.value)
    assert not ("NIfTI" in what and name != "cut header" and "Analyze" not in name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_pictures_are_known(kind: str) -> None:
    known = format_of(picture(kind))
    assert known is not None
    assert (known.name, known.shows) == (kind, "picture")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("length", [348, 4096, 10**6])
def test_nifti_is_known_by_its_beginning_packed_or_not(kind: type, packed: bool, length: int) -> None:
    data = kind(np.random.default_rng(0).normal(size=(40, 40, 9)), np.eye(4)).to_bytes()
    start = (gzip.compress(data) if packed else data)[:length]
    known = format_of(start)
    assert known is not None
    assert known.name == "NIfTI"
    assert foreign_kind(b"MM\x00*") is None
