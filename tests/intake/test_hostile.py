"""Files that attack, by the hundred, through the command in a process of its own: it ends well, and nothing is silent.

Each accepted slice is the phantom's, voxel for voxel and at its position; where a changed byte made another valid file,
the witness is what pydicom or nibabel alone read in it. Seeds are fixed.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import series_faults
from dicom_phantom import Phantom, as_bytes, rle, series
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

Intake = Callable[..., Any]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]

FILE_SECONDS = 20
PARENT_BYTES = 2**30
SLICES = 6
AFFINE_MM = 1e-4


@dataclass(frozen=True)
class Ended:
    """What a process left: its cases and refusals, the outcome of each source file, and its processor time."""

    taken: Any
    outcomes: dict[str, str]
    seconds: float


@pytest.fixture
def in_process(tmp_path: Path, intake: Intake) -> Callable[..., Ended]:
    """The command in a process whose peak memory is looked at; then read as the other tests read it.

    The peak is the kernel's VmHWM: `ru_maxrss` starts at the size of the process that it was forked from.
    """

    def run(folder: Path, *options: str) -> Ended:
        manifest = tmp_path / "study" / "manifest.csv"
        command = ["-m", "medtl", "intake", str(folder), "--out", str(manifest), *options]
        watched = (
            "import runpy, sys\nfrom pathlib import Path\nsys.argv = sys.argv[1:]\n"
            "try:\n    runpy.run_module('medtl', run_name='__main__')\n"
            "finally:\n    (own,) = [line for line in Path('/proc/self/status').read_text().split('\\n') "
            "if line.startswith('VmHWM')]\n    print('PEAK', own.split()[1], file=sys.stderr)\n"
        )
        before = os.times()
        done = subprocess.run(
            [sys.executable, "-c", watched, *command[1:]], capture_output=True, text=True, timeout=2900, check=False
        )
        after = os.times()
        seconds = sum(after[2:4]) - sum(before[2:4])
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        peak = int(done.stderr.rpartition("PEAK")[2]) * 1024
        assert peak < PARENT_BYTES
        taken = intake(folder, *options)
        assert taken.stdout == done.stdout
        named = [file for row in taken.links.values() for file in json.loads(row["files"])]
        files = [str(path) for path in folder.rglob("*") if path.is_file()]
        assert sorted(named) == sorted(files), "each file is named once"
        outcomes = {
            str(Path(file).relative_to(folder)): row["outcome"]
            for row in taken.links.values()
            for file in json.loads(row["files"])
        }
        found, used, refused = taken.counts
        assert found == used + refused == len(files)
        assert used == sum(outcome == "used" for outcome in outcomes.values())
        return Ended(taken, outcomes, seconds)

    return run


def as_it_is(_dataset: pydicom.Dataset) -> None:
    pass


def jpeg2000(dataset: pydicom.Dataset) -> None:
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)


def jpeg_ls(dataset: pydicom.Dataset) -> None:
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)


COMPRESSIONS = (as_it_is, rle, jpeg_ls, jpeg2000)


ROWS = 40
"""JPEG 2000 halves an image five times, so that smaller ones cannot be encoded."""


def phantom(number: int) -> Phantom:
    """A series of a patient of its own, in turn stored in another way."""

    def change(dataset: pydicom.Dataset, _k: int) -> None:
        dataset.PatientID = f"P{number}"
        dataset.StudyInstanceUID = f"1.2.826.0.3.{number + 1000}"
        COMPRESSIONS[number % len(COMPRESSIONS)](dataset)

    return series(slices=SLICES, rows=ROWS, columns=ROWS, uid=f"{number + 1000}", seed=number, change=change)


def flipped(content: bytearray, chance: np.random.Generator, end: int) -> None:
    for _ in range(int(chance.integers(1, 4))):
        content[int(chance.integers(0, end))] ^= 1 << int(chance.integers(0, 8))


def filled(content: bytearray, chance: np.random.Generator, end: int) -> None:
    start = int(chance.integers(0, end))
    length = int(chance.integers(1, 12))
    content[start : start + length] = bytes([int(chance.choice([0, 255, 32]))]) * length


def cut(content: bytearray, chance: np.random.Generator, _end: int) -> None:
    del content[int(chance.integers(0, len(content))) :]


def removed(content: bytearray, chance: np.random.Generator, end: int) -> None:
    start = int(chance.integers(0, end))
    del content[start : start + int(chance.integers(1, 9))]


def inserted(content: bytearray, chance: np.random.Generator, end: int) -> None:
    start = int(chance.integers(0, end))
    content[start:start] = chance.bytes(int(chance.integers(1, 9)))


def lengthened(content: bytearray, chance: np.random.Generator, end: int) -> None:
    """A length field of an element gets a huge value."""
    start = int(chance.integers(132, end))
    content[start : start + 4] = int(chance.choice([0xFFFFFFFF, 0x7FFFFFFF, 0xFFFE, 0x10000])).to_bytes(4, "little")


MUTATIONS = (flipped, filled, cut, removed, inserted, lengthened)


def mutated(content: bytes, seed: int, *, header: int) -> bytes:
    """A damaged copy; the bytes before `header` are hit, and of cut files everything."""
    chance = np.random.default_rng(seed)
    changed = bytearray(content)
    while bytes(changed) == content:
        MUTATIONS[seed % len(MUTATIONS)](changed, chance, header)
    return bytes(changed)


def test_500_mutated_dicom_files_harm_nothing_and_none_is_silent(
    tmp_path: Path, in_process: Callable[..., Ended]
) -> None:
    folder = tmp_path / "pacs"
    for number in range(500):
        whole = phantom(number)
        parent = whole.write(folder / f"{number:03d}", names=[f"{k}" for k in range(SLICES)])
        file = parent / f"{number % SLICES}"
        content = file.read_bytes()
        pixels = content.index(b"\xe0\x7f\x10\x00") + (12 if number % 4 else 0)
        file.write_bytes(mutated(content, number, header=len(content) if hits_pixels(number) else pixels))
    ended = in_process(folder)
    exact, valid, short = list[int](), list[int](), 0
    for row in ended.taken.cases:
        files = [Path(file) for file in json.loads(ended.taken.links[row["case_id"]]["files"])]
        number, short = int(files[0].parent.name), short + (len(files) < SLICES)
        image = nibabel.load(ended.taken.manifest.parent / row["image"])
        (exact if judge(image, files, phantom(number)) else valid).append(number)
    counts = Counter(ended.outcomes[f"{number:03d}/{number % SLICES}"] for number in range(500))
    print(f"\n{ended.seconds:.0f} s; accepted: {len(exact)} exact ({short} short), {len(valid)} valid")
    print(f"The 500 files: {counts}")
    assert len(exact) >= 35
    assert short <= 5, "volumes that lack the first or last slice, as that one was left out because of its header"
    assert sum(not hits_pixels(number) for number in valid) <= 5
    assert "decoder_timeout" not in counts


def hits_pixels(number: int) -> bool:
    """Of half of the compressed files the pixels are hit too; codecs carry no checksum, so some still decode."""
    return COMPRESSIONS[number % len(COMPRESSIONS)] is not as_it_is and number % 8 > 3


def judge(image: nibabel.Nifti1Image, files: list[Path], truth: Phantom) -> bool:
    """Whether an accepted volume is the phantom itself; else each voxel of each slice is what pydicom reads there."""
    values, offset = image.get_fdata(), np.linalg.inv(truth.affine) @ image.affine
    np.testing.assert_allclose(offset[:3, :3], np.eye(3), atol=1e-4)
    np.testing.assert_allclose(image.affine[:3, :3], truth.affine[:3, :3], atol=AFFINE_MM)
    first = round(offset[2, 3])
    np.testing.assert_allclose(offset[:3, 3], (0, 0, first), atol=1e-3)
    assert len(files) == values.shape[2]
    slices = sorted(int(file.name) for file in files)
    assert slices == list(range(first, first + len(files)))
    if np.array_equal(values, truth.values[:, :, first : first + len(files)]):
        return True
    for k, position in enumerate(slices):
        if not np.array_equal(values[:, :, k], truth.values[:, :, position]):
            assert position == int(files[0].parent.name) % SLICES
            dataset = pydicom.dcmread(files[0].parent / f"{position}")
            pixels = dataset.pixel_array * float(dataset.get("RescaleSlope", 1)) + float(
                dataset.get("RescaleIntercept", 0)
            )
            np.testing.assert_allclose(values[:, :, k].T, pixels, rtol=1e-6)
    return False


AFFINE = np.array([[-0.8, 0.1, 0.2, 31.0], [0.1, 0.9, -0.3, -80.0], [0.1, 0.25, 2.4, 402.0], [0, 0, 0, 1.0]])
AFFINE[:3, :3] = np.linalg.qr(AFFINE[:3, :3])[0] * (0.8, 0.9, 2.5)


def nifti(seed: int) -> tuple[np.ndarray, bytes]:
    values = np.random.default_rng(seed).integers(-500, 1500, (9, 8, 7)).astype(np.int16)
    image = nibabel.Nifti1Image(values, AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(AFFINE, 1)
    return values, image.to_bytes()


def test_300_mutated_nifti_files_harm_nothing_and_none_is_silent(
    tmp_path: Path, in_process: Callable[..., Ended]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(300):
        _, content = nifti(number)
        if number % 3:
            (folder / f"{number:03d}.nii").write_bytes(mutated(content, number, header=352))
        else:
            packed = gzip.compress(content, mtime=0)
            (folder / f"{number:03d}.nii.gz").write_bytes(mutated(packed, number, header=len(packed)))
    ended = in_process(folder, "--source", "nifti")
    exact = valid = 0
    for row in ended.taken.cases:
        (file,) = json.loads(ended.taken.links[row["case_id"]]["files"])
        found = nibabel.load(ended.taken.manifest.parent / row["image"])
        truth, _ = nifti(int(Path(file).name[:3]))
        same = found.shape == truth.shape and np.array_equal(found.get_fdata(), truth)
        if same and np.allclose(found.affine, AFFINE, atol=AFFINE_MM):
            exact += 1
            continue
        valid += 1
        witness = nibabel.load(file)
        np.testing.assert_allclose(found.get_fdata().squeeze(), witness.get_fdata().squeeze(), rtol=1e-5)
        np.testing.assert_allclose(found.affine, witness.affine, atol=1e-3)
    counts = Counter(ended.outcomes.values())
    print(f"\n{ended.seconds:.0f} s; accepted: {exact} exact, {valid} otherwise valid; the 300 files: {counts}")
    assert exact >= 60
    assert valid <= 30


def all_of(**tags: object) -> Callable[[pydicom.Dataset], None]:
    def change(dataset: pydicom.Dataset) -> None:
        for name, value in tags.items():
            setattr(dataset, name, value)

    return change


def nested(dataset: pydicom.Dataset) -> None:
    inner = pydicom.Dataset()
    for _ in range(200):
        outer = pydicom.Dataset()
        outer.ReferencedSeriesSequence = [inner]
        inner = outer
    dataset.ReferencedSeriesSequence = [inner]


def as_unsigned_long(dataset: pydicom.Dataset) -> None:
    del dataset.Rows
    dataset.add_new(0x00280010, "UL", 70_000)


def palette_beyond_its_end(dataset: pydicom.Dataset) -> None:
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", bytes(8))


def gap_in_pixels(dataset: pydicom.Dataset) -> None:
    rle(dataset)
    dataset.PixelData = dataset.PixelData[:60] + bytes(40)


ATTACKS: dict[str, Callable[[pydicom.Dataset], None]] = {
    "rows as a long": as_unsigned_long,
    "rows 65535": all_of(Rows=65535),
    "rows 0": all_of(Rows=0),
    "no rows": lambda dataset: dataset.__delattr__("Rows"),
    "2^31 frames": all_of(NumberOfFrames=str(2**31 - 1)),
    "negative frames": all_of(NumberOfFrames="-5"),
    "255 samples": all_of(SamplesPerPixel=255),
    "0 samples": all_of(SamplesPerPixel=0),
    "bits stored beyond allocated": all_of(BitsStored=20),
    "bits allocated 7": all_of(BitsAllocated=7),
    "palette beyond its end": palette_beyond_its_end,
    "position nan": all_of(ImagePositionPatient=["nan", "0", "0"]),
    "position far away": all_of(ImagePositionPatient=["1e30", "0", "0"]),
    "position of two": all_of(ImagePositionPatient=["1", "2"]),
    "orientation zero": all_of(ImageOrientationPatient=["0"] * 6),
    "orientation not unit": all_of(ImageOrientationPatient=["2", "0", "0", "0", "2", "0"]),
    "spacing 0": all_of(PixelSpacing=["0", "0"]),
    "spacing negative": all_of(PixelSpacing=["-1", "1"]),
    "spacing 1e9": all_of(PixelSpacing=["1e9", "1e9"]),
    "spacing nan": all_of(PixelSpacing=["nan", "1"]),
    "slope nan": all_of(RescaleSlope="nan"),
    "slope 1e38": all_of(RescaleSlope="1e38"),
    "slope inf": all_of(RescaleSlope="inf"),
    "intercept nan": all_of(RescaleIntercept="nan"),
    "no pixels": all_of(PixelData=b""),
    "too few pixels": all_of(PixelData=bytes(20)),
    "photometric nonsense": all_of(PhotometricInterpretation="NONSENSE"),
    "broken fragments": gap_in_pixels,
    "all at one place": all_of(ImagePositionPatient=["0", "0", "0"]),
    "syntax unknown": lambda dataset: setattr(dataset.file_meta, "TransferSyntaxUID", "1.2.3.4.5"),
}


def test_30_structure_attacks_are_each_refused_by_name(tmp_path: Path, in_process: Callable[..., Ended]) -> None:
    folder = tmp_path / "pacs"
    for number, attack in enumerate(ATTACKS.values()):

        def change(dataset: pydicom.Dataset, _k: int, number: int = number, attack: Any = attack) -> None:
            dataset.PatientID, dataset.StudyInstanceUID = f"P{number}", f"1.2.826.0.3.{number + 1}"
            with pydicom.config.disable_value_validation():
                attack(dataset)

        with pydicom.config.disable_value_validation():
            damaged = series(slices=SLICES, uid=f"{number + 1}", seed=number, change=change)
            folder_of_case = folder / f"{number:02d}"
            folder_of_case.mkdir(parents=True)
            for k, dataset in enumerate(damaged.datasets):
                stream = io.BytesIO()
                pydicom.dcmwrite(stream, dataset, enforce_file_format=False, implicit_vr=False, little_endian=True)
                (folder_of_case / f"{k}").write_bytes(stream.getvalue())
    whole = series(slices=SLICES, uid="99", change=lambda dataset, _: setattr(dataset, "PatientID", "whole"))
    whole.write(folder / "whole")
    series(slices=SLICES, uid="98", seed=98, change=lambda dataset, _: nested(dataset)).write(folder / "nested")
    ended = in_process(folder)
    outcomes_of = {
        name: {outcome for file, outcome in ended.outcomes.items() if file.startswith(f"{number:02d}/")}
        for number, name in enumerate(ATTACKS)
    }
    print("\n" + "\n".join(f"{name}: {', '.join(sorted(outcomes))}" for name, outcomes in outcomes_of.items()))
    assert not [name for name, outcomes in outcomes_of.items() if "used" in outcomes]
    assert {outcome for file, outcome in ended.outcomes.items() if file.startswith("whole/")} == {"used"}


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )


def nifti_bomb() -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((2000, 2000, 540))
    header["magic"], header["vox_offset"] = b"n+1", 352
    return gzip.compress(header.binaryblock + bytes(4) + bytes(4 * 2**20))


def deflate_bomb() -> bytes:
    """800 MB of zeros in a deflated DICOM file."""

    def deflated(dataset: pydicom.Dataset, _k: int) -> None:
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    small = series(slices=1, change=deflated)
    content = as_bytes(small.datasets[0])
    body = content.index(b"1.2.840.10008.1.2.1.99") + 22
    while body < len(content) and content[body] in (0,):
        body += 1
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(squeeze.compress(bytes(2**20)) for _ in range(800)) + squeeze.flush()
    return content[:body] + packed


def test_bombs_are_refused_by_name_before_they_unpack(tmp_path: Path, in_process: Callable[..., Ended]) -> None:
    pictures, volumes, pacs = (tmp_path / name for name in ("pictures", "volumes", "pacs"))
    for folder in (pictures, volumes, pacs):
        folder.mkdir()
    (pictures / "bomb.png").write_bytes(png_bomb(13_000))
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(pictures / "fine.png")
    (volumes / "bomb.nii.gz").write_bytes(nifti_bomb())
    (volumes / "fine.nii").write_bytes(nifti(1)[1])
    (pacs / "bomb.dcm").write_bytes(deflate_bomb())
    whole = series(slices=SLICES)
    whole.write(pacs / "fine")
    reasons = {}
    for folder in (pictures, volumes, pacs):
        ended = in_process(folder)
        (reasons[folder.name],) = {row["reason"] for row in ended.taken.refusals}
        assert len(ended.taken.cases) == 1
        assert ended.seconds < FILE_SECONDS
        for file in (tmp_path / "study").rglob("*"):
            if file.is_file():
                file.unlink()
        for file in (ended.taken.home / "links").iterdir():
            file.unlink()
    assert reasons == {"pictures": "too_large", "volumes": "too_large", "pacs": "deflated"}


FAULTS: dict[Callable[[int], list[bytes]], tuple[tuple[list[str], int], ...]] = {
    series_faults.whole: ((["too_few_slices"], 0), ([], 1), ([], 1)),
    series_faults.shuffled_numbers: ((["too_few_slices"], 0), ([], 1), ([], 1)),
    series_faults.same_numbers: ((["too_few_slices"], 0), ([], 1), ([], 1)),
    series_faults.missing: (([], -1), (["missing_slice"], 0), (["missing_slice"], 0)),
    series_faults.two_series: ((["too_few_slices"] * 2, 0), ([], 2), ([], 2)),
    series_faults.localizer: ((["localizer", "too_few_slices"], 0), (["localizer"], 1), (["localizer"], 1)),
    series_faults.monochrome1: ((["too_few_slices"], 0), ([], 1), ([], 1)),
    series_faults.truncated: (
        (["truncated"], 0),
        (["truncated", "unreadable_slice"], 0),
        (["truncated", "unreadable_slice"], 0),
    ),
}
"""For 1, 5 and 40 slices: the reasons, and how many volumes are accepted; -1 for a folder that is left empty."""


@pytest.mark.parametrize("size", [1, 5, 40])
@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.__name__)
def test_the_eight_faults_of_series_in_three_sizes(
    case: Callable[[int], list[bytes]], size: int, tmp_path: Path, intake: Intake
) -> None:
    folder = tmp_path / "pacs"
    folder.mkdir()
    for number, content in enumerate(case(size)):
        (folder / f"{number}").write_bytes(content)
    reasons, accepted = FAULTS[case][(1, 5, 40).index(size)]
    if accepted < 0:
        assert "there is nothing to take in" in intake(folder, code=2).stderr
        return
    taken = intake(folder)
    assert sorted(row["reason"] for row in taken.refusals) == reasons
    assert len(taken.cases) == accepted
    for row in taken.cases:
        uid = taken.links[row["case_id"]]["series_uid"]
        truth = series(slices=size, seed=0 if uid.endswith(".1") else 1)
        image = nibabel.load(taken.manifest.parent / row["image"])
        np.testing.assert_array_equal(image.get_fdata(), truth.values)
        np.testing.assert_allclose(image.affine, truth.affine, atol=AFFINE_MM)
