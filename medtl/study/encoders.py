"""From a study to its encoder: named for volumes by their geometry, and fit for the scans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from medtl import encoders, files
from medtl.cohort.delimited import file_and_sheet
from medtl.encoders import Encoder, WeightStore
from medtl.errors import ConfigurationError
from medtl.progress import say
from medtl.study.settings import Study

SCHEMA = 1
"""Raised when the same study would give other numbers than before."""

Three = tuple[int, int, int]


def resolve_encoder(study: Study, *, store: WeightStore) -> tuple[Study, Encoder]:
    """The study with the encoder's whole name, and the encoder.

    In a study of volumes an encoder for pictures is taken to volumes as their geometry suggests, and the study says so.
    Refuses an encoder for volumes in a study of pictures before anything is read.
    """
    card, preparation = store.card(study.encoder), study.preparation
    if card.dimensions == 3 and not preparation.is_volume:
        raise ConfigurationError(
            f"The encoder {card.name} takes volumes, but the preparation gives pictures of "
            f"{' x '.join(map(str, preparation.shape))} pixels. Give preparation.spacing_mm and preparation.extent_mm "
            "for volumes, or name an encoder for pictures, such as resnet18-imagenet.",
            encoder=card.name,
        )
    if card.dimensions == 2 and preparation.is_volume:
        chosen = encoders.default_encoder_for(
            study.encoder,
            shape=cast(Three, preparation.shape),
            spacing_mm=cast("tuple[float, float, float]", preparation.spacing_mm),
        )
        say(f"The encoder is {chosen.name}: {chosen.reason}")
        study = study.model_copy(update={"encoder": chosen.name})
    volumes = study.volumes if preparation.is_volume else None
    return study, encoders.build_encoder(study.encoder, store=store, seed=study.seed, volumes=volumes)


def resolve_encoders(study: Study, *, store: WeightStore) -> tuple[Study, dict[str, Encoder]]:
    """The study with whole names, and every encoder it tries by name: its own first, then those to select among."""
    further = study.selection.encoders if study.selection is not None else ()
    named, own = resolve_encoder(study, store=store)
    found = {named.encoder: own}
    for name in further:
        other, encoder = resolve_encoder(study.model_copy(update={"encoder": name}), store=store)
        found[other.encoder] = encoder
    if study.selection is None:
        return named, found
    if len(found) < 1 + len(further):
        raise ConfigurationError(
            f"selection.encoders names an encoder twice: {', '.join((study.encoder, *further))}. The study's own "
            "encoder is a candidate already."
        )
    selection = study.selection.model_copy(update={"encoders": tuple(found)[1:]})
    return named.model_copy(update={"selection": selection}), found


def fingerprint_of(study: Study, resolved: Mapping[str, Encoder]) -> str:
    """What a run is known by: the deciding settings, the manifest's bytes and the pretrained weights."""
    table, _ = file_and_sheet(study.manifest)
    manifest = files.sha256_of_file(table) if table.is_file() else ""
    weights = [encoder.card.sha256 for encoder in resolved.values()]
    return files.fingerprint([SCHEMA, study.deciding(), manifest, *weights])
