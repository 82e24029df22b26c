"""One case for each patient where that is wanted: nothing is chosen silently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from medtl.intake.offer import Offer, Refusal

SEVERAL, NOT_CHOSEN = "several_series", "not_chosen"
HOW_TO_CHOOSE = (
    "Choose with --labels, by a column series_uid, folder or case that names one of them, or with --modality; or let "
    "the patient have several, without --one-per-patient: a study keeps them in one fold."
)


def one_each(offers: Sequence[Offer]) -> tuple[tuple[Offer, ...], tuple[Refusal, ...]]:
    """One offer for each patient (of several the only one with a label), and the refusals of all others."""
    own: dict[str, list[Offer]] = defaultdict(list)
    for offer in offers:
        own[offer.patient].append(offer)
    kept, refused = list[Offer](), list[Refusal]()
    for offer in offers:
        rivals = own[offer.patient]
        labelled = [rival for rival in rivals if rival.label]
        if len(rivals) == 1 or labelled == [offer]:
            kept.append(offer)
        elif len(labelled) == 1:
            sentence = "Another case of the same patient has the label, and one for each patient is wanted."
            refused.append(_refusal(offer, NOT_CHOSEN, sentence))
        else:
            sentence = f"The patient has {len(rivals)} cases where one is wanted. {HOW_TO_CHOOSE}"
            refused.append(_refusal(offer, SEVERAL, sentence))
    return tuple(kept), tuple(refused)


def several_note(offers: Sequence[Offer]) -> tuple[str, ...]:
    """A note on patients with several cases, if there are any."""
    counts: dict[str, int] = defaultdict(int)
    for offer in offers:
        counts[offer.patient] += 1
    many = [number for number in counts.values() if number > 1]
    if not many:
        return ()
    who = f"{len(many)} patients have" if len(many) > 1 else "1 patient has"
    return (
        f"{who} several cases (up to {max(many)}); a study keeps those of a patient in one fold. "
        "Where one for each patient is wanted, give --one-per-patient.",
    )


def _refusal(offer: Offer, reason: str, sentence: str) -> Refusal:
    return Refusal(
        key=offer.key,
        patient=offer.patient,
        files=offer.files,
        reason=reason,
        sentence=sentence,
        title=offer.title,
        origin=offer.origin,
        preview=None if offer.shows_text else offer.load,
    )
