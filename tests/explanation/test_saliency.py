"""HiResCAM against captum and against its definition; hooks, modes and gradients are restored."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import ConfigurationError
from medtl.explanation import hirescam, on_scan_grid
from medtl.explanation.saliency import RawSaliency, stage_to_look_at
from medtl.imaging import PreparationSettings, ScanFacts

SCANS = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def classifier_of(architecture: str) -> Classifier:
    encoder = build_untrained(find_encoder(architecture), seed=3)
    classifier = classifier_with_new_head(encoder, classes=3, seed=3, dropout=0.5)
    with torch.no_grad():
        classifier.head.weight.mul_(100)
    return classifier


@pytest.fixture(scope="module")
def resnet() -> Classifier:
    return classifier_of("resnet10")


FAMILIES = [
    "resnet10",
    "mobilenetv2_100",
    "efficientnet_b0",
    "se_resnet50",
    pytest.param("densenet121", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("architecture", FAMILIES)
def test_at_the_last_stage_it_is_captums_grad_cam(architecture: str) -> None:
    classifier = classifier_of(architecture).eval()
    last = classifier.encoder.stage(classifier.encoder.stages[-1])
    targets = [0, 2, 1]
    oracle = LayerGradCam(classifier, last).attribute(SCANS, target=targets, relu_attributions=True)
    for mine, theirs in zip(hirescam(classifier, SCANS, targets), oracle.detach().numpy(), strict=True):
        np.testing.assert_allclose(mine.values, theirs[0], rtol=1e-4, atol=1e-5)


def test_at_an_earlier_stage_it_is_activation_times_gradient_position_by_position(resnet: Classifier) -> None:
    classifier = copy.deepcopy(resnet).eval()
    classifier.requires_grad_(False)
    body = list(classifier.encoder.body)
    activation = torch.nn.Sequential(*body[:4])(classifier.encoder.normalised(SCANS[:1])).detach().requires_grad_(True)
    logits = classifier.head(body[4](activation + 0).flatten(2).mean(-1))
    (gradient,) = torch.autograd.grad(logits[0, 1], activation)
    expected = (gradient * activation).sum(1).relu()[0].detach().numpy()
    (found,) = hirescam(resnet, SCANS[:1], [1], stage="layer3")
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_stage_of_every_family_can_be_looked_at(architecture: str) -> None:
    classifier = classifier_of(architecture)
    chosen = stage_to_look_at(classifier.encoder, SCANS)
    sides = [hirescam(classifier, SCANS, [0, 1, 2], stage=stage)[0].values.shape for stage in classifier.encoder.stages]
    assert sides[-1] == (2, 2)
    assert sides[classifier.encoder.stages.index(chosen)] == (8, 8)


def test_signed_evidence_of_the_last_stage_adds_up_to_the_logit(resnet: Classifier) -> None:
    up = hirescam(resnet, SCANS, [0, 0, 0])
    negative = copy.deepcopy(resnet)
    with torch.no_grad():
        negative.head.weight.mul_(-1)
    down = hirescam(negative, SCANS, [0, 0, 0])
    with torch.no_grad():
        logits = copy.deepcopy(resnet).eval()(SCANS)[:, 0] - resnet.head.bias[0]
    for plus, minus, logit in zip(up, down, logits, strict=True):
        assert plus.values.sum() - minus.values.sum() == pytest.approx(float(logit), abs=1e-4)


def test_hooks_modes_gradients_and_statistics_are_given_back(resnet: Classifier) -> None:
    resnet.train()
    before = {name: value.clone() for name, value in resnet.state_dict().items()}
    with torch.no_grad():
        hirescam(resnet, SCANS, [0, 1, 2])
    assert all(not module._forward_hooks for module in resnet.modules())
    assert all(module.training for module in resnet.modules())
    assert all(parameter.grad is None for parameter in resnet.parameters())
    assert all(torch.equal(before[name], value) for name, value in resnet.state_dict().items())


def test_the_same_scan_alone_or_among_others_has_the_same_map(resnet: Classifier) -> None:
    together = hirescam(resnet, SCANS, [0, 1, 2])[1].values
    np.testing.assert_allclose(hirescam(resnet, SCANS[1:2], [1])[0].values, together, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("side", "stage"), [(224, "layer4"), (112, "layer3"), (64, "layer2"), (16, "stem")])
def test_a_small_scan_is_explained_at_a_stage_that_still_says_where(resnet: Classifier, side: int, stage: str) -> None:
    scan = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(2))
    found = stage_to_look_at(resnet.encoder, scan)
    (raw,) = hirescam(resnet, scan, [0], stage=found)
    assert found == stage
    assert min(raw.values.shape) >= 7 or found == resnet.encoder.stages[0]


def test_a_stage_that_does_not_exist_is_refused(resnet: Classifier) -> None:
    with pytest.raises(ConfigurationError, match=r"explanation.stage is 'layer7'; this encoder's stages are stem"):
        hirescam(resnet, SCANS, [0, 0, 0], stage="layer7")


def facts(height: int, width: int) -> ScanFacts:
    return ScanFacts(
        sha256="",
        pixel_sha256="",
        perceptual_hash="",
        border=None,
        shape=(height, width),
        channels=1,
        spacing_mm=None,
        reader="",
        notes=(),
    )


@pytest.mark.parametrize(("height", "width"), [(64, 64), (300, 100), (50, 128), (17, 31)])
def test_a_hot_spot_lands_on_its_position_in_the_original_scan(height: int, width: int) -> None:
    side = 64
    scale = side / max(height, width)
    top, left = (side - round(height * scale)) // 2, (side - round(width * scale)) // 2
    values = np.zeros((16, 16), np.float32)
    values[9, 7] = 2.5  # covers rows 36-40 and columns 28-32 of the prepared grid
    found = on_scan_grid(
        RawSaliency(0, values), facts(height, width), preparation=PreparationSettings(size_px=(side, side))
    )
    assert found.shape == (height, width)
    assert found.max() == 1.0
    assert found.min() >= 0
    row, column = np.average(np.argwhere(found > 0.5), axis=0)
    assert row == pytest.approx((38 - top) / scale - 0.5, abs=1.5 / scale)
    assert column == pytest.approx((30 - left) / scale - 0.5, abs=1.5 / scale)


def test_a_map_without_evidence_is_zero_everywhere_not_noise() -> None:
    raw = RawSaliency(0, np.zeros((7, 7), np.float32))
    assert raw.strength == 0
    assert not on_scan_grid(raw, facts(20, 30), preparation=PreparationSettings(size_px=(64, 64))).any()


def test_the_map_is_one_where_it_is_strongest_unlike_monais_normaliser() -> None:
    from monai.visualize.class_activation_maps import default_normalizer
    from monai.visualize.visualizer import default_upsampler

    values = np.zeros((7, 7), np.float32)
    values[3, 3] = 1
    ours = on_scan_grid(RawSaliency(0, values), facts(64, 64), preparation=PreparationSettings(size_px=(64, 64)))
    assert default_upsampler is not None
    assert default_normalizer(values[None, None])[0, 0, 3, 3] == 0  # MONAI maps the hot spot to the smallest value
    assert np.unravel_index(ours.argmax(), ours.shape)[0] in (31, 32)
