"""Pseudonyms of patients and cases, the same every time on this computer and meaningless elsewhere.

A pseudonym is HMAC-SHA256 of the id under a private key (RFC 2104), cut to twelve digits: without the key nobody can
go back by trying out numbers. The key and the link tables live in the user's own folder, never in a run folder.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from medtl import environment
from medtl.cohort.case import Case, Cohort, Exclusion
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import read_csv, write_csv

if TYPE_CHECKING:
    import pandas as pd

HOME_VARIABLE = "MEDTL_HOME"
KEY_FILE = "pseudonym.key"
LINK_FOLDER = "links"

LINK_COLUMNS = ("case_id", "patient_id", "manifest_case_id", "manifest_patient_id")

KEY_BYTES = 32
"""As long as SHA-256's output, the length RFC 2104 advises."""

PSEUDONYM_DIGITS = 12
"""48 bits: among 100,000 ids two are equal by chance in one of 56,000 studies, and then the study is refused."""

WHAT_TO_DO = (
    f"Set {HOME_VARIABLE} to a private folder that you can write to, or write `identifiers: as_in_manifest` in the "
    "study when the manifest's ids are pseudonyms already."
)


def private_home() -> Path:
    """The user's own folder for keys: `MEDTL_HOME`, else `~/.local/share/medtl`. It need not exist yet.

    Raises:
        ConfigurationError: the user has no home folder.
    """
    if named := environment.folder_named(HOME_VARIABLE):
        return named
    try:
        return Path.home() / ".local" / "share" / "medtl"
    except RuntimeError as error:
        raise ConfigurationError(f"This user has no home folder to keep the pseudonym key in. {WHAT_TO_DO}") from error


def pseudonym_key(home: Path | None = None) -> bytes:
    """The private key, made on first use: folder 0700, file 0600, complete or absent; two first uses agree.

    Raises:
        ConfigurationError: the folder cannot be written, or others can read the key.
        IntegrityFailure: the file does not hold a key.
    """
    file = (home or private_home()) / KEY_FILE
    try:
        if not file.exists():
            _make_key(file)
        open_to_others = file.stat().st_mode & 0o077
        text = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise ConfigurationError(f"The pseudonym key cannot be kept ({error.strerror}). {WHAT_TO_DO}") from error
    if open_to_others:
        raise ConfigurationError(
            f"Other users can read the pseudonym key {KEY_FILE} (mode {file.stat().st_mode & 0o777:o}, expected 600), "
            f"so its pseudonyms hide nothing. Run chmod 600 on it. {WHAT_TO_DO}"
        )
    if len(text) != 2 * KEY_BYTES or set(text) - set("0123456789abcdef"):
        raise IntegrityFailure(
            f"{KEY_FILE} should hold {2 * KEY_BYTES} hexadecimal digits and holds {len(text)} characters. Restore it "
            "from a backup to keep the old pseudonyms; delete it to begin with new ones."
        )
    return bytes.fromhex(text)


def _make_key(file: Path) -> None:
    private_folder(file.parent)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".key.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, file)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Make a folder that the user alone can enter, where there is none."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def pseudonymised(cohort: Cohort, *, key: bytes) -> Cohort:
    """The same cohort under pseudonyms: `p-…` for patients and `c-…` for cases, also of those left out.

    Raises:
        IntegrityFailure: two ids would get the same pseudonym.
    """
    patients = pseudonyms_of((case.patient_id for case in cohort.cases), kind="patient", key=key)
    every_case = [case.case_id for case in cohort.cases] + [gone.case_id for gone in cohort.exclusions]
    cases = pseudonyms_of(every_case, kind="case", key=key)
    return replace(
        cohort,
        cases=tuple(
            replace(case, case_id=cases[case.case_id], patient_id=patients[case.patient_id]) for case in cohort.cases
        ),
        exclusions=tuple(replace(gone, case_id=cases[gone.case_id]) for gone in cohort.exclusions),
    )


def pseudonyms_of(names: Iterable[str], *, kind: str, key: bytes) -> dict[str, str]:
    """The pseudonym of each name, `p-…` for kind patient, `c-…` for kind case.

    Raises:
        IntegrityFailure: two names would get the same one.
    """
    found = {
        name: f"{kind[0]}-{hmac.new(key, f'{kind}:{name}'.encode(), hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]}"
        for name in dict.fromkeys(names)
    }
    if len(set(found.values())) < len(found):
        raise IntegrityFailure(
            f"Two of {len(found)} {kind} ids would get the same pseudonym, which would join them. Use another key "
            f"(move {KEY_FILE} away) or `identifiers: as_in_manifest`."
        )
    return found


def write_links(original: Cohort, *, hidden: Cohort, name: str, manifest: Path, home: Path | None = None) -> Path:
    """Write which pseudonym is which manifest id, mode 0600, beside the key; `name` is the study's.

    There is one table for each study and manifest: another study of the same name has another manifest. What an earlier
    run of the study kept of further cases stays.

    Args:
        original: the cohort with the manifest's own ids.
        hidden: the same cohort under pseudonyms.
        name: the study's name.
        manifest: the path of the manifest.
        home: the private folder, when it is not the user's own.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    import pandas as pd

    nobody: list[str | None] = [None] * len(original.exclusions)
    everybody: list[Case | Exclusion] = [*original.cases, *original.exclusions]
    everybody_hidden: list[Case | Exclusion] = [*hidden.cases, *hidden.exclusions]
    table = pd.DataFrame(
        {
            "case_id": [case.case_id for case in everybody_hidden],
            "patient_id": [case.patient_id for case in hidden.cases] + nobody,
            "line": [case.line for case in everybody],
            "manifest_case_id": [case.case_id for case in everybody],
            "manifest_patient_id": [case.patient_id for case in original.cases] + nobody,
        }
    )
    file = _link_file(name, manifest, home=home)
    keep_private(file, table, text_columns=LINK_COLUMNS)
    return file


def manifest_ids(name: str, *, manifest: Path, home: Path | None = None) -> dict[str, str]:
    """From each case's pseudonym to its id in the manifest, as `write_links` kept them; empty without such a table.

    Where the manifest has moved since, tables of studies of the same name are believed: a pseudonym stands for one id.
    """
    return {case: original for table in _link_tables(name, manifest, home=home)
            for case, original in zip(table["case_id"], table["manifest_case_id"], strict=True)}  # fmt: skip


def manifest_patients(name: str, *, manifest: Path, home: Path | None = None) -> dict[str, str]:
    """From each patient's pseudonym to the id in the manifest; patients without a studied case are left out.

    Only where the table of this manifest is lost, those of other studies of the name are taken.
    """
    found: dict[str, str] = {}
    tables = _link_tables(name, manifest, home=home)
    for table in tables[-1:] if _link_file(name, manifest, home=home).is_file() else tables:
        known = table.dropna(subset=["patient_id", "manifest_patient_id"])
        found |= dict(zip(known["patient_id"], known["manifest_patient_id"], strict=True))
    return found


def _link_tables(name: str, manifest: Path, *, home: Path | None) -> list[pd.DataFrame]:
    """The tables of a study's name, that of the manifest last."""
    own = _link_file(name, manifest, home=home)
    stem = own.name[: -len(_digest(manifest, home=home)) - len("-.csv")]
    others = [own.with_name(f"{stem}.csv"), *sorted(own.parent.glob(f"{stem}-m-*.csv"))]
    files = [*(file for file in others if file != own), own]
    return [read_csv(file, text_columns=LINK_COLUMNS) for file in files if file.is_file()]


def _link_file(name: str, manifest: Path, *, home: Path | None) -> Path:
    folder = (home or private_home()) / LINK_FOLDER
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
    return folder / f"{stem}-{_digest(manifest, home=home)}.csv"


def _digest(manifest: Path, *, home: Path | None) -> str:
    """A hash of the path of a manifest, `m-…`, from which nobody can read the path."""
    path = str(manifest.resolve())
    return pseudonyms_of([path], kind="manifest", key=pseudonym_key(home))[path]


def keep_private(file: Path, table: pd.DataFrame, *, text_columns: tuple[str, ...]) -> None:
    """Write a private link table of pseudonyms: folders 0700 where they are new, the file 0600.

    Rows that are there of further `case_id` are kept. Two writers wait for each other.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    import pandas as pd

    try:
        private_folder(file.parent.parent)
        private_folder(file.parent)
        with FileLock(file.with_name(f".{file.name}.lock"), mode=0o600):
            if file.is_file():
                before = read_csv(file, text_columns=text_columns)
                others = before[~before["case_id"].isin(table["case_id"])]
                if len(others):
                    table = pd.concat([table.astype(object), others.astype(object)], ignore_index=True)[
                        [*table.columns]
                    ]
            write_csv(file, table)
            file.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(f"The link table cannot be kept ({error.strerror}). {WHAT_TO_DO}") from error
