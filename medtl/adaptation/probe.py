"""The probe: what frozen features alone can do.

L2-regularised multinomial logistic regression on standardised features, solved to convergence, with its strength C
chosen by grouped inner folds; beside it the nearest centroid (centred, L2-normalised features; Wang 2019,
arXiv 1911.04623). A gradient-trained probe that stops early reports the majority class, so
convergence is checked, not assumed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from medtl.encoders.readout import Readout
from medtl.errors import IntegrityFailure
from medtl.folds import inner_folds
from medtl.heartbeat import beat
from medtl.outcomes.log_loss import log_losses_of_logits

C_GRID: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Inverse strengths tried: six decades around the value where 500 standardised features of 100 cases balance."""
UNCHOSEN_C = 1e-2
"""Taken when a class has too few groups for inner folds: a firm penalty, the middle of the grid."""
INNER_FOLDS = 5
MAX_ITERATIONS = 5_000
TOLERANCE = 1e-5
"""Largest entry of the gradient (of the mean log loss) at which the fit counts as converged."""

Features = Float[np.ndarray, "case feature"]
Labels = Int[np.ndarray, "case"]


@dataclass(frozen=True)
class Probe:
    """A fitted probe. `weight` (class, feature) and `bias` (class,) act on features standardised by `mean`, `scale`."""

    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    weight: Float[np.ndarray, "class feature"]
    bias: Float[np.ndarray, "class"]
    c: float
    c_grid: tuple[float, ...]
    inner_log_loss: tuple[float, ...]
    inner_folds: int
    converged: bool
    readout: Readout = "last"
    readout_losses: Mapping[str, float] = field(default_factory=dict)

    def logits(self, features: Features) -> Float[np.ndarray, "case class"]:
        """Logits per class, in float64; features of a wider readout are cut to the probe's."""
        features = features[:, : len(self.mean)]
        return ((features - self.mean) / self.scale) @ self.weight.T + self.bias

    def probabilities(self, features: Features) -> Float[np.ndarray, "case class"]:
        """Probabilities per class; rows sum to one."""
        return softmax(self.logits(features), axis=1)

    def folded(self) -> tuple[Float[np.ndarray, "class feature"], Float[np.ndarray, "class"]]:
        """Weight and bias of the one linear layer that does the same on raw features: W/s and b - (W/s)m."""
        weight = self.weight / self.scale
        return weight, self.bias - weight @ self.mean


@dataclass(frozen=True)
class Centroids:
    """Nearest centroid: features are centred, L2-normalised, and compared with each class's mean."""

    mean: Float[np.ndarray, " feature"]
    centroids: Float[np.ndarray, "class feature"]
    sharpness: float

    def probabilities(self, features: Features) -> Float[np.ndarray, "case class"]:
        """Softmax of the negative squared distances times the fitted sharpness."""
        distances = _squared_distances(_on_the_sphere(features - self.mean), self.centroids)
        return softmax(-self.sharpness * distances, axis=1)


def fit_probe(
    features: Features,
    labels: Labels,
    *,
    groups: Sequence[str],
    classes: int,
    seed: int,
    readouts: Mapping[Readout, int] | None = None,
) -> Probe:
    """Fit the probe on a fold's training part.

    The inner folds choose the strength C, and among several readouts the one whose best C has the least log loss; of
    equal ones the narrowest. Without inner folds the narrowest is taken.

    Args:
        features: (case, feature), any scale.
        labels: class indices, every class present.
        groups: one entry a case; cases of one group stay together when C is chosen.
        classes: how many classes the study has.
        seed: for the inner folds.
        readouts: the readouts to choose among, and how many of the first features each has; None takes all features.
    """
    _refuse_non_finite(features)
    if readouts is not None:
        return _chosen_readout(features, labels, groups=groups, classes=classes, seed=seed, readouts=readouts)
    parts = inner_folds(groups, [str(label) for label in labels], count=INNER_FOLDS, seed=seed)
    losses = tuple(
        float(np.mean([_held_out_loss(features, labels, parts=part, c=c, classes=classes) for part in parts]))
        for c in (C_GRID if parts else ())
    )
    c = C_GRID[int(np.argmin(losses))] if losses else UNCHOSEN_C
    mean, scale = _standardisation(features)
    weight, bias, converged = _logistic((features - mean) / scale, labels, c=c, classes=classes)
    return Probe(
        mean=mean, scale=scale, weight=weight, bias=bias, c=c, c_grid=C_GRID,
        inner_log_loss=losses, inner_folds=len(parts), converged=converged,
    )  # fmt: skip


def fit_probe_at(features: Features, labels: Labels, *, c: float, classes: int) -> Probe:
    """Fit the probe at a given strength C, without inner folds.

    With fewer cases than features it is solved in the space that the cases span, where the solution lies (the penalty
    does not change under rotation): the same weights to the solver's tolerance, many times faster.
    """
    _refuse_non_finite(features)
    mean, scale = _standardisation(features)
    standardised = (features - mean) / scale
    if len(features) < features.shape[1]:
        basis, coordinates = np.linalg.qr(standardised.T)
        weight, bias, converged = _logistic(coordinates.T, labels, c=c, classes=classes)
        weight = weight @ basis.T
    else:
        weight, bias, converged = _logistic(standardised, labels, c=c, classes=classes)
    return Probe(
        mean=mean, scale=scale, weight=weight, bias=bias, c=c, c_grid=(), inner_log_loss=(), inner_folds=0,
        converged=converged,
    )  # fmt: skip


def _chosen_readout(
    features: Features,
    labels: Labels,
    *,
    groups: Sequence[str],
    classes: int,
    seed: int,
    readouts: Mapping[Readout, int],
) -> Probe:
    fitted: dict[Readout, Probe] = {}
    for readout, width in sorted(readouts.items(), key=lambda item: item[1]):
        own = fit_probe(features[:, :width], labels, groups=groups, classes=classes, seed=seed)
        fitted[readout] = replace(own, readout=readout)
    losses = {name: min(own.inner_log_loss, default=0.0) for name, own in fitted.items()}
    best = min(losses, key=lambda name: losses[name])
    if len(losses) == 1:
        return fitted[best]
    return replace(fitted[best], readout_losses={str(name): loss for name, loss in losses.items()})


def fit_centroids(features: Features, labels: Labels, *, classes: int) -> Centroids:
    """Fit the nearest-centroid baseline on a fold's training part; the sharpness minimises the training log loss."""
    _refuse_non_finite(features)
    mean = features.mean(axis=0, dtype=np.float64)
    sphere = _on_the_sphere(features - mean)
    centroids = np.stack([sphere[labels == index].mean(axis=0) for index in range(classes)])
    distances = _squared_distances(sphere, centroids)

    def loss(log_sharpness: float) -> float:
        return float(log_losses_of_logits(-np.exp(log_sharpness) * distances, labels).mean())

    best = minimize_scalar(loss, bounds=(np.log(1e-2), np.log(1e3)), method="bounded")
    return Centroids(mean=mean, centroids=centroids, sharpness=float(np.exp(best.x)))


def _held_out_loss(
    features: Features, labels: Labels, *, parts: tuple[np.ndarray, np.ndarray], c: float, classes: int
) -> float:
    training, held_out = parts
    mean, scale = _standardisation(features[training])
    weight, bias, _ = _logistic((features[training] - mean) / scale, labels[training], c=c, classes=classes)
    logits = ((features[held_out] - mean) / scale) @ weight.T + bias
    return float(log_losses_of_logits(logits, labels[held_out]).mean())


def _logistic(standardised: Features, labels: Labels, *, c: float, classes: int) -> tuple[np.ndarray, np.ndarray, bool]:
    model = LogisticRegression(C=c, solver="lbfgs", max_iter=MAX_ITERATIONS, tol=TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(standardised, labels)
    beat()
    converged = bool(np.max(model.n_iter_) < MAX_ITERATIONS)
    if classes == 2:  # scikit-learn keeps one row for two classes; two symmetric rows give the same softmax
        half = model.coef_[0] / 2
        return np.stack([-half, half]), np.array([-0.5, 0.5]) * model.intercept_[0], converged
    return model.coef_, model.intercept_, converged


def _standardisation(features: Features) -> tuple[np.ndarray, np.ndarray]:
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    return mean, np.where(scale > 0, scale, 1.0)


def _on_the_sphere(centred: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(norms > 0, norms, 1.0)


def _squared_distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    return ((points[:, None, :] - centroids[None, :, :]) ** 2).sum(axis=2)


def _refuse_non_finite(features: Features) -> None:
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise IntegrityFailure(
            f"Features must be finite numbers; {len(bad)} of {len(features)} rows are not, first in row {bad[0]}. "
            "The encoder's weights or the prepared scans are damaged: run medtl weights verify.",
            rows=bad.tolist(),
        )
