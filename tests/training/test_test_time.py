"""Views of a scan when it is judged: fixed copies, their mean, and nothing where none is asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import shift

from medtl.adaptation import Classifier
from medtl.adaptation.heads import activated
from medtl.training import Scans
from medtl.training.fit_task import FitTask
from medtl.training.predict import predict_logits
from medtl.training.test_time import predict_probabilities, views_of


@pytest.mark.parametrize("shape", [(50, 40), (50, 40, 20)])
def test_shifts_are_scipys_by_a_fiftieth_of_the_side_with_black_entering(shape: tuple[int, ...]) -> None:
    scans = torch.rand(2, 1, *shape, generator=torch.Generator().manual_seed(0))
    views = views_of(("shifts",), axes=len(shape))
    assert len(views) == 1 + 2 * len(shape)
    assert torch.equal(views[0](scans), scans)
    expected = [
        [0, 0, *(sign * max(1, round(side / 50)) * (axis == own) for axis in range(len(shape)))]
        for own, side in enumerate(shape)
        for sign in (-1, 1)
    ]
    for view, by in zip(views[1:], expected, strict=True):
        np.testing.assert_array_equal(view(scans).numpy(), shift(scans.numpy(), by, order=0, cval=0.0))


@pytest.mark.parametrize(("shape", "left_right"), [((1, 3, 32, 32), 3), ((1, 1, 20, 24, 28), 2)])
def test_a_mirror_image_from_left_to_right_stands_beside_every_view(shape: tuple[int, ...], left_right: int) -> None:
    scans, axes = torch.rand(shape), len(shape) - 2
    views = views_of(("shifts", "mirror"), axes=axes)
    assert len(views) == 2 * (1 + 2 * axes)
    for view, mirrored in zip(views[: len(views) // 2], views[len(views) // 2 :], strict=True):
        np.testing.assert_array_equal(mirrored(scans).numpy(), np.flip(view(scans).numpy(), axis=left_right))


def test_probabilities_are_the_mean_over_the_views_and_sum_to_one(
    classifier: Classifier, scans: Scans, make_task: Callable[..., FitTask]
) -> None:
    task, ids = make_task(small_data={"test_time": ["shifts"]}), tuple(scans.labels)[:3]
    found = predict_probabilities(classifier, scans, ids, recipe=task.recipe, device=task.device, what="test")
    stacked = torch.from_numpy(np.stack([scans.pixels(case) for case in ids]))
    classifier.eval()
    with torch.no_grad():
        each = [torch.softmax(classifier(view(stacked)).double(), dim=1) for view in views_of(("shifts",), axes=2)]
    np.testing.assert_allclose(found, torch.stack(each).mean(dim=0).numpy(), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_without_the_option_the_scan_alone_is_judged(
    classifier: Classifier, scans: Scans, make_task: Callable[..., FitTask]
) -> None:
    task, ids = make_task(), tuple(scans.labels)[:3]
    found = predict_probabilities(classifier, scans, ids, recipe=task.recipe, device=task.device, what="test")
    logits = predict_logits(classifier, scans, ids, recipe=task.recipe, device=task.device, what="test")
    np.testing.assert_array_equal(found, activated(logits, outcome=scans.outcome))
