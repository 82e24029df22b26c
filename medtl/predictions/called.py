"""Which class a probability calls: the one rule of metrics, maps, galleries and lists of errors.

In: probabilities, and the declared threshold where there are two classes. Out: class indices, and how sure each
call is.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def called_classes(
    probabilities: Float[np.ndarray, "row class"], threshold: float | Float[np.ndarray, " row"] | None
) -> Int[np.ndarray, " row"]:
    """The last class from `threshold` on and else the first; without a threshold the most probable (first of equals).

    `threshold` is one for all rows, or one a row (NaN: none for this row).
    """
    most_probable = probabilities.argmax(axis=1)
    if threshold is None or probabilities.shape[1] != 2:
        return most_probable
    cut = np.broadcast_to(np.asarray(threshold, dtype=np.float64), (len(probabilities),))
    return np.where(np.isnan(cut), most_probable, probabilities[:, 1] >= cut).astype(np.int64)


def certainty(
    probabilities: Float[np.ndarray, "row class"], threshold: float | Float[np.ndarray, " row"] | None
) -> Float[np.ndarray, " row"]:
    """How far each call lies from its threshold, as a share of the way to 0 or 1; else the class's probability."""
    called = called_classes(probabilities, threshold)
    own = probabilities[np.arange(len(called)), called]
    if threshold is None or probabilities.shape[1] != 2:
        return own
    cut = np.broadcast_to(np.asarray(threshold, dtype=np.float64), (len(probabilities),))
    safe = np.where(np.isnan(cut), 0.5, cut)
    beyond = np.where(called == 1, probabilities[:, 1] - safe, safe - probabilities[:, 1])
    room = np.where(called == 1, 1.0 - safe, safe)
    return np.divide(beyond, room, out=np.ones(len(called)), where=room > 0.0)
