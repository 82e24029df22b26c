"""Whether a file can be what a name of the catalogue promises, as far as the file itself shows."""

from __future__ import annotations

from typing import Final

from medtl.encoders.card import EncoderCard
from medtl.encoders.encoder_search import FoundEncoder

UNKNOWN_SOURCE: Final = "data of an unknown source, which its importer did not state"
NOT_STATED: Final = "not stated"
CLASSIFIER_WEIGHTS: Final = ("fc.weight", "class_layers.out.weight")


def catalogue_contradictions(encoder: FoundEncoder, sha256: str, *, card: EncoderCard) -> tuple[str, ...]:
    """Contradictions between the file and the card; empty without any.

    A card with the sha256 of the published file takes that file alone. Without one, the classifier has to be there
    with the classes of the source task, which a network fine-tuned on something else, or one without its classifier,
    does not show.
    """
    if card.published_sha256 is not None:
        if sha256 == card.published_sha256:
            return ()
        return (f"the published file has the sha256 {card.published_sha256}, this one {sha256}",)
    if card.source_classes is None:
        return ()
    outputs = classifier_outputs(encoder)
    if outputs is None:
        return (f"it holds no classifier, and so nothing that shows training on {card.source_classes:,} classes",)
    if outputs != card.source_classes:
        return (f"its classifier has {outputs:,} outputs, the source task {card.source_classes:,} classes",)
    return ()


def classifier_outputs(encoder: FoundEncoder) -> int | None:
    """Outputs of the classifier that lies beside the encoder; None without one."""
    weights = next((encoder.tensors[name] for name in CLASSIFIER_WEIGHTS if name in encoder.tensors), None)
    return int(weights.shape[0]) if weights is not None and weights.ndim > 0 else None
