"""Where two sources disagree: how often, and the patients on whom they differ most, as pictures.

In: a comparison as the record keeps it, and its folder. Out: blocks of its page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from markupsafe import Markup

from medtl.errors import IntegrityFailure
from medtl.record.sources import DISPUTED_PICTURES, SOURCES, DisputedCase, SourceDisagreement
from medtl.report.html.blocks import Block, Prose
from medtl.report.html.embedded_picture import picture_at
from medtl.report.html.numbers import percent
from medtl.report.results.source_words import disagreement_sentences


@dataclass(frozen=True)
class DisputedShown:
    """A case under its picture; the fields are those of a contact sheet."""

    case_id: str
    lines: tuple[str, ...]
    picture: Markup
    without: str = ""
    reason: str = ""


@dataclass(frozen=True)
class DisputedCases:
    """Cases on a sheet."""

    macro: ClassVar[str] = "contacts"
    cases: tuple[DisputedShown, ...]
    more: str


def disagreement_blocks(found: SourceDisagreement | None, folder: Path) -> Iterator[Block | None]:
    """What the page says of two sources on the same patients; nothing where no two are to be compared so."""
    if found is None:
        return
    yield Prose(disagreement_sentences(found))
    yield DisputedCases(
        tuple(_shown(one, found, folder) for one in found.cases),
        "The percentages: of the patients with the same reference standard, how many the source's probe ranks as less "
        "typical of it. Of a patient with several images, the one on which the two differ most is shown. Marks may "
        "name a person: look at them before this page is handed on.",
    )


def _shown(one: DisputedCase, found: SourceDisagreement, folder: Path) -> DisputedShown:
    if "/" in one.picture or "\\" in one.picture or one.picture.startswith("."):
        raise IntegrityFailure(
            f"{SOURCES} names a picture outside its own folder. It was changed after it was written; run medtl sources "
            "again."
        )
    name = f"{DISPUTED_PICTURES}/{one.picture}"
    return DisputedShown(
        case_id=one.case_id,
        lines=(
            f"Reference standard {one.truth}",
            f"{found.first}: {percent(one.first_share, 1)}",
            f"{found.second}: {percent(one.second_share, 1)}",
        ),
        picture=picture_at(folder / DISPUTED_PICTURES / one.picture, name=name, named_by=SOURCES).uri,
    )
