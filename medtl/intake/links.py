"""Who is who: a private table from case ids back to patients, series and files. Never beside a manifest or a result."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.cohort import pseudonyms
from medtl.errors import ConfigurationError
from medtl.files import read_csv
from medtl.intake.offer import Offer, Refusal

TEXT_COLUMNS = ("case_id", "patient_id", "original_patient_id", "study_uid", "series_uid", "image", "files", "outcome")
NAME_START = "intake-"


@dataclass(frozen=True)
class CaseSource:
    """Where a case came from: original patient, DICOM identifiers (empty for other sources) and absolute files."""

    case_id: str
    patient_id: str
    original_patient_id: str
    study_uid: str
    series_uid: str
    files: tuple[Path, ...]


def write_intake_links(
    entries: Sequence[tuple[Offer | Refusal, str, str]],
    *,
    outcomes: Mapping[str, str],
    manifest: Path,
    home: Path | None = None,
) -> Path:
    """Write the table of one intake: each offer or refusal with its case id and its patient's pseudonym.

    `outcomes` says by case id what became of it. The same manifest gets the same file again, in which cases of earlier
    intakes stay: a study of theirs may still need them.

    Raises:
        ConfigurationError: the private folder cannot be written.
    """
    rows = [
        {
            "case_id": case_id,
            "patient_id": patient_id,
            "original_patient_id": entry.patient,
            "study_uid": entry.origin.get("study_uid", ""),
            "series_uid": entry.origin.get("series_uid", ""),
            "image": entry.origin.get("image", ""),
            "outcome": outcomes[case_id],
            "files": json.dumps([str(file.absolute()) for file in entry.files]),
        }
        for entry, case_id, patient_id in entries
    ]
    key = pseudonyms.pseudonym_key(home)
    name = pseudonyms.pseudonyms_of([str(manifest.absolute())], kind="manifest", key=key)
    (digest,) = name.values()
    folder = (home or pseudonyms.private_home()) / pseudonyms.LINK_FOLDER
    file = folder / f"{NAME_START}{digest}.csv"
    pseudonyms.keep_private(file, pd.DataFrame(rows, columns=list(TEXT_COLUMNS)), text_columns=TEXT_COLUMNS)
    return file


def source_of(case_id: str, *, home: Path | None = None) -> CaseSource:
    """Where a case of any intake on this computer came from, by its case id.

    Raises:
        ConfigurationError: no intake of this user knows it.
    """
    if found := sources_of([case_id], home=home):
        return found[case_id]
    raise ConfigurationError(
        f"No intake on this computer knows case {case_id}. Expected its link table in the folder links of "
        f"{pseudonyms.HOME_VARIABLE}; only who took the scans in has it."
    )


def sources_of(case_ids: Iterable[str], *, home: Path | None = None) -> dict[str, CaseSource]:
    """Where cases came from, by case id; such as no intake knows are left out. Each link table is read once.

    Of several intakes of the same series, the first one whose files are still there is believed.
    """
    folder, wanted = (home or pseudonyms.private_home()) / pseudonyms.LINK_FOLDER, frozenset(case_ids)
    found: dict[str, CaseSource] = {}
    for file in sorted(folder.glob(f"{NAME_START}*.csv")):
        table = read_csv(file, text_columns=TEXT_COLUMNS)
        for row in table[table["case_id"].isin(wanted)].fillna("").to_dict("records"):
            source = CaseSource(
                case_id=str(row["case_id"]),
                patient_id=str(row["patient_id"]),
                original_patient_id=str(row["original_patient_id"]),
                study_uid=str(row["study_uid"]),
                series_uid=str(row["series_uid"]),
                files=tuple(Path(name) for name in json.loads(str(row["files"]))),
            )
            known = found.setdefault(source.case_id, source)
            if not all(path.is_file() for path in known.files):
                found[source.case_id] = source
    return found
