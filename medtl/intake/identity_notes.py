"""What was decided about who is who, as counts and sentences; nobody is named."""

from __future__ import annotations

from dataclasses import dataclass, field

HOW_TO_DECIDE = (
    "To decide it yourself, give --labels with a column series_uid, study_uid or folder and a column patient_id."
)


@dataclass
class Decided:
    """Counts of the decisions on who is who."""

    nameless: set[str] = field(default_factory=set)
    placeholders: set[str] = field(default_factory=set)
    by_name: set[str] = field(default_factory=set)
    by_study: set[str] = field(default_factory=set)
    attached: set[str] = field(default_factory=set)
    shared_ids: int = 0
    issuers: int = 0
    contradictions: int = 0
    variants: int = 0
    spellings: int = 0
    twin_ids: int = 0

    def notes(self) -> tuple[str, ...]:
        """A sentence for each count that is not zero."""
        found = []
        if self.nameless:
            found.append(f"{_studies(len(self.nameless))} no patient id.")
        if self.placeholders:
            found.append(
                f"{_studies(len(self.placeholders))} a placeholder such as ANONYMOUS or 0000 as patient id, which is "
                "no identity."
            )
        if self.shared_ids:
            found.append(
                f"{_ids(self.shared_ids)} three or more people (names and birth dates differ), and is no identity."
            )
        if self.by_name:
            found.append(
                f"Names and birth dates, compared as hashes, tell {len(self.by_name)} "
                f"patient{'s' if len(self.by_name) > 1 else ''} apart where ids do not."
            )
        if self.attached:
            found.append(
                f"{_studies(len(self.attached))} images without a usable id that by name and birth date, or by the "
                "study, belong to a patient who has one: taken as that patient."
            )
        if self.by_study:
            found.append(
                f"{_studies(len(self.by_study))} neither a usable id nor name and birth date; each such study is taken "
                "as one patient, so that studies of one person may be taken for several patients."
            )
        if self.issuers:
            found.append(
                f"{_ids(self.issuers)} people of several issuers, whose names and birth dates differ: taken as a "
                "patient of each issuer."
            )
        if self.contradictions:
            found.append(
                f"{_ids(self.contradictions)} two names with two birth dates: probably two people. They are taken as "
                "one patient, so that none can be on both sides of a fold."
            )
        if self.variants:
            found.append(
                f"{_ids(self.variants)} names, or birth dates, that differ (a new surname, a typing mistake): taken as "
                "one patient."
            )
        if self.spellings:
            found.append(
                f"{self.spellings} patient id{'s are' if self.spellings > 1 else ' is'} written in several ways "
                "(capitals, zeros in front): taken as one patient."
            )
        if self.twin_ids:
            found.append(
                f"{self.twin_ids} pair{'s' if self.twin_ids > 1 else ''} of patient ids with the same name and birth "
                "date: probably one person with two ids. They are taken as two patients, as their ids say."
            )
        return (*found, HOW_TO_DECIDE) if found else ()


def _studies(number: int) -> str:
    return f"{number} studies have" if number > 1 else "1 study has"


def _ids(number: int) -> str:
    return f"{number} patient ids each stand for" if number > 1 else "1 patient id stands for"
