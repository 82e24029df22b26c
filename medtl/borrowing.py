"""From a study to the encoder that it borrows: named for volumes by their geometry, and fit for the scans."""

from __future__ import annotations

from typing import cast

from medtl import encoders
from medtl.encoders import Encoder, WeightStore
from medtl.errors import ConfigurationError
from medtl.progress import say
from medtl.study_settings import Study

Three = tuple[int, int, int]


def borrow(study: Study, *, store: WeightStore) -> tuple[Study, Encoder]:
    """The study with the encoder's whole name, and the encoder.

    In a study of volumes an encoder for pictures is taken to volumes as their geometry suggests, and that is told.
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
