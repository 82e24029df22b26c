"""Images of an .npz come out one by one, right and with little memory, however large the file is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from medtl.errors import DataRefused
from medtl.intake.medmnist import survey_medmnist
from medtl.intake.npz_arrays import arrays_in, verify
from medtl.intake.settings import IntakeSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 9, 7, 3), dtype=np.uint8)
WRITERS = {"stored": np.savez, "packed": np.savez_compressed}


def written(path: Path, how: str, **arrays: np.ndarray) -> Path:
    WRITERS[how](path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("how", WRITERS)
@pytest.mark.parametrize("order", ["forwards", "a little out of order", "backwards", "at random"])
def test_items_are_those_of_numpy_in_any_order(tmp_path: Path, how: str, order: str) -> None:
    file = written(tmp_path / "a.npz", how, other=np.zeros(3), train_images=IMAGES)
    numbers = np.arange(len(IMAGES))
    orders = {
        "forwards": numbers,
        "a little out of order": numbers.reshape(-1, 4)[:, ::-1].ravel(),
        "backwards": numbers[::-37],
        "at random": np.random.default_rng(1).permutation(numbers)[:40],
    }
    array = arrays_in(file)["train_images"]
    verify(file, [array])
    for number in orders[order]:
        np.testing.assert_array_equal(array.item(int(number)), IMAGES[number])


@pytest.mark.parametrize("how", WRITERS)
def test_a_changed_byte_is_found_before_anything_is_taken_in(tmp_path: Path, how: str) -> None:
    file = written(tmp_path / "a.npz", how, train_images=IMAGES, train_labels=np.zeros(len(IMAGES), np.uint8))
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataRefused, match=r"a\.npz cannot be read as \.npz"):
        survey_medmnist(file, IntakeSettings())


def test_an_image_that_no_memory_could_hold_is_refused_by_its_header(tmp_path: Path) -> None:
    header = (
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 30000, 30000), }".ljust(117)
    )
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("train_images.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(header + b"\n")
        for _ in range(900):
            stream.write(bytes(10**6))
    words = (
        "An image in train_images of a.npz is too large: the array is 1 x 30000 x 30000, and an image may have 400,000"
    )
    with pytest.raises(DataRefused, match=words):
        survey_medmnist(tmp_path / "a.npz", IntakeSettings())


@pytest.mark.parametrize("how", WRITERS)
def test_reading_all_images_takes_the_memory_of_a_few(tmp_path: Path, how: str) -> None:
    """Four hundred images of a megabyte; the peak is the kernel's, and 128 MB beyond the start are the items kept."""
    file = written(
        tmp_path / "a.npz", how, train_images=np.zeros((400, 1000, 1000), np.uint8), train_labels=np.zeros(400)
    )
    code = (
        "import sys\nfrom pathlib import Path\nfrom medtl.intake.npz_arrays import arrays_in, verify\n"
        "def peak():\n    status = Path('/proc/self/status').read_text()\n"
        "    return int(status.partition('VmHWM:')[2].split()[0]) // 1024\n"
        "before = peak()\nfile = Path(sys.argv[1])\narray = arrays_in(file)['train_images']\nverify(file, [array])\n"
        "for number in range(400):\n    array.item(number)\nprint(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200
