"""A handful of synthetic scans and a small untrained encoder: enough to fit in a second."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
from medtl.outcomes import outcome_of
from medtl.training import Recipe, Scans
from medtl.training.fit_task import FitTask

TWO_CLASSES = outcome_of(["well", "ill"])


def pictures(count: int = 12, side: int = 32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    found = {}
    for index in range(count):
        scan = rng.uniform(0, 0.4, (1, side, side)).astype(np.float32)
        scan[:, 8:20, 8:20] += 0.5 * (index % 2)
        found[f"c{index}"] = scan
    return found


def jitter(scan: np.ndarray, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(scan + rng.normal(0, 0.05, scan.shape), 0, 1).astype(np.float32)


@pytest.fixture(scope="session")
def scans() -> Scans:
    found = pictures()
    return Scans(
        found.__getitem__,
        {name: index % 2 for index, name in enumerate(found)},
        jitter,
        outcome=TWO_CLASSES,
    )


@pytest.fixture
def classifier() -> Classifier:
    return new_classifier()


def new_classifier(*, seed: int = 0, dropout: float = 0.2) -> Classifier:
    encoder = build_untrained(find_encoder("resnet10"), seed=seed)
    return classifier_with_new_head(encoder, classes=2, seed=seed, dropout=dropout)


@pytest.fixture
def make_task(scans: Scans) -> Callable[..., FitTask]:
    def make(*, batch_norm_frozen: bool = False, data: Scans | None = None, **recipe: object) -> FitTask:
        names: Mapping[str, int] = scans.labels
        settings: dict[str, object] = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, **recipe}
        return FitTask(
            name="test",
            scans=data or scans,
            chance_keys={name: name for name in names},
            training=tuple(names)[:8],
            validation=tuple(names)[8:],
            recipe=Recipe.model_validate(settings),
            encoder_rate=1.0,
            head_rate=1.0,
            batch_norm_frozen=batch_norm_frozen,
            seed_names=(7, "test", 0),
            device=torch.device("cpu"),
        )

    return make
