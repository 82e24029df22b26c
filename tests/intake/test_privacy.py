"""No name leaves the archive: what is written beside the manifest holds no identity, and the link table is private."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import as_bytes, image, series
from PIL import Image

from medtl.errors import ConfigurationError
from medtl.intake import source_of

Intake = Callable[..., Any]

CANARIES = {
    "PatientID": "MRN-8472-CANARY", "PatientName": "CANARY^JANE", "OtherPatientIDs": "OTHER-CANARY",
    "PatientBirthDate": "19610203", "StudyDate": "20240311", "AcquisitionDate": "20240312",
    "InstitutionName": "CANARY HOSPITAL", "ReferringPhysicianName": "CANARY^DOC", "StudyDescription": "STUDY CANARY",
    "SeriesDescription": "DESCRIPTION CANARY", "PatientComments": "COMMENT CANARY", "AccessionNumber": "ACC-CANARY",
    "StationName": "STATION-CANARY", "DeviceSerialNumber": "SERIAL-CANARY", "ProtocolName": "PROTOCOL CANARY",
    "StudyInstanceUID": "1.2.826.0.3.77777", "SeriesInstanceUID": "1.2.826.0.1.88888",
    "FrameOfReferenceUID": "1.2.826.0.4.99999",
}  # fmt: skip
SOP_START = "1.2.826.0.2.55555"


def planted(dataset: pydicom.Dataset, k: int) -> None:
    for name, value in CANARIES.items():
        setattr(dataset, name, value)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{SOP_START}.{k}"
    dataset.add_new((0x0011, 0x0010), "LO", "PRIVATE CANARY")
    dataset.add_new((0x0011, 0x1001), "LO", "PRIVATE-CANARY-VALUE")


def archive(folder: Path) -> Path:
    """A series that is accepted, one that is refused, a damaged file and a text; all with names in them."""
    parent = folder / "CANARY Jane" / "CANARY series"
    whole = series(slices=6, change=planted)
    whole.write(parent, names=[f"canary-{k}.dcm" for k in range(6)])

    def other(dataset: pydicom.Dataset, k: int) -> None:
        planted(dataset, k)
        dataset.SeriesInstanceUID = "1.2.826.0.1.66666"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{SOP_START}.9.{k}"

    series(slices=3, change=other).write(folder / "refused CANARY", names=[f"canary-{k}.dcm" for k in range(3)])
    picture = image(
        whole.values[:, :, 0].T.astype("uint16"), uid="5", sop_class="1.2.840.10008.5.1.4.1.1.7", modality="OT"
    )
    planted(picture, 77)
    (folder / "capture CANARY.dcm").write_bytes(as_bytes(picture))
    (folder / "damaged CANARY.dcm").write_bytes(bytes(128) + b"DICM" + b"CANARY" * 20)
    (folder / "CANARY notes.txt").write_text("CANARY^JANE, born 19610203")
    return folder


def everything_beside(manifest: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(manifest.parent.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found[path.name] = gzip.decompress(content) if path.name.endswith(".gz") else content
    return found


def test_no_name_id_date_or_uid_is_in_anything_that_is_written_or_printed(tmp_path: Path, intake: Intake) -> None:
    taken = intake(archive(tmp_path / "pacs"), "--interval")
    assert (len(taken.cases), len(taken.refusals)) == (1, 4)
    written = everything_beside(taken.manifest)
    assert {Path(name).suffix for name in written} == {".csv", ".gz", ".html", ".jsonl", ".sha256", ".lock"}
    wanted = [*CANARIES.values(), SOP_START, "CANARY", "canary", "1.2.826", str(tmp_path), "PRIVATE"]
    heard = {**written, "stdout": taken.stdout.encode(), "stderr": taken.stderr.encode()}
    leaks = [(name, word) for name, content in heard.items() for word in wanted if word.encode() in content]
    assert not leaks


def test_the_link_table_is_private_and_leads_back(tmp_path: Path, intake: Intake) -> None:
    taken = intake(archive(tmp_path / "pacs"))
    (row,) = taken.cases
    assert not taken.home.is_relative_to(taken.manifest.parent)
    for path in [*taken.home.rglob("*"), taken.home]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    back = source_of(row["case_id"])
    assert (back.original_patient_id, back.study_uid, back.series_uid) == (
        CANARIES["PatientID"], CANARIES["StudyInstanceUID"], CANARIES["SeriesInstanceUID"],
    )  # fmt: skip
    assert [file.name for file in back.files] == [f"canary-{k}.dcm" for k in range(6)]
    assert all(file.is_file() for file in back.files)
    with pytest.raises(ConfigurationError, match=r"No intake on this computer knows case c-none\. .*MEDTL_HOME"):
        source_of("c-none")


def test_a_pseudonym_is_the_keyed_hash_of_the_patient_id(tmp_path: Path, intake: Intake) -> None:
    """The witness is HMAC-SHA256 of the standard library under the key in the private folder."""
    taken = intake(archive(tmp_path / "pacs"))
    key = bytes.fromhex((taken.home / "pseudonym.key").read_text().strip())
    digest = hmac.new(key, f"patient:{CANARIES['PatientID']}".encode(), hashlib.sha256).hexdigest()
    assert taken.cases[0]["patient_id"] == f"p-{digest[:12]}"


def test_allowed_tags_become_covariates_and_the_description_only_on_request(tmp_path: Path, intake: Intake) -> None:
    folder = archive(tmp_path / "pacs")
    allowed = {
        "case_id", "patient_id", "image", "label", "modality", "manufacturer", "model", "orientation", "spacing_i_mm",
        "spacing_j_mm", "spacing_k_mm",
    }  # fmt: skip
    assert set(intake(folder).cases[0]) == allowed
    requested = intake(folder, "--series-description", out=tmp_path / "other" / "m.csv").cases[0]
    assert set(requested) == allowed | {"series_description"}
    assert requested["series_description"] == "DESCRIPTION CANARY"


def test_dates_are_reported_only_as_days_since_the_first_scan_of_the_patient(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pacs"
    for number, day in enumerate(("20240228", "20240301", "20250228")):

        def change(dataset: pydicom.Dataset, _k: int, day: str = day) -> None:
            dataset.AcquisitionDate = dataset.StudyDate = day

        series(slices=6, uid=f"{number + 1}", seed=number, change=change).write(folder / str(number))
    assert "interval_days" not in intake(folder).cases[0]
    requested = intake(folder, "--interval", out=tmp_path / "other" / "m.csv")
    assert sorted(int(float(row["interval_days"])) for row in requested.cases) == [0, 2, 366]
    assert "202402" not in requested.manifest.read_text()


def test_pictures_with_text_in_them_are_not_shown(tmp_path: Path, intake: Intake) -> None:
    taken = intake(archive(tmp_path / "pacs"))
    (capture,) = [row["case_id"] for row in taken.refusals if row["reason"] == "secondary_capture"]
    entry = taken.page.split(f"<bdi>{capture}</bdi>")[0].rpartition("<li>")[2]
    assert "not shown: text may be in the picture" in entry
    assert "<img" not in entry


PAYLOADS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>", "{{ 7*7 }}",
    "=HYPERLINK(1)", "@SUM(A1)", "javascript:alert(1)", "</bdi></li><h1>x</h1>",
)  # fmt: skip


def test_payloads_in_headers_and_labels_are_inert_in_page_and_tables(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pacs"
    for number, payload in enumerate(PAYLOADS):

        def change(dataset: pydicom.Dataset, _k: int, number: int = number, payload: str = payload) -> None:
            dataset.PatientID = f"P{number}"
            dataset.StudyInstanceUID = f"1.2.826.0.3.{number + 1}"
            dataset.SeriesDescription = payload
            dataset.Manufacturer = payload
            dataset.ManufacturerModelName = payload
            if number % 2:
                dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

        series(slices=6, uid=f"{number + 1}", seed=number, change=change).write(folder / f"<b>{number}" / "x")
    labels = tmp_path / "labels.csv"
    rows = [f'P{number},"{payload.replace(chr(34), chr(34) * 2)}"' for number, payload in enumerate(PAYLOADS)]
    labels.write_text("patient_id,label\n" + "\n".join(rows) + "\n")
    taken = intake(folder, "--labels", labels, "--series-description")
    assert len(taken.cases) == 4
    for live in ("<script>alert", "<img src=x", "<svg", "<h1>x", "onerror=alert(1)>", ">49<", "<b>0"):
        assert live not in taken.page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in taken.page
    assert "default-src 'none'" in taken.page
    for path in taken.manifest.parent.glob("*.csv"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not any(cell.lstrip('"').startswith(("=", "@", "+")) for cell in line.split(","))


def test_a_folder_for_each_patient_does_not_become_a_label(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pictures"
    for number in range(12):
        (folder / f"CANARY {number}").mkdir(parents=True)
        Image.fromarray(np.full((8, 8), 9 * number, np.uint8) + np.arange(8, dtype=np.uint8)).save(
            folder / f"CANARY {number}" / "a.png"
        )
    taken = intake(folder)
    assert {row["label"] for row in taken.cases} == {""}
    assert any("No folder was taken for a class" in note and "12 names and 1 images" in note for note in taken.notes)
    assert all(b"CANARY" not in content for content in everything_beside(taken.manifest).values())
