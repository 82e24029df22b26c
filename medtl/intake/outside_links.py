"""Links that lead out of the folder that is taken in: what lies elsewhere was not offered, and is refused by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medtl.intake.offer import Offer, Refusal, Survey


def without_outside_links(survey: Survey, root: Path) -> Survey:
    """The survey; a case of which a file is a link to somewhere outside of the root becomes a refusal.

    Links that stay inside are followed, as those of an archive that keeps its files elsewhere.
    """
    real = os.path.realpath(root)
    outside = {file for file in survey.found if _leads_out(file, real)}
    if not outside:
        return survey
    kept = tuple(offer for offer in survey.offers if outside.isdisjoint(offer.files))
    refused = tuple(
        _refusal(offer, sum(file in outside for file in offer.files))
        for offer in survey.offers
        if not outside.isdisjoint(offer.files)
    )
    return replace(survey, offers=kept, refusals=(*_without_previews(survey.refusals, outside), *refused))


def _leads_out(file: Path, root: str) -> bool:
    return file.is_symlink() and not Path(os.path.realpath(file)).is_relative_to(root)


def _without_previews(refusals: Sequence[Refusal], outside: set[Path]) -> tuple[Refusal, ...]:
    """The refusals; no picture is shown of what lies outside."""
    return tuple(one if outside.isdisjoint(one.files) else replace(one, preview=None) for one in refusals)


def _refusal(offer: Offer, number: int) -> Refusal:
    what = "One of its files is a link that leads" if number == 1 else f"{number} of its files are links that lead"
    return Refusal(
        key=offer.key,
        patient=offer.patient,
        files=offer.files,
        reason="link_outside",
        sentence=f"{what} out of the folder that is taken in. Copy there what is meant, or name a folder that holds "
        "both.",
        title=offer.title,
        origin=offer.origin,
    )
