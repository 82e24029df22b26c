"""Sixty words that name somebody, planted wherever a scan, a manifest or a machine can hold one, and found nowhere."""

from __future__ import annotations

import base64
import binascii
import csv
import gzip
import io
import platform
import re
import shutil
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml
from dicom_phantom import CR, as_bytes, image
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from stored_weights import store_weights
from typer.testing import CliRunner

from medtl.cli import app
from medtl.imaging.prepared import cache as prepared_cache
from medtl.locks import exclusive

IN_DICOM = (
    "PatientID", "PatientName", "OtherPatientIDs", "OtherPatientNames", "PatientAddress", "PatientTelephoneNumbers",
    "PatientComments", "PatientMotherBirthName", "Occupation", "EthnicGroup", "AdditionalPatientHistory",
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "ReferringPhysicianName",
    "PerformingPhysicianName", "OperatorsName", "NameOfPhysiciansReadingStudy", "RequestingPhysician",
    "StudyDescription", "SeriesDescription", "AccessionNumber", "StudyID", "StationName", "DeviceSerialNumber",
    "ProtocolName", "ImageComments", "RequestedProcedureDescription", "PerformedProcedureStepDescription",
    "DerivationDescription", "FrameComments", "ContrastBolusAgent", "BodyPartExamined", "FilterType",
)  # fmt: skip
"""Text of a header that is nobody's business; each holds a canary of its own."""

IN_WORDS = (
    "Modality", "PhotometricInterpretation", "VOILUTFunction", "WindowCenterWidthExplanation", "PatientPosition",
    "PresentationIntentType", "RescaleType", "ViewPosition", "Manufacturer", "ManufacturerModelName",
)  # fmt: skip
"""Header words of closed lists, with a name in the place of the word: each in a file of its own."""

DATES = {
    "PatientBirthDate": "19370203",
    "StudyDate": "20190417",
    "AcquisitionDate": "20190418",
    "ContentDate": "20190419",
}
UIDS = {"StudyInstanceUID": "1.2.826.0.3.7717", "FrameOfReferenceUID": "1.2.826.0.4.9919"}
IN_NIFTI = ("descrip", "aux_file", "intent_name", "db_name", "extension")
IN_PICTURES = ("text", "exif", "comment")
IN_NAMES = ("folder", "file", "manifest", "case", "patient", "column", "study-folder", "archive", "machine")
EVERY = (*IN_DICOM, *IN_WORDS, *DATES, *UIDS, *IN_NIFTI, *IN_PICTURES, *IN_NAMES)
TOKEN = "kanari"
"""Part of every canary that is text, whatever its capitals."""


def canary(place: str) -> str:
    return f"Kanari{EVERY.index(place):02d}"


def dicom(number: int, *, odd: str = "") -> bytes:
    """A radiograph of the class that `number` has, with canaries in its header; `odd` names a word of a closed list."""
    dataset = image(pixels(number), uid=f"7717{number}", sop_class=CR, modality="CR")
    for place in IN_DICOM:
        setattr(dataset, place, canary(place)[:16])
    for place, value in {**DATES, **UIDS}.items():
        setattr(dataset, place, value)
    dataset.PatientID = f"{canary('PatientID')}-{number}"
    if odd:
        setattr(dataset, odd, canary(odd))
    dataset.add_new((0x0011, 0x0010), "LO", "KANARI PRIVATE")
    dataset.add_new((0x0011, 0x1001), "LO", f"{TOKEN}-private")
    return as_bytes(dataset)


def pixels(number: int) -> np.ndarray:
    values = np.random.default_rng(number).integers(0, 900, (24, 24)).astype(np.uint16)
    values[6:15, 6:15] += 900 * (number % 2)
    return values


def png(path: Path, number: int) -> None:
    notes = PngInfo()
    notes.add_text("Comment", canary("text"))
    Image.fromarray((pixels(number) // 8).astype(np.uint8)).save(path, pnginfo=notes)


def jpeg(path: Path, number: int) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = canary("exif"), canary("exif")
    Image.fromarray((pixels(number) // 8).astype(np.uint8)).save(path, exif=exif, comment=canary("comment").encode())


def nifti(path: Path, number: int) -> None:
    values = np.repeat(pixels(number)[:, :, None], 8, axis=2).astype(np.int16)
    made = nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0]))
    for place in ("descrip", "aux_file", "intent_name", "db_name"):
        made.header[place] = canary(place).encode()
    made.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", canary("extension").encode()))
    made.header["sform_code"] = 1
    nibabel.save(made, path)


@dataclass
class World:
    """Where everything lies, and all that was written and said so far."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """What could be handed on."""
        return self.folder / "out"

    def ask(self, *words: object, code: int) -> None:
        """Give the command; its exit code is known beforehand."""
        done = CliRunner().invoke(app, [str(word) for word in words])
        name = f"{len(self.said):02d} {words[0]}"
        self.said[name] = done.stdout + done.stderr
        assert done.exit_code == code, (name, done.stderr, done.exception)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("CACHE", "HOME", "WEIGHTS"):
        monkeypatch.setenv(f"MEDTL_{name}", str(tmp_path / name.lower()))
    for name in ("USER", "LOGNAME", "HOSTNAME"):
        monkeypatch.setenv(name, canary("machine"))
    for room, name in ((socket, "gethostname"), (platform, "node")):
        monkeypatch.setattr(room, name, lambda: canary("machine"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield World(tmp_path)
    torch.set_num_threads(threads)


def archive(folder: Path) -> Path:
    """Radiographs of 16 people, each in a folder with a name; those of closed lists with a name in place of a word."""
    for number in range(16):
        place = folder / canary("folder") / f"{canary('patient')} {number}"
        place.mkdir(parents=True)
        (place / f"{canary('file')}-{number}.dcm").write_bytes(dicom(number))
    for number, odd in enumerate(IN_WORDS):
        (folder / canary("folder") / f"{canary('file')} {odd}.dcm").write_bytes(dicom(50 + number, odd=odd))
    whole = dicom(90)
    (folder / f"{canary('file')} cut.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / f"{canary('file')} notes.txt").write_text(canary("file"))
    return folder


def manifest_by_hand(folder: Path) -> Path:
    """A manifest of files as people have them, whose ids, file names and headers name somebody."""
    scans = folder / canary("folder")
    scans.mkdir(parents=True)
    rows = []
    for number in range(20):
        name = f"{canary('file')}-{number}.{('png', 'jpg', 'dcm')[number // 2 % 3]}"
        if name.endswith("dcm"):
            (scans / name).write_bytes(dicom(number))
        else:
            (png if name.endswith("png") else jpeg)(scans / name, number)
        rows.append(row_of(number, scans / name))
    for number, odd in enumerate(IN_WORDS, start=20):
        (scans / f"{canary('file')}-{odd}.dcm").write_bytes(dicom(number, odd=odd))
        rows.append(row_of(number, scans / f"{canary('file')}-{odd}.dcm"))
    for number, content in enumerate((b"", canary("file").encode(), dicom(70)[:900]), start=40):
        (scans / f"{canary('file')}-damaged-{number}.dcm").write_bytes(content)
        rows.append(row_of(number, scans / f"{canary('file')}-damaged-{number}.dcm"))
    path = folder / f"{canary('manifest')}.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def row_of(number: int, path: Path) -> dict[str, str]:
    return {
        "case_id": f"{canary('case')}-{number}",
        "patient_id": f"{canary('patient')}-{number}",
        "image": path.relative_to(path.parents[1]).as_posix(),
        "label": ("well", "ill")[number % 2],
        "sex": "FM"[number // 2 % 2],
        "official": "test" if 12 <= number < 20 else "train",
    }


def study_of(manifest: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    settings: dict[str, Any] = {
        "name": "birds",
        "manifest": str(manifest),
        "classes": ["well", "ill"],
        "folds": {"count": 2, "seed": 7, "sealed": "official"},
        "preparation": {"preset": "radiograph", "size_px": [32, 32]},
        "encoder": "resnet10",
        "adaptation": {"policy": "probe"},
        "explanation": {"cases_of_each_kind": 1},
        "saliency": {"checks": False},
        "resamples": 100,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def leaks(name: str, data: bytes, words: tuple[bytes, ...]) -> list[str]:
    """The words that stand in a file as it is, unpacked from gzip or zip, or in what it holds as base64."""
    parts = [data]
    if data[:2] == b"\x1f\x8b":
        parts.append(gzip.decompress(data))
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts += [part for one in packed.infolist() for part in (one.filename.encode(), packed.read(one))]
    for run in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", data):
        try:
            parts.append(base64.b64decode(run + b"=" * (-len(run) % 4)))
        except binascii.Error:
            continue
    text = b"\n".join(parts).lower()
    return [f"{name}: {word.decode()}" for word in words if word in text]


@pytest.mark.slow
def test_no_word_that_names_somebody_leaves_the_machine_by_any_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(EVERY) >= 60
    out = world.out
    labels = world.folder / f"{canary('manifest')}-labels.csv"
    labels.write_text(
        "patient_id,label\n" + "".join(f"{canary('PatientID')}-{n},{('well', 'ill')[n % 2]}\n" for n in range(100))
    )
    source = archive(world.folder / canary("archive"))
    world.ask("intake", source, "--out", out / "taken" / "m.csv", "--labels", labels, code=0)
    volumes = world.folder / canary("archive") / "nifti"
    volumes.mkdir()
    for number in range(4):
        nifti(volumes / f"sub-{number}_T1w.nii.gz", number)
    world.ask("intake", volumes, "--out", out / "volumes" / "m.csv", "--source", "nifti", code=0)

    manifest = manifest_by_hand(world.folder / canary("study-folder"))
    study = study_of(manifest, world.folder / "study")
    run = out / "run"
    world.ask("check", manifest, "--out", out / "audit", "--set", "folds.count=2", code=0)
    world.ask("run", study, "--out", run, code=0)
    world.ask("report", run, code=0)
    world.ask("learning-curve", study, "--cases", "1,2,all", "--repeats", 10, "--out", out / "curve", code=0)
    store_weights("a-source", seed=1)
    world.ask("sources", study, "--out", out / "sources", code=0)
    world.ask("evaluate", run / "predictions.csv", "--out", out / "judged", "--resamples", 100, code=0)
    world.ask(
        "compare", run, "--model", "probe", "--model", "centroid", "--out", out / "compared", "--resamples", 100, code=0
    )
    world.ask("status", run, code=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        world.ask("slurm", study, "--out", out / "cluster", code=0)
    world.ask("run", study, "--out", out / "parts", "--prepare-only", code=0)
    world.ask("fold", out / "parts", "--fold", 0, code=0)
    world.ask("status", out / "parts", code=0)
    world.ask("status", run, "--watch", code=0)
    world.ask("export", run, "--tensorboard", out / "board", code=0)
    world.ask("container", out / "image", code=0)
    world.ask("cache", code=0)
    assert (run / "summary.html").is_file()
    world.ask("unseal", run, code=0)
    world.ask("verify", run, code=0)
    world.ask("weights", "list", code=0)

    world.ask("run", study, "--out", run, code=2)
    world.ask("run", study, "--out", out / "none", "--set", "label_column=diagnosis", code=3)
    world.ask("check", world.folder / canary("manifest") / "absent.csv", code=2)
    twice = manifest.read_text().replace(f"{canary('case')}-3,", f"{canary('case')}-1,")
    (manifest.parent / f"{canary('manifest')}-twice.csv").write_text(twice)
    world.ask("check", manifest.parent / f"{canary('manifest')}-twice.csv", code=3)
    flipped = out / "flipped"
    shutil.copytree(run, flipped)
    (flipped / "predictions.csv").write_text((flipped / "predictions.csv").read_text().replace("0.", "0.9", 1))
    world.ask("verify", flipped, code=7)

    world.ask("status", out / "taken", code=2)
    world.ask("export", run, "--tensorboard", run / "board", code=2)
    world.ask("container", out / "image", code=2)
    world.ask("fold", out / "parts", "--fold", 9, code=2)
    world.ask("slurm", world.folder / "study" / "absent.yaml", code=2)
    with exclusive(run / ".lock", refusal="no"):
        world.ask("run", study, "--out", run, "--resume", code=6)

    def unforeseen(*_: object, **__: object) -> None:
        raise KeyError(canary("patient"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared_cache, "decode_scan", unforeseen)
        patch.setenv("MEDTL_CACHE", str(world.folder / "another-cache"))
        world.ask("run", study, "--out", out / "all-refused", code=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medtl.study.run.resolve_encoders", unforeseen)
        world.ask("run", study, "--out", out / "ended", code=1)

    words = tuple(word.encode() for word in (TOKEN, *DATES.values(), *UIDS.values(), str(world.folder).lower()))
    written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    written |= {f"log {path.name}": path.read_bytes() for path in (world.folder / "home" / "logs").iterdir()}
    typed = re.compile(f"{re.escape(str(out))}|{canary('manifest')}[a-z-]*(.csv)?")  # what the user has just typed
    said = {f"said by {name}": typed.sub("TYPED", text).encode() for name, text in world.said.items()}
    names = {f"name {name}": name.encode() for name in written}
    found = [leak for name, data in {**written, **said, **names}.items() for leak in leaks(name, data, words)]
    assert not found, "\n".join(found) + "".join(
        text.decode() for text in said.values() if TOKEN.encode() in text.lower()
    )
