"""What an intake cannot do, it says: what was expected, what came, what to do; each with its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import series

Intake = Callable[..., Any]


@pytest.fixture
def pacs(tmp_path: Path) -> Path:
    return series(slices=6).write(tmp_path / "pacs").parent / "pacs"


def test_a_folder_that_is_not_there_or_holds_nothing(tmp_path: Path, intake: Intake) -> None:
    message = intake(tmp_path / "nowhere", code=2).stderr
    assert "Expected a folder to take scans from; there is none of that name. Check the path." in message
    assert str(tmp_path) not in message
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    message = intake(tmp_path / "texts", code=2).stderr
    assert "holds no DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP or .npz file: there is nothing" in message
    assert "Say what it is with --source" in message


def test_a_folder_that_cannot_be_listed(pacs: Path, intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(_folder: Path, *, onerror: Callable[[OSError], None]) -> list[Any]:
        onerror(PermissionError(13, "Permission denied", "/secret"))
        return []

    monkeypatch.setattr(os, "walk", walk)
    message = intake(pacs, code=3).stderr
    assert (
        "A folder below the one to be taken in cannot be listed: Permission denied. Give yourself the right" in message
    )
    assert "secret" not in message


def test_a_manifest_that_is_no_table_or_lies_in_the_way(tmp_path: Path, pacs: Path, intake: Intake) -> None:
    message = intake(pacs, out=tmp_path / "m.json", code=2).stderr
    assert "give --out a name that ends in .csv, not 'm.json'" in message
    message = intake(pacs, out=pacs / "m.csv", code=2).stderr
    assert "The manifest would lie inside the folder that is taken in" in message
    assert "Choose a folder outside of it for --out." in message


def test_options_that_cannot_be_followed_are_all_named(pacs: Path, intake: Intake) -> None:
    message = intake(pacs, "--source", "fax", "--workers", 0, "--fewest-slices", 0, code=2).stderr
    assert "--source fax: input should be 'auto', 'dicom'" in message
    assert "--workers 0: input should be greater than or equal to 1" in message
    assert "--fewest-slices 0: input should be greater than or equal to 1" in message


def test_another_intake_in_the_same_folder_is_not_overwritten(tmp_path: Path, pacs: Path, intake: Intake) -> None:
    taken = intake(pacs)
    taken.manifest.unlink()
    taken.manifest.with_name("manifest.intake.jsonl").unlink()
    image = next((taken.manifest.parent / "volumes").iterdir())
    image.write_bytes(b"another")
    message = intake(pacs, code=2).stderr
    assert f"volumes/{image.name} beside the manifest holds something else" in message
    assert "Write this manifest to another folder, or give --replace." in message
    assert intake(pacs, "--replace").counts == (6, 6, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read as JSON (JSONDecodeError)"),
        ("[" * 100_000, "cannot be read as JSON (RecursionError)"),
        ("[1]", "holds none of the lists training, validation, test, testing. Expected a Decathlon or MONAI datalist"),
        ('{"training": [{"image": "../../etc/passwd"}]}', "training 1: a path leads out of the folder of the list"),
        ('{"training": [{"image": "/etc/passwd"}]}', "training 1: a path leads out of the folder of the list"),
        ('{"training": [{"image": "a"}, {"image": "./a"}, 7]}', "training 3: no single image path"),
        ('{"training": [{"image": "a"}, {"image": "./a"}]}', "training 2: the image is named twice"),
        ('{"training": [{"image": "a", "label": [1, 0]}]}', "training 1: the label is neither one class nor one mask"),
    ],
)
def test_a_faulty_datalist_is_refused(content: str, words: str, tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "list"
    folder.mkdir()
    (folder / "dataset.json").write_text(content)
    assert words in intake(folder, "--source", "datalist", code=3).stderr


def test_a_datalist_with_many_faults_shows_some_and_counts_the_rest(tmp_path: Path, intake: Intake) -> None:
    listing = tmp_path / "list.json"
    listing.write_text(json.dumps({"training": [{"image": "../x"}] * 25}))
    message = intake(listing, code=3).stderr
    assert "has 25 faulty entries" in message
    assert "… and 5 more" in message
    assert "nothing was written" in message


def npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_a_faulty_medmnist_file_is_refused(tmp_path: Path, intake: Intake) -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    several = npz(tmp_path / "a.npz", train_images=images, train_labels=np.zeros((3, 14), np.uint8))
    message = intake(several, code=3).stderr
    assert "has 42 labels for 3 images in train; expected one for each" in message
    assert "collections with several labels for an image are not taken in" in message
    other = npz(tmp_path / "b.npz", weights=images)
    assert "is no MedMNIST file: it holds weights." in intake(other, code=3).stderr
    objects = npz(tmp_path / "c.npz", train_images=np.array([{}], dtype=object), train_labels=np.zeros(1))
    message = intake(objects, code=3).stderr
    assert "An array of c.npz holds Python objects, which are never opened" in message
    columns = npz(tmp_path / "f.npz", train_images=np.asfortranarray(images + 1), train_labels=np.zeros(3))
    assert "lies column by column (Fortran order)" in intake(columns, code=3).stderr
    words = npz(tmp_path / "g.npz", train_images=images, train_labels=np.array(["a", "b", "c"]))
    assert "The labels of train in g.npz are no numbers" in intake(words, code=3).stderr
    flat = npz(tmp_path / "h.npz", train_images=np.zeros((3, 784)), train_labels=np.zeros(3))
    assert "The array train_images of h.npz is 3 x 784; expected whole or real numbers" in intake(flat, code=3).stderr
    alone = npz(tmp_path / "i.npz", train_images=images)
    assert "has no train_labels beside train_images" in intake(alone, code=3).stderr
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04" + bytes(50))
    assert (
        "cannot be read as .npz (BadZipFile). Get it again from its source."
        in intake(tmp_path / "d.npz", code=3).stderr
    )
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("train_images.npy", b"no array")
    assert "cannot be read as .npz (ValueError)" in intake(tmp_path / "e.npz", code=3).stderr
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("a.npz", "b.npz"):
        npz(folder / name, train_images=images, train_labels=np.zeros((3, 1)))
    assert "Expected one MedMNIST file (.npz); got 2" in intake(folder, code=2).stderr


def test_a_home_that_cannot_be_written_is_named(
    tmp_path: Path, pacs: Path, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "file" / "home"))
    message = intake(pacs, code=2).stderr
    assert "MEDTL_HOME" in message


def test_the_help_teaches_and_opens_no_large_library() -> None:
    code = (
        "import sys\nfrom medtl.cli import main\nsys.argv = ['medtl', 'intake', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'monai', 'pandas', 'pydicom', 'nibabel') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    for word in ("--labels", "--modality", "--correct-tilt", "MEDTL_HOME", "Exit code 0"):
        assert word in " ".join(done.stdout.split())


def test_an_intake_opens_neither_torch_nor_monai(tmp_path: Path, pacs: Path, home: Path) -> None:
    code = (
        "import sys\nfrom medtl.cli import main\n"
        f"sys.argv = ['medtl', 'intake', {str(pacs)!r}, '--out', {str(tmp_path / 'o' / 'm.csv')!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]"), done.stdout
