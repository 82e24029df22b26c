"""Each method against its published formula, written anew, and against MONAI where MONAI has it."""

import numpy as np
import pytest
import torch
from monai.visualize.class_activation_maps import GradCAMpp

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import VolumeSettings, build_untrained, find_encoder
from medtl.explanation.cam_methods import METHODS
from medtl.explanation.saliency import hirescam, saliency_maps

SCANS = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def resnet() -> Classifier:
    classifier = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=3), classes=3, seed=3)
    with torch.no_grad():
        classifier.head.weight.mul_(100)
    return classifier.eval()


def seen_and_derived(classifier: Classifier, scan: torch.Tensor, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Activations of layer4 and the gradient of a logit after a mean and one linear layer, by hand: weight / size."""
    with torch.no_grad():
        seen = classifier.encoder.body(classifier.encoder.normalised(scan))[0].numpy().astype(np.float64)
    weight = classifier.head.weight[target].detach().numpy().astype(np.float64)
    return seen, np.broadcast_to((weight / seen[0].size)[:, None, None], seen.shape)


def test_layercam_is_the_sum_of_activation_times_positive_gradient(resnet: Classifier) -> None:
    found = saliency_maps(resnet, SCANS, [0, 2], stage="layer4", method="layercam")
    for scan, target, one in zip(SCANS, (0, 2), found, strict=True):
        seen, derived = seen_and_derived(resnet, scan[None], target)
        expected = np.maximum(np.einsum("khw,khw->hw", np.maximum(derived, 0), seen), 0)
        np.testing.assert_allclose(one.values, expected, rtol=1e-4, atol=1e-5)


def test_grad_cam_plus_plus_is_its_published_formula(resnet: Classifier) -> None:
    found = saliency_maps(resnet, SCANS, [0, 2], stage="layer4", method="gradcam_plus_plus")
    for scan, target, one in zip(SCANS, (0, 2), found, strict=True):
        seen, derived = seen_and_derived(resnet, scan[None], target)
        expected = np.zeros(seen.shape[1:])
        for channel, slope in zip(seen, derived, strict=True):
            alpha = slope**2 / (2 * slope**2 + (channel * slope**3).sum())
            expected += (alpha * np.maximum(slope, 0)).sum() * channel
        np.testing.assert_allclose(one.values, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


def test_grad_cam_plus_plus_is_monais_up_to_the_scale_at_an_earlier_stage(resnet: Classifier) -> None:
    oracle = GradCAMpp(resnet, target_layers="encoder.body.layer3", postprocessing=lambda values: values)
    theirs = oracle.compute_map(SCANS[:1], class_idx=1).detach().numpy()[0, 0]
    (mine,) = saliency_maps(resnet, SCANS[:1], [1], stage="layer3", method="gradcam_plus_plus")
    np.testing.assert_allclose(mine.values / mine.strength, theirs / theirs.max(), rtol=1e-3, atol=1e-4)


def test_eigencam_is_the_first_singular_vector_of_numpy(resnet: Classifier) -> None:
    for stage, depth in (("layer4", 5), ("layer1", 2)):
        with torch.no_grad():
            seen = torch.nn.Sequential(*list(resnet.encoder.body)[:depth])(resnet.encoder.normalised(SCANS[:1]))[0]
        rows = seen.flatten(1).T.numpy().astype(np.float64)
        along = rows @ np.linalg.svd(rows, full_matrices=False)[2][0]
        expected = np.maximum(along * np.sign(along.sum()), 0).reshape(seen.shape[1:])
        (one,) = saliency_maps(resnet, SCANS[:1], [0], stage=stage, method="eigencam")
        np.testing.assert_allclose(one.values, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_eigencam_shows_no_class_and_the_others_do(resnet: Classifier) -> None:
    for method in ("layercam", "gradcam_plus_plus", "eigencam"):
        first, second = (saliency_maps(resnet, SCANS[:1], [k], stage="layer3", method=method)[0] for k in (0, 1))
        assert np.allclose(first.values, second.values) == (method == "eigencam")


def test_where_no_gradient_is_negative_layercam_is_hirescam_and_where_it_is_constant_plus_plus_is_too() -> None:
    chance = torch.Generator().manual_seed(2)
    seen = [torch.rand(1, 4, 5, 5, generator=chance)]
    rising = [torch.rand(1, 4, 5, 5, generator=chance)]
    torch.testing.assert_close(METHODS["layercam"](seen, rising)[0], METHODS["hirescam"](seen, rising)[0])
    one = [torch.rand(1, 1, 5, 5, generator=chance)]
    constant = [torch.full((1, 1, 5, 5), 0.3)]
    layer, plus = (METHODS[name](one, constant)[0] for name in ("layercam", "gradcam_plus_plus"))
    torch.testing.assert_close(layer / layer.max(), plus / plus.max())


@pytest.mark.parametrize("method", METHODS)
def test_slices_in_chunks_give_the_volumes_map_whatever_the_chunks(method: str) -> None:
    scan = torch.rand(1, 1, 24, 40, 12, generator=torch.Generator().manual_seed(5))
    found = []
    for at_once in (3, 12):
        volumes = VolumeSettings(planes=("axial", "coronal"), slices_at_once=at_once)
        encoder = build_untrained(find_encoder("slices-resnet10"), seed=3, volumes=volumes)
        classifier = classifier_with_new_head(encoder, classes=2, seed=1)
        found.append(saliency_maps(classifier, scan, [1], stage="layer1", method=method)[0].values)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4 * max(found[0].max(), 1e-9))
    assert found[0].ndim == 3


def test_hirescam_is_the_method_by_that_name(resnet: Classifier) -> None:
    np.testing.assert_array_equal(
        hirescam(resnet, SCANS, [0, 1])[1].values,
        saliency_maps(resnet, SCANS, [0, 1], stage=None, method="hirescam")[1].values,
    )
