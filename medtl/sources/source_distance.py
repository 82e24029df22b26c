"""How far the target's images lie from those that an encoder was trained on, seen through its features.

In: the statistics on an encoder's card and the features of the target. Out: the Frechet distance of both, beside those
of samples from the source with as many images, and how many of the target's images the source does not cover. No label
is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from medtl.encoders import Encoder, WeightStore
from medtl.encoders.feature_statistics import FeatureStatistics
from medtl.errors import IntegrityFailure
from medtl.record.sources import DistanceFound, SourceDistance
from medtl.sources.curve_data import CurveData
from medtl.training.seeding import seed_for

DRAWS = 20
"""Pairs of samples from the source itself, whose distances are those that chance alone makes."""
FEWEST_PATIENTS = 3
NOT_ON_THE_CARD = "its card has no statistics of the source"

Features = Float[np.ndarray, "case feature"]


@dataclass(frozen=True, eq=False)
class Moments:
    """The mean of features, and axes whose `axes.T @ axes` is their covariance."""

    mean: Float[np.ndarray, " feature"]
    axes: Float[np.ndarray, "component feature"]


def frechet_distance(one: Moments, other: Moments) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Heusel et al., NeurIPS 2017, arXiv 1706.08500; there FID).

    With S = A.T A the trace of (S1 S2)^(1/2) is the sum of the singular values of A1 A2.T.
    """
    between = float(((one.mean - other.mean) ** 2).sum())
    spread = float((one.axes**2).sum() + (other.axes**2).sum())
    shared = float(np.linalg.svd(one.axes @ other.axes.T, compute_uv=False).sum())
    return max(between + spread - 2.0 * shared, 0.0)


def distance_from_source(name: str, encoder: Encoder, *, store: WeightStore, data: CurveData) -> SourceDistance:
    """The target's distance from the source of a candidate, or why it is not known."""
    if encoder.card.source_features is None:
        return SourceDistance(candidate=name, found=None, reason=NOT_ON_THE_CARD)
    try:
        statistics = store.statistics(encoder.card.name)
    except IntegrityFailure as error:
        return SourceDistance(candidate=name, found=None, reason=str(error))
    if statistics is None or statistics.summary.features != data.last_stage.shape[1]:
        return SourceDistance(candidate=name, found=None, reason="its statistics are of other features")
    patients = data.patients(np.arange(len(data.cases)))
    found = source_distance(statistics, data.last_stage, patients, seed=data.seed)
    reason = None if found is not None else f"fewer than {FEWEST_PATIENTS} patients have no covariance"
    return SourceDistance(candidate=name, found=found, reason=reason)


def source_distance(
    source: FeatureStatistics, features: Features, patients: Sequence[str], *, seed: int
) -> DistanceFound | None:
    """The target's distance from a source, None with fewer than three patients.

    One image of each patient, the first in the order given, enters the Frechet distance, since those of one patient are
    alike; every image is counted as inside or outside.
    """
    rows = np.asarray(features, dtype=np.float64)
    first = np.sort(np.unique(list(patients), return_index=True)[1])
    if len(first) < FEWEST_PATIENTS:
        return None
    drawn = drawn_distances(source, len(first), seed=seed_for(seed, "draws from the source"))
    return DistanceFound(
        source_cases=source.summary.cases,
        source_patients=source.summary.patients,
        held_out_cases=source.summary.held_out_cases,
        held_out_outside=source.summary.held_out_outside,
        patients=len(first),
        frechet=frechet_distance(Moments(source.mean, source.axes), _moments(rows[first])),
        of_draws=float(np.mean(drawn)),
        largest_of_draws=float(np.max(drawn)),
        draws=DRAWS,
        cases=len(rows),
        outside=source.outside(rows),
    )


def drawn_distances(source: FeatureStatistics, images: int, *, seed: int) -> Float[np.ndarray, " draw"]:
    """The Frechet distances of two draws from the source: as many images as the target has, and as the source had.

    So the yardstick has the error of both sides. The draws are Gaussian with the shrunk covariance, along whose
    directions nothing covaries; the source counts one image of each patient.
    """
    chance = np.random.default_rng(seed)
    deviations = np.sqrt(source.variances)
    pairs = [source.summary.patients, images]
    return np.array(
        [
            frechet_distance(
                *(_moments(chance.standard_normal((each, len(deviations))) * deviations) for each in pairs)
            )
            for _ in range(DRAWS)
        ]
    )


def _moments(features: Features) -> Moments:
    """Their moments; the axes are any whose product is the covariance, as few as possible."""
    mean = features.mean(axis=0)
    centred = (features - mean) / np.sqrt(len(features) - 1)
    return Moments(mean, np.asarray(np.linalg.qr(centred, mode="r")) if len(centred) > centred.shape[1] else centred)
