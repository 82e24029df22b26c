"""Whose images they are: patients from ids, issuers, names, birth dates and sexes of DICOM headers.

A patient on two sides of a fold makes every result too good, and no later step can see it; two people taken for one
only cost some freedom in the split. So where headers leave it open, images are taken for one patient's, and a note
states it. Names and birth dates are compared in memory; what is kept of them is a hash under the private key.

| the headers say                                                      | decided                                     |
|----------------------------------------------------------------------|---------------------------------------------|
| an id                                                                | the id is the patient                       |
| the same id, written in another way (`P07`, `p07`, `007`, `7`)       | one patient, unless name and birth differ   |
| the same id, and name or birth date differs                          | one patient, with a note: a new surname, a  |
|                                                                      | typing mistake                              |
| the same id, name and birth date differ, of two issuers              | a patient of each issuer                    |
| the same id, name and birth date differ, issuers do not              | one patient, with a note: probably two      |
|                                                                      | people, or an id that was given twice       |
| the same id of three or more people (name and birth date differ)     | the id is no identity: as a placeholder     |
| a placeholder (`ANONYMOUS`, `0000`, `***`, …), or no id              | not an id: by name and birth date           |
| no id, the same name and birth date                                  | one patient, in all studies                 |
| no id, the name and birth date of a patient who has one              | that patient                                |
| no id, two people (name and birth date differ) in one study          | two patients                                |
| no id, the same name of two words or more, a birth date is missing   | one patient                                 |
| no id, no name or only its one word, no birth date                   | each study one patient, with a note         |
| two ids, the same name and birth date                                | two patients, as ids say, with a note       |

Where a birth date is missing, sexes that differ stand for it. Names agree without regard to capitals, accents, order
and separators, and when one has more words than the other (a middle name). A placeholder or a date such as 19000101
instead of a name or a birth date counts as missing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from medtl.cohort import pseudonyms
from medtl.cohort.patient_ids import id_form
from medtl.imaging.for_intake import ImageHeader
from medtl.intake.identity_notes import Decided
from medtl.intake.person import Person, contradict, names_agree, person_of

MOST_PEOPLE = 2
"""An id that more people have is a placeholder, whatever it says."""


@dataclass(frozen=True)
class Identities:
    """Who is who, and notes: `patients` gives the key of each person's patient."""

    patients: Mapping[Person, str] = field(repr=False)
    notes: tuple[str, ...] = ()

    def patient_of(self, header: ImageHeader) -> str:
        """The key of the patient whose image it is."""
        return self.patients[person_of(header)]


def who_is_who(headers: Iterable[ImageHeader], *, key: bytes) -> Identities:
    """The patients of a collection; nothing of a name or a birth date is in the keys but a hash under the key."""
    people = sorted({person_of(header) for header in headers})
    patients: dict[Person, str] = {}
    decided = Decided()
    nameless = [one for one in people if not one.id_written]
    for alike in _by_id(people).values():
        representatives = _distinct_people(alike)
        if len(representatives) > MOST_PEOPLE:
            decided.shared_ids += 1
            nameless += alike
        else:
            patients |= _of_one_id(alike, decided)
    decided.twin_ids = _ids_with_one_name(patients)
    patients |= _of_no_id(sorted(nameless, key=_most_known_first), patients, key=key, decided=decided)
    decided.nameless = {one.study for one in nameless if not one.has_placeholder and not one.id_written}
    decided.placeholders = {one.study for one in nameless if one.has_placeholder}
    return Identities(patients, decided.notes())


def _by_id(people: Sequence[Person]) -> dict[str, list[Person]]:
    found: dict[str, list[Person]] = defaultdict(list)
    for one in people:
        if one.id_written:
            found[id_form(one.id_written) or one.id_written].append(one)
    return found


def _distinct_people(people: Sequence[Person]) -> list[Person]:
    """The first of each of those who contradict all before them, whatever their issuers."""
    found: list[Person] = []
    for one in people:
        if all(contradict(one, other) and not _issuers_differ(one, other) for other in found):
            found.append(one)
    return found


def _issuers_differ(one: Person, other: Person) -> bool:
    return bool(one.issuer and other.issuer and one.issuer != other.issuer)


def _of_one_id(people: Sequence[Person], decided: Decided) -> dict[Person, str]:
    """The patients of one id: one, or one for each issuer, or for each way to write the id when two people have it."""
    clusters: list[list[Person]] = []
    for one in people:
        home = next((own for own in clusters if not any(_are_two(one, other) for other in own)), None)
        if home is None:
            clusters.append([one])
        else:
            home.append(one)
    decided.issuers += len(clusters) > 1 and len({one.issuer for one in people if one.issuer}) > 1
    keys: dict[Person, str] = {}
    times = Counter(own[0].id_written for own in clusters)
    for own in clusters:
        written = own[0].id_written
        name = f"{written}|issuer {max(one.issuer for one in own)}" if times[written] > 1 else written
        keys |= dict.fromkeys(own, name)
        pairs = [(one, other) for index, one in enumerate(own) for other in own[:index]]
        decided.contradictions += any(contradict(one, other) for one, other in pairs)
        decided.variants += not any(contradict(*pair) for pair in pairs) and any(_vary(*pair) for pair in pairs)
        decided.spellings += len({one.id_written for one in own}) > 1
    return keys


def _are_two(one: Person, other: Person) -> bool:
    return contradict(one, other) and (_issuers_differ(one, other) or one.id_written != other.id_written)


def _vary(one: Person, other: Person) -> bool:
    names = bool(one.name and other.name) and not names_agree(one.name, other.name)
    return names or bool(one.birth and other.birth and one.birth != other.birth)


def _ids_with_one_name(patients: Mapping[Person, str]) -> int:
    keys: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    for one, key in patients.items():
        if one.is_known:
            keys[(one.name, one.birth)].add(key)
    return sum(len(found) - 1 for found in keys.values())


def _most_known_first(one: Person) -> tuple[bool, bool, Person]:
    return (not one.is_known, not one.name, one)


def _of_no_id(
    people: Sequence[Person], with_id: Mapping[Person, str], *, key: bytes, decided: Decided
) -> dict[Person, str]:
    """The patients of those without an id: each joins the first whose person or study it may be, or is a new one."""
    found: dict[Person, str] = {}
    by_birth, by_word, by_study = (defaultdict[str, list[tuple[Person, str]]](list) for _ in range(3))

    def remember(one: Person, patient: str) -> None:
        by_birth[one.birth].append((one, patient))
        for word in one.name:
            by_word[word].append((one, patient))
        by_study[one.study].append((one, patient))

    have_ids = set(with_id.values())
    for one, patient in with_id.items():
        remember(one, patient)
    for one in people:
        same = _same_person(one, by_birth, by_word)
        beside = [patient for other, patient in by_study[one.study] if not contradict(one, other)]
        if same is not None:
            patient = same
            decided.by_name |= {patient} - have_ids
        elif beside:
            patient = beside[0]
        elif one.is_known or len(one.name) > 1:
            patient = _hashed(one, key=key)
            decided.by_name.add(patient)
        else:
            patient = f"study {one.study}"
            decided.by_study.add(one.study)
        if patient in have_ids:
            decided.attached.add(one.study)
        found[one] = patient
        remember(one, patient)
    return found


def _same_person(
    one: Person,
    by_birth: Mapping[str, list[tuple[Person, str]]],
    by_word: Mapping[str, list[tuple[Person, str]]],
) -> str | None:
    """The patient with the same name and birth date; where one of them has no birth date, with the same full name."""
    if one.is_known:
        found = (patient for other, patient in by_birth[one.birth] if other.name and names_agree(one.name, other.name))
        return next(found, None)
    if len(one.name) < 2:
        return None
    full = (patient for other, patient in by_word[one.name[0]] if names_agree(one.name, other.name))
    return next(full, None)


def _hashed(one: Person, *, key: bytes) -> str:
    text = f"{' '.join(one.name)}|{one.birth}"
    return f"person {pseudonyms.pseudonyms_of([text], kind='name', key=key)[text]}"
