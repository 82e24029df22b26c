"""Which encoders `medtl sources` compares: those that are named, or those of the weight store that fit the scans.

In: a study, and names or none. Out: encoders by their whole names, a random network last, and a sentence on each
encoder that was left out. A named encoder that does not fit is refused; one that nobody named is left out by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from medtl import encoders
from medtl.encoders import Encoder, WeightStore
from medtl.encoders.catalogue import IMAGENET
from medtl.encoders.lifting import split_name
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.imaging import PreparationSettings
from medtl.sources.normalisations import SUFFIX, otherwise_normalised
from medtl.study.encoders import resolve_encoder
from medtl.study.settings import Study

RANDOM = "random weights"
"""The name of the random network in tables; with its blank no encoder can have it."""

MOST = 12
"""Candidates; the more there are, the less can be told apart after correction for all pairs."""


@dataclass(frozen=True)
class Candidates:
    """Encoders by name, random weights last; `random_of` is the encoder that they have the network of.

    `imagenet` is the first candidate that was pretrained on ImageNet, None where there is none.
    """

    encoders: dict[str, Encoder]
    random_of: str
    imagenet: str | None
    left_out: tuple[str, ...]


def names_in(words: str) -> tuple[str, ...]:
    """The names in `a,b,c`.

    Raises:
        ConfigurationError: there is none, one comes twice, or there are too many.
    """
    names = tuple(part.strip() for part in words.split(",") if part.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names:
        raise ConfigurationError(
            "Expected names of encoders with commas, as in --candidates resnet18-imagenet,resnet50-imagenet; got none. "
            "medtl weights list shows the names."
        )
    if twice:
        raise ConfigurationError(f"--candidates names {', '.join(twice)} more than once. Name each encoder once.")
    if len(names) > MOST:
        raise ConfigurationError(
            f"--candidates names {len(names)} encoders; expected at most {MOST}. With so many pairs little can be told "
            "apart after correction for their number: name the ones that you would take."
        )
    return names


def resolve_candidates(study: Study, names: Sequence[str] | None, *, store: WeightStore) -> Candidates:
    """The encoders that are compared, ready for the study's scans.

    Without names: the study's own, those of its selection, then everything in the weight store.

    Raises:
        ConfigurationError: a named encoder is unknown, absent or does not fit, or nothing is left.
        IntegrityFailure: the weights of a named encoder are damaged.
    """
    found: dict[str, Encoder] = {}
    left_out: list[str] = []
    for name in names or _of_the_store(study, store):
        try:
            whole, encoder = _resolved(study, name, store=store)
        except (ConfigurationError, IntegrityFailure) as error:
            if names is not None:
                raise
            left_out.append(f"{name}: {error}")
            continue
        if whole in found:
            raise ConfigurationError(
                f"--candidates names {whole} twice: for these volumes {name} is {whole}, which is a candidate already."
            )
        if names is None and len(found) == MOST:
            left_out.append(f"{name}: {MOST} encoders are compared at most; name others by --candidates.")
            continue
        found[whole] = encoder
        other = otherwise_normalised(encoder)
        if other is not None:
            found[f"{whole}{SUFFIX}"] = other
    if not found:
        raise ConfigurationError(_nothing(left_out, store))
    imagenet = next((name for name, one in found.items() if one.card.trained_on.startswith(IMAGENET)), None)
    first = imagenet or next(iter(found))
    chance = encoders.build_untrained(found[first].card, seed=study.seed)
    return Candidates({**found, RANDOM: chance}, first, imagenet, tuple(left_out))


def _of_the_store(study: Study, store: WeightStore) -> tuple[str, ...]:
    own = (study.encoder, *(study.selection.encoders if study.selection else ()))
    used = {split_name(name)[1] for name in own}
    return (*dict.fromkeys(own), *(name for name in store.names() if name not in used))


def _resolved(study: Study, name: str, *, store: WeightStore) -> tuple[str, Encoder]:
    whole, encoder = resolve_encoder(study.model_copy(update={"encoder": name}), store=store)
    _refuse_untrained(encoder)
    _refuse_unfit(encoder, study.preparation)
    return whole.encoder, encoder


def _refuse_untrained(encoder: Encoder) -> None:
    if not encoder.card.needs_weights:
        raise ConfigurationError(
            f"{encoder.card.name} is an architecture without pretrained weights, and so no source; the row of random "
            f"weights is in every comparison. Name pretrained weights, such as {encoder.card.name}-imagenet."
        )


def _refuse_unfit(encoder: Encoder, preparation: PreparationSettings) -> None:
    """Refuse an encoder that cannot take the study's scans, by a scan without content."""
    with torch.inference_mode():
        encoder.normalised(torch.zeros(1, preparation.channels, *preparation.shape))


def _nothing(left_out: Sequence[str], store: WeightStore) -> str:
    reasons = "".join(f"\n  {reason}" for reason in left_out)
    return (
        f"There is no encoder to compare: the weight store ({', '.join(map(str, store.folders))}) holds none that fits."
        f"{reasons}\nGet some by medtl weights fetch, unpack or import; medtl weights list says which ones to take."
    )
