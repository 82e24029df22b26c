"""A source whose publishers disagree on the normalisation, fed in the other way too.

In: an encoder as its card feeds it. Out: the same weights under the other normalisation, or None where nobody disputes
it. Which one is right shows in the features: both are compared.
"""

from __future__ import annotations

import copy

from medtl.encoders import Encoder
from medtl.encoders.catalogue import IMAGENET_MEAN, IMAGENET_STD, RADIMAGENET
from medtl.encoders.normalisation import Normalisation

SUFFIX = ", ImageNet normalisation"
"""After the encoder's name; with its blanks no other encoder can have it."""


def otherwise_normalised(encoder: Encoder) -> Encoder | None:
    """The encoder under ImageNet's statistics where it was pretrained on RadImageNet and is fed in another way.

    RadImageNet's authors map pixels to [-1, 1] in their code for PyTorch; the page of the weights names ImageNet's
    statistics.
    """
    card = encoder.card
    is_disputed = card.trained_on.startswith(RADIMAGENET) and card.dimensions == 2 and card.grey_rule == "repeat"
    if not is_disputed or card.channels != len(IMAGENET_MEAN) or card.mean == IMAGENET_MEAN:
        return None
    other = copy.deepcopy(encoder)
    fed = {"value_range": (0.0, 1.0), "mean": IMAGENET_MEAN, "std": IMAGENET_STD, "source_features": None}
    other.card = card.model_copy(update=fed)
    other.normalise = Normalisation(other.card, other.network)
    return other
