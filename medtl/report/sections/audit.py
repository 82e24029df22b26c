"""The audit as a page shows it: pairs side by side, and examples of what is associated with the label or the site.

In: audit.json and its pictures, written by the check or the run. Out: frozen parts; empty where there is no audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medtl.errors import IntegrityFailure
from medtl.record import run_folder as names
from medtl.record.audit import AuditedCase, AuditedPair, read_audit
from medtl.report.html.embedded_picture import Picture, picture_at
from medtl.report.html.numbers import count, joined

HEADINGS = {
    "marks": "Bright marks near the border are associated with the {}",
    "frame": "The width of a frame is associated with the {}",
    "brightness": "The brightness near the border is associated with the {}",
}


NAMES = " Marks may name a person: look at them before this page is handed on."


@dataclass(frozen=True)
class PairShown:
    """Two cases side by side, and what is said of them."""

    first: Picture
    second: Picture
    names: tuple[str, str]
    sides: tuple[str, str]
    words: str


@dataclass(frozen=True)
class SuspectShown:
    """A place that is associated with the label or the site, with examples: (group, case id, picture)."""

    title: str
    words: str
    examples: tuple[tuple[str, str, Picture], ...]


@dataclass(frozen=True)
class AuditPictures:
    """Pairs and places side by side; `more` says how many pairs are not shown."""

    macro: ClassVar[str] = "audit"
    pairs: tuple[PairShown, ...] = ()
    more: str = ""
    suspects: tuple[SuspectShown, ...] = ()

    @property
    def in_words(self) -> str:
        """How many there are of each kind; empty where there are none."""
        pairs = count(len(self.pairs), "pair that looks the same", plural="pairs that look the same")
        borders = count(
            len(self.suspects),
            "difference between groups near the border",
            plural="differences between groups near the border",
        )
        return joined([words for found, words in ((self.pairs, pairs), (self.suspects, borders)) if found])


def audit_shown(folder: Path) -> AuditPictures:
    """What the folder's audit found, with its pictures.

    Raises:
        IntegrityFailure: audit.json or one of its pictures was changed.
    """
    found = read_audit(folder)
    if found is None:
        return AuditPictures()
    hidden = found.all_pairs - len(found.pairs)
    return AuditPictures(
        pairs=tuple(_pair(pair, folder) for pair in found.pairs),
        more=f"{count(hidden, 'further pair')} not shown." if hidden > 0 else "",
        suspects=tuple(
            SuspectShown(
                title=HEADINGS.get(one.what, "{}").format(one.against),
                words=f"{_capitalised(one.position)}: {one.values}.{NAMES if one.what == 'marks' else ''}",
                examples=tuple((each.group, each.case_id, _picture(each.picture, folder)) for each in one.examples),
            )
            for one in found.suspects
        ),
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pair(pair: AuditedPair, folder: Path) -> PairShown:
    kind = "Labels contradict each other. " if pair.contradicts else ""
    kind += "Different patient numbers" if pair.between_patients else "The same patient"
    first, second = pair.cases
    return PairShown(
        first=_picture(first.picture, folder),
        second=_picture(second.picture, folder),
        names=(first.case_id, second.case_id),
        sides=(_side(first), _side(second)),
        words=f"{kind}; {pair.found}.",
    )


def _side(case: AuditedCase) -> str:
    return ", ".join(part for part in (case.label, f"patient {case.patient_id}", case.split or "") if part)


def _picture(name: str, folder: Path) -> Picture:
    if "/" in name or "\\" in name or name.startswith("."):
        raise IntegrityFailure(
            f"{names.AUDIT} names a picture outside its own folder. It was changed after it was written; restore it."
        )
    return picture_at(folder / names.AUDIT_PICTURES / name, name=f"{names.AUDIT_PICTURES}/{name}", named_by=names.AUDIT)
