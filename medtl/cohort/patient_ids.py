"""Patient ids that may be one person written in two ways, and cells that are no id at all.

In: ids with the lines they stand in. Out: faults in words that name both lines and never repeat an id. One person under
two ids stands on both sides of a fold, which no later step can see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from medtl.cohort.cells import is_missing, plain

EXCEL_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+[eE][+-]?\d+|[eE]\+\d+)", re.ASCII)
"""`1.23E+11`: a long number as a spreadsheet shows it. Its last digits are lost, so several patients share it."""

WHOLE_FLOAT = re.compile(r"([+-]?\d+)[.,]0+")
ZEROS_IN_FRONT = re.compile(r"(?<!\d)0+(?=\d)")
BETWEEN_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])[-_](?=\d)|(?<=\d)[-_](?=[^\W\d_])")
DASHES = re.compile(r"[‐-―−﹘﹣－]")

LOOKALIKES = str.maketrans("АВЕЅІЈКМНОРСТУХаеіјорсухѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABESIJKMHOPCTYXaeijopcyxsABEZHIKMNOPTYXo")
"""Cyrillic and Greek letters that look like Latin ones."""

TWIN = "differs from the one in line"
REMEDY = (
    "One person under two ids would stand on both sides of a fold: write one person in one way, or, if they are "
    "different people, say so with --ids-as-written (in a study file: ids_as_written: true)."
)
"""What to do about near twins; printed once below the lines."""


def id_form(text: str) -> str:
    """The form that ids of one person share, however they were typed or exported: two ids with one form are near twins.

    Alike are capitals, zeros in front, `.0` behind, blanks, characters that cannot be seen, dashes and underscores
    between a letter and a digit, full-width digits and letters, composed and decomposed letters (Unicode NFKC), and
    Cyrillic or Greek letters that look like Latin ones.
    """
    form = unicodedata.normalize("NFKC", _visible(text))
    form = "".join(DASHES.sub("-", form).translate(LOOKALIKES).casefold().split())
    form = BETWEEN_LETTER_AND_DIGIT.sub("", unicodedata.normalize("NFKC", form))
    if whole := WHOLE_FLOAT.fullmatch(form):
        form = whole[1]
    return ZEROS_IN_FRONT.sub("", form)


def _visible(text: str) -> str:
    """The text without control characters, joiners and variation selectors; accents stay."""
    return "".join(character for character in text if not _is_unseen(character))


def _is_unseen(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind in ("Cf", "Cc") or (kind == "Mn" and not unicodedata.combining(character))


def difference(one: str, other: str) -> str:
    """The difference between two near twins, in words."""
    if plain(one) == plain(other):
        return "in blanks or in how accents are stored"
    if unicodedata.normalize("NFKC", _visible(one)) == unicodedata.normalize("NFKC", _visible(other)):
        return "in characters that cannot be seen or in their width"
    if one.casefold() == other.casefold():
        return "in capitals"
    first, second = (re.sub(r"[.,]0+$", "", text) for text in (one, other))
    if first == second:
        return "in a .0 behind the number"
    if ZEROS_IN_FRONT.sub("", first) == ZEROS_IN_FRONT.sub("", second):
        return "in zeros in front"
    return "in capitals, zeros, blanks, dashes or letters that look alike"


def twins_among(ids: Iterable[tuple[int, str]]) -> tuple[tuple[int, int, str], ...]:
    """(line, line of its first twin, difference) for each id that has a near twin in an earlier line, each id once."""
    first: dict[str, tuple[int, str]] = {}
    known: set[str] = set()
    found = []
    for line, text in ids:
        if text in known:
            continue
        known.add(text)
        before, twin = first.setdefault(id_form(text), (line, text))
        if twin != text:
            found.append((line, before, difference(twin, text)))
    return tuple(found)


def cross_twins(ids: Iterable[str], others: Mapping[str, str]) -> frozenset[str]:
    """The keys of `others` whose ids are near twins of one among `ids`; equal ids are no twins."""
    known = set(ids)
    forms = {id_form(text) for text in known}
    return frozenset(key for key, text in others.items() if text not in known and id_form(text) in forms)


def twin_faults(ids: Iterable[tuple[int, str]], *, column: str) -> tuple[tuple[int, str], ...]:
    """(line, fault) for each near twin of an earlier id."""
    return tuple(
        (line, f"the patient in {column} {TWIN} {before} only {how}") for line, before, how in twins_among(ids)
    )


def no_id(text: str) -> str | None:
    """Why a cell is no id of a patient or case, in words that follow `column patient_id`; None when it may be one."""
    if not text.strip():
        return "is empty"
    if is_missing(text):
        return f"is {plain(text)!r}, which stands for a missing value, not for an id"
    if EXCEL_NUMBER.fullmatch(plain(text)):
        return (
            "is a number as a spreadsheet shows it (such as 1.23E+11): its last digits are lost. Format the column as "
            "text where the table was made, and export it again"
        )
    return None


def remedy(faults: Iterable[str]) -> str:
    """A sentence on what to do when near twins are among the faults, with a line break before it; else nothing."""
    return f"\n{REMEDY}" if any(TWIN in fault for fault in faults) else ""
