"""The encoder of a first study.yaml: the recommended one for these scans, or one that is at hand, or how to get it."""

from __future__ import annotations

from typing import NamedTuple, cast

from medtl.encoders import RECOMMENDATIONS, EncoderCard, WeightStore, default_encoder_for, find_encoder
from medtl.encoders.lifting import split_name
from medtl.encoders.recommendations import Recommendation
from medtl.imaging.settings import Preset
from medtl.study.starter_choices import Choice
from medtl.study.starter_preparation import Prepared

OF_PICTURES: dict[Preset, str] = {
    "radiograph": "radiographs", "ultrasound": "ultrasound", "ct": "CT or MR slices", "mr": "CT or MR slices",
    "mask": "CT or MR slices", "photograph": "photographs, fundus",
}  # fmt: skip
OF_VOLUMES = {False: "volumes", True: "small volumes"}
"""What the recommendations call the scans; volumes by whether they are small."""


class EncoderChoice(NamedTuple):
    """The choice, and the command that gets the weights where they are not at hand."""

    choice: Choice
    get: str = ""


def encoder_choice(preset: Preset, prepared: Prepared, *, store: WeightStore) -> EncoderChoice:
    """The first recommended encoder that is in the store, else another stored one, else the recommended one."""
    is_volume = bool(prepared.spacing_mm)
    kind = OF_VOLUMES[prepared.is_small_patch] if is_volume else OF_PICTURES[preset]
    wanted = recommended_for(kind)
    stored = {card.name: card for card in store.list() if card.needs_weights}
    for one in wanted:
        own = split_name(one.encoder)[1]
        if own in stored:
            reason = f"Recommended for {kind}: {one.reason} ({one.source}). Its weights are here. "
            return EncoderChoice(Choice("encoder", _name(own, one, prepared), reason + _licence(stored[own])))
    fitting = [card for card in stored.values() if card.dimensions == 2 or is_volume]
    first = wanted[0]
    base = split_name(first.encoder)[1]
    if fitting:
        card = min(fitting, key=lambda card: (card.research_only, not card.name.endswith("imagenet"), card.name))
        reason = (
            f"It is here, trained on {card.trained_on}. Recommended for {kind} is {base}, which is not here: "
            f"{_way_to(base)}. {_licence(card)}"
        )
        return EncoderChoice(Choice("encoder", _name(card.name, None, prepared), reason.strip()))
    reason = f"Recommended for {kind}: {first.reason} ({first.source}). Its weights are not here: {_way_to(base)}."
    return EncoderChoice(Choice("encoder", _name(base, first, prepared), reason), _way_to(base))


def recommended_for(kind: str) -> tuple[Recommendation, ...]:
    """The recommendations for a kind of scans, the first one to prefer; a line without a kind has that above it."""
    found, current = [], ""
    for one in RECOMMENDATIONS:
        current = one.scans or current
        if current == kind:
            found.append(one)
    return tuple(found)


def _name(own: str, one: Recommendation | None, prepared: Prepared) -> str:
    """The encoder's name as the study needs it: for volumes with the way that fits their grid."""
    if not prepared.spacing_mm:
        return own
    if one is not None and split_name(one.encoder)[0] is None:
        return one.encoder
    if one is None and _dimensions(own) == 3:
        return own
    return default_encoder_for(
        own,
        shape=cast("tuple[int, int, int]", prepared.shape),
        spacing_mm=cast("tuple[float, float, float]", prepared.spacing_mm),
    ).name


def _dimensions(name: str) -> int:
    return WeightStore.from_environment().card(name).dimensions


def _way_to(name: str) -> str:
    card = find_encoder(name)
    return f"medtl weights fetch {name}" if card.download_url else f"medtl weights import FILE --as {name}"


def _licence(card: EncoderCard) -> str:
    return f"Its licence is for research only: {card.licence}." if card.research_only else ""
