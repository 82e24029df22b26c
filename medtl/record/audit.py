"""audit.json: what the audit before training found, with the names of the pictures in the folder beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field

from medtl.files import write_json
from medtl.record import run_folder as names
from medtl.record.typed_files import Count, Frozen, read_typed


class AuditedCase(Frozen):
    """A case of a pair; `picture` is a file in the folder of pictures."""

    case_id: str
    patient_id: str
    label: str
    split: str | None
    picture: str


class AuditedPair(Frozen):
    """Two cases that look the same; `found` says in words how that was seen."""

    found: str
    contradicts: bool
    between_patients: bool
    cases: tuple[AuditedCase, AuditedCase]


class SuspectExample(Frozen):
    """A case of a group that shows a border confounder."""

    group: str
    case_id: str
    picture: str


class BorderSuspect(Frozen):
    """A border confounder: `what` goes with the column `against`, at a position in words; `values` are by group."""

    model_config = ConfigDict(validate_by_name=True)

    what: str
    against: str
    position: str = Field(alias="place")
    values: str = Field(alias="told")
    examples: tuple[SuspectExample, ...]


class Audit(Frozen):
    """What the audit found: the pairs that are shown of `all_pairs`, and one border confounder of each kind."""

    pairs: tuple[AuditedPair, ...]
    all_pairs: Count
    suspects: tuple[BorderSuspect, ...]


def write_audit(audit: Audit, folder: Path) -> None:
    """Write audit.json into the folder of a run or of a check."""
    write_json(folder / names.AUDIT, audit.model_dump(mode="json", by_alias=True))


def read_audit(folder: Path) -> Audit | None:
    """The audit.json of a folder; None where nothing was audited.

    Raises:
        IntegrityFailure: it is not what medtl wrote.
    """
    path = folder / names.AUDIT
    return read_typed(path, Audit, what="what the audit found") if path.is_file() else None
