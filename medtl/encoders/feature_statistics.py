"""What an encoder's features look like on the images that it was trained on, so that other images can be compared.

In: pooled features of the last stage with the patient of each image. Out: their mean and covariance, the distance up to
which an image belongs to them, and the bytes of the file that lies beside the weights. No single image is in it: the
covariance is kept as its principal axes, each as long as the standard deviation along it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from medtl.encoders.card import SourceFeatures
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import sha256_of

Features = Float[np.ndarray, "case feature"]

FEWEST_CASES: Final = 40
"""Images from which on a 95th percentile of their distances is one of them and not the largest alone."""
PERCENTILE: Final = 0.95
PARTS: Final = 10
"""Into which the patients are divided, so that every image is compared with other patients' images."""
ANEW: Final = "Write it again: medtl weights describe --replace, or medtl pretrain --replace."
LEAST_SHRINKAGE: Final = 1e-6
"""Keeps the covariance invertible where features are constant."""
NO_COMPONENT: Final = 1e-12
"""Share of the largest variance below which a principal axis is rounding."""


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Mean and covariance of a source's features; the covariance is `axes.T @ axes`, its axes orthogonal."""

    summary: SourceFeatures
    mean: Float[np.ndarray, " feature"]
    axes: Float[np.ndarray, "component feature"]

    def distances(self, features: Features) -> Float[np.ndarray, " case"]:
        """The Mahalanobis distance of each case from the source, by its shrunk covariance."""
        return mahalanobis_distances(features, self.mean, self.axes, shrinkage=self.summary.shrinkage)

    @property
    def variances(self) -> Float[np.ndarray, " feature"]:
        """Of the shrunk covariance along its principal axes and, equal to each other, the directions without one."""
        own = (self.axes**2).sum(axis=1)
        added = self.summary.shrinkage * own.sum() / len(self.mean)
        whole = np.zeros(len(self.mean))
        whole[: len(own)] = (1.0 - self.summary.shrinkage) * own
        return np.asarray(whole + added)

    def outside(self, features: Features) -> int:
        """How many cases lie farther out than the 95th percentile of the source's own images."""
        return int((self.distances(features) > self.summary.limit).sum())

    def as_bytes(self) -> bytes:
        """A safetensors file of `mean` and `axes` in float32, whose sha256 the summary has."""
        from safetensors.numpy import save

        return save({"mean": self.mean.astype(np.float32), "axes": self.axes.astype(np.float32)})


def feature_statistics(
    features: Features, patients: Sequence[str], *, held_out: Features | None = None
) -> FeatureStatistics:
    """The statistics of a source's features.

    The limit is the 95th percentile of the distances of images from the statistics of other patients (10 parts): those
    of images from statistics that they had a part in are too short, the more so the fewer images there are.

    Args:
        features: of the last stage, a row an image, in an order that depends on chance alone.
        patients: of each image.
        held_out: features of images that the encoder did not learn from; how many of them lie outside is kept.

    Raises:
        ConfigurationError: fewer than 40 images, or fewer than 10 patients.
    """
    rows = np.asarray(features, dtype=np.float64)
    number_of = {patient: number for number, patient in enumerate(dict.fromkeys(patients))}
    if len(rows) < FEWEST_CASES or len(number_of) < PARTS:
        raise ConfigurationError(
            f"Statistics of a source need at least {FEWEST_CASES} images of {PARTS} patients; there are {len(rows)} of "
            f"{len(number_of)}. Give more images of the source.",
            images=len(rows),
            patients=len(number_of),
        )
    part_of = np.array([number_of[patient] % PARTS for patient in patients])
    own = np.empty(len(rows))
    for part in range(PARTS):
        tested = part_of == part
        mean, axes, shrinkage = _moments(rows[~tested])
        own[tested] = mahalanobis_distances(rows[tested], mean, axes, shrinkage=shrinkage)
    limit = float(np.sort(own)[math.ceil(PERCENTILE * (len(own) + 1)) - 1])
    mean, axes, shrinkage = _moments(rows)
    mean, axes = mean.astype(np.float32).astype(np.float64), axes.astype(np.float32).astype(np.float64)
    unnamed = SourceFeatures(
        cases=len(rows), patients=len(number_of), features=rows.shape[1], shrinkage=shrinkage, limit=limit,
        sha256="0" * 64,
    )  # fmt: skip
    found = FeatureStatistics(unnamed, mean, axes)
    update: dict[str, object] = {"sha256": sha256_of(found.as_bytes())}
    if held_out is not None and len(held_out):
        update |= {"held_out_cases": len(held_out), "held_out_outside": found.outside(held_out)}
    return FeatureStatistics(unnamed.model_copy(update=update), mean, axes)


def statistics_in(data: bytes, summary: SourceFeatures, *, file: str) -> FeatureStatistics:
    """The statistics in a file that `as_bytes` wrote; `file` names it in a refusal.

    Raises:
        IntegrityFailure: it has another sha256 than the card says, or holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    got = sha256_of(data)
    if got != summary.sha256:
        raise IntegrityFailure(
            f"{file} is damaged or was exchanged: expected sha256 {summary.sha256}, got {got}. {ANEW}", file=file
        )
    try:
        arrays = load(data)
        mean, axes = (arrays[name].astype(np.float64) for name in ("mean", "axes"))
    except (SafetensorError, KeyError) as error:
        raise IntegrityFailure(f"{file} does not hold mean and axes as its card says. {ANEW}", file=file) from error
    width = summary.features
    fits = mean.shape == (width,) and axes.ndim == 2 and axes.shape[1] == width and len(axes) <= width
    if not fits or not (np.isfinite(mean).all() and np.isfinite(axes).all()):
        raise IntegrityFailure(
            f"{file} holds a mean {mean.shape} and axes {axes.shape}; expected finite numbers of {width} features, as "
            f"its card says. {ANEW}",
            file=file,
        )
    return FeatureStatistics(summary, mean, axes)


def principal_axes(
    features: Features,
) -> tuple[Float[np.ndarray, " feature"], Float[np.ndarray, "component feature"]]:
    """The mean, and the principal axes with the standard deviation along each as length; at least two cases."""
    mean = features.mean(axis=0)
    centred = (features - mean) / math.sqrt(len(features) - 1)
    if len(centred) > centred.shape[1]:
        centred = np.linalg.qr(centred, mode="r")
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    kept = lengths**2 > NO_COMPONENT * max(float(lengths[0]) ** 2, np.finfo(np.float64).tiny)
    return mean, lengths[kept, None] * directions[kept]


def mahalanobis_distances(
    features: Features,
    mean: Float[np.ndarray, " feature"],
    axes: Float[np.ndarray, "component feature"],
    *,
    shrinkage: float,
) -> Float[np.ndarray, " case"]:
    """Distances by the covariance that is shrunk towards a multiple of the identity (Ledoit and Wolf 2004).

    The shrunk covariance is (1 - shrinkage) S + shrinkage tr(S) / features I. Where features do not vary at all, a case
    that is not the mean is infinitely far.
    """
    away = np.asarray(features, dtype=np.float64) - mean
    squared_lengths = (axes**2).sum(axis=1)
    added = shrinkage * float(squared_lengths.sum()) / away.shape[1]
    along = away @ (axes / np.sqrt(squared_lengths)[:, None]).T
    beside = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
    inside = (along**2 / ((1.0 - shrinkage) * squared_lengths + added)).sum(axis=1)
    if added == 0.0:
        return np.where(beside > 0.0, np.inf, 0.0)
    return np.asarray(np.sqrt(inside + beside / added))


def _moments(
    rows: Features,
) -> tuple[Float[np.ndarray, " feature"], Float[np.ndarray, "component feature"], float]:
    """Mean, axes and the share of shrinkage by Ledoit and Wolf (J Multivar Anal 2004;88:365-411), from 0 to 1."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    mean, axes = principal_axes(rows)
    return mean, axes, float(np.clip(ledoit_wolf_shrinkage(rows), LEAST_SHRINKAGE, 1.0))
