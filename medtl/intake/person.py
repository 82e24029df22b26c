"""The person whom a DICOM header states that it shows, without what stands for nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from medtl.cohort.cells import is_missing
from medtl.imaging.for_intake import ImageHeader, known_date, plain_name

NOBODY = (
    "anonymous anonymus anonym anonyme anonimo anonymised anonymized anonymisiert anonymise anonimizado anon "
    "anonymouspatient anonymizedpatient anonymisedpatient anonpatient deidentified deid dephi nophi pseudonym "
    "pseudonymised pseudonymized unknown unknownpatient unbekannt inconnu desconocido sconosciuto onbekend noname "
    "nomen nescio nn noid nopatientid id pid mrn patientid patientname patient pat patienttest patienten test tests "
    "testpatient testtest testing tester dummy default demo example sample undefined unspecified unnamed notgiven "
    "notavailable empty blank removed redacted hidden masked confidential private subject person name namename "
    "vorname nachname lastname firstname lastnamefirstname doejohn johndoe doejane janedoe mustermannmax "
    "maxmustermann 匿名 未知 不明"
)
PLACEHOLDERS = frozenset(NOBODY.split())
"""Without blanks and marks, in small letters. `ANON-0012` is none of them: a number distinguishes people."""

ONE_SIGN = re.compile(r"0+|9{4,}|x+|z{3,}|[\W_]+")
"""Nothing but zeros, nines, the letter x, or marks such as `***`."""

TRANSLITERATED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i"})


@dataclass(frozen=True, order=True)
class Person:
    """The person whom one study states that it shows; empty where it states nobody, or a placeholder.

    `name` is its words in order of the alphabet, without accents. `id_written` is the id as the header has it.
    """

    id_written: str = field(repr=False)
    issuer: str = field(repr=False)
    name: tuple[str, ...] = field(repr=False)
    birth: str = field(repr=False)
    sex: str = field(repr=False)
    study: str = field(repr=False)
    has_placeholder: bool = False

    @property
    def is_known(self) -> bool:
        """Whether name and birth date are both given."""
        return bool(self.name and self.birth)


def is_placeholder(text: str) -> bool:
    """Whether a text where an id or a name belongs stands for nobody: as a whole, or each of its words."""
    words = re.findall(r"[^\W_]+", text.casefold())
    is_listed = "".join(words) in PLACEHOLDERS or (bool(words) and set(words) <= PLACEHOLDERS)
    return bool(is_listed or is_missing(text) or ONE_SIGN.fullmatch(text.strip().casefold()))


def person_of(header: ImageHeader) -> Person:
    """The person whom a header states that it shows."""
    sex = header.sex.strip().upper()
    is_nobody = is_placeholder(header.patient_id)
    return Person(
        id_written="" if is_nobody else header.patient_id.strip(),
        issuer=" ".join(header.issuer_of_id.casefold().split()),
        name=_name_words(header.patient_name),
        birth=known_date(header.birth_date),
        sex=sex if sex in ("M", "F") else "",
        study=header.study_uid,
        has_placeholder=is_nobody and bool(header.patient_id.strip()),
    )


def _name_words(text: str) -> tuple[str, ...]:
    plain = plain_name(text)
    if is_placeholder(plain):
        return ()
    words = plain.translate(TRANSLITERATED)
    for pair, vowel in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        words = words.replace(pair, vowel)
    return tuple(sorted(unicodedata.normalize("NFC", words).split()))


def names_agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names may be one person's: the same words, or one has more of them than the other's two."""
    fewer, more = sorted((set(one), set(other)), key=len)
    return fewer == more or (len(fewer) > 1 and fewer <= more)


def contradict(one: Person, other: Person) -> bool:
    """Whether two are two people: names differ, and so do birth dates, or sexes where a birth date is missing."""
    if not one.name or not other.name or names_agree(one.name, other.name):
        return False
    if one.birth and other.birth:
        return one.birth != other.birth
    return bool(one.sex and other.sex and one.sex != other.sex)
