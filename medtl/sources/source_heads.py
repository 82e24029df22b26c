"""What the classifier that weights came with says of the study's cases, where it reads the features of the probe.

In: an encoder, the weight store and the last stage's features. Out: probabilities of the source's classes, or None: the
weights hold no classifier, or the scans are volumes, which no classifier of pictures reads.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import softmax

from medtl.encoders import Encoder, WeightStore
from medtl.encoders.provenance import CLASSIFIER_WEIGHTS
from medtl.sources.curve_data import CurveData


def source_probabilities(
    encoder: Encoder, *, store: WeightStore, data: CurveData
) -> Float[np.ndarray, "case source_class"] | None:
    """The probabilities of each case, in the data's order."""
    if encoder.card.dimensions == 3:
        return None
    stored = store.load(encoder.card.name)
    name = next((one for one in CLASSIFIER_WEIGHTS if one in stored), None)
    bias_name = "" if name is None else f"{name.removesuffix('weight')}bias"
    if name is None or bias_name not in stored:
        return None
    weight = stored[name].double().flatten(1).numpy()
    bias = stored[bias_name].double().numpy()
    if weight.shape[1] != data.last_stage.shape[1]:
        return None
    return np.asarray(softmax(data.last_stage.astype(np.float64) @ weight.T + bias, axis=1))
