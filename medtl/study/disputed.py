"""Which two sources a comparison shows the disagreement of, and the pictures of the patients they differ on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from medtl.files import write_atomically
from medtl.imaging import PreparedCohort
from medtl.predictions import PredictionTable
from medtl.record.sources import DISPUTED_PICTURES, DisputedCase, SourceDisagreement, SourcePair
from medtl.report.results.source_words import is_distinguishable
from medtl.sources.disagreement import Disagreement, disagreement_of
from medtl.study.audit import small_picture
from medtl.study.candidates import RANDOM, Candidates


def most_disputed(
    candidates: Candidates, pairs: Sequence[SourcePair], table: PredictionTable
) -> SourceDisagreement | None:
    """Of the pairs of sources that cannot be told apart the one that differs most from one patient to another.

    Pairs that were trained on other data go before others. None where there is no pair.
    """
    cards = {name: encoder.card for name, encoder in candidates.encoders.items() if name != RANDOM}
    level = [
        (pair.model, pair.reference)
        for pair in pairs
        if {pair.model, pair.reference} <= set(cards)
        and not is_distinguishable(pair)
        and cards[pair.model].name != cards[pair.reference].name
    ]
    unlike = [pair for pair in level if cards[pair[0]].trained_on != cards[pair[1]].trained_on]
    looked_at = unlike or level
    if not looked_at:
        return None
    found = {pair: disagreement_of(table, *pair) for pair in looked_at}
    (first, second), most = max(found.items(), key=lambda one: _relative(one[1]))
    return SourceDisagreement(
        first=first,
        second=second,
        is_unlike=bool(unlike),
        compared=len(looked_at),
        patients=most.patients,
        different=most.different,
        independent=most.independent,
        cases=tuple(
            DisputedCase(
                case_id=one.case_id,
                patient_id=one.patient_id,
                truth=one.truth,
                first_share=one.first_share,
                second_share=one.second_share,
                picture=f"{number:02d}.png",
            )
            for number, one in enumerate(most.disputed)
        ),
    )


def _relative(found: Disagreement) -> float:
    return found.different / found.independent if found.independent else 0.0


def write_pictures(found: SourceDisagreement | None, prepared: PreparedCohort, folder: Path) -> None:
    """Write a small picture of each disputed case, for earlier ones."""
    pictures = folder / DISPUTED_PICTURES
    shutil.rmtree(pictures, ignore_errors=True)
    for case in found.cases if found is not None else ():
        write_atomically(pictures / case.picture, small_picture(prepared, case.case_id))
