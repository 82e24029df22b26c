"""A head that reads several stages is explained by all of them: the evidence adds up to its logit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
from medtl.encoders.readout import Readout
from medtl.explanation import saliency
from medtl.explanation.cam_methods import METHODS
from medtl.explanation.randomisation import cascade
from medtl.explanation.saliency import READOUT, map_stage, saliency_maps

PICTURES = ("resnet10", "densenet121")
VOLUMES = ("resnet10-3d", "slices-resnet10", "acs-resnet10")


def reading(name: str, readout: Readout) -> tuple[Classifier, torch.Tensor]:
    encoder = build_untrained(find_encoder(name), seed=2)
    classifier = classifier_with_new_head(encoder, classes=3, seed=5, readout=readout).eval()
    shape = (1, 64, 64) if encoder.card.dimensions == 2 else (1, 64, 64, 32)
    return classifier, torch.rand(2, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("readout", ["last", "last_two", "all"])
@pytest.mark.parametrize("name", PICTURES + VOLUMES)
def test_signed_evidence_of_all_stages_adds_up_to_the_logit_without_bias(
    name: str, readout: Readout, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, scans = reading(name, readout)
    monkeypatch.setattr(torch.Tensor, "relu", lambda values: values)  # keep what speaks against a class as well
    with torch.inference_mode():
        logits = (classifier(scans) - classifier.head.bias).numpy()
    found = saliency_maps(classifier, scans, [0, 2], stage=READOUT, method="hirescam")
    for case, (target, one) in enumerate(zip((0, 2), found, strict=True)):
        assert one.values.sum() == pytest.approx(logits[case, target], rel=2e-3, abs=2e-3)


def test_the_map_lies_on_the_grid_of_the_finest_stage_that_is_read() -> None:
    for readout, side in (("last", 2), ("last_two", 4), ("all", 16)):
        classifier, scans = reading("resnet10", readout)
        (one, _) = saliency_maps(classifier, scans, [1, 1], stage=READOUT, method="hirescam")
        assert one.values.shape == (side, side)
        assert one.values.min() >= 0


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_makes_a_map_of_what_the_head_reads(method) -> None:
    classifier, scans = reading("resnet10", "all")
    for one in saliency_maps(classifier, scans, [0, 1], stage=READOUT, method=method):
        assert np.isfinite(one.values).all()


def test_a_map_of_all_stages_leaves_no_hook_no_gradient_and_no_mode_behind() -> None:
    classifier, scans = reading("resnet10", "all")
    classifier.train()
    before = classifier(scans[:1].expand(2, -1, -1, -1)).detach()
    saliency_maps(classifier, scans, [0, 1], stage=READOUT, method="hirescam")
    assert classifier.training
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert not any(stage._forward_hooks for stage in classifier.encoder.body)
    assert before.shape == (2, 3)


def test_a_head_of_the_last_stage_is_explained_by_the_stage_that_suits_the_scan() -> None:
    classifier, scans = reading("resnet10", "last")
    assert map_stage(classifier, scans) == saliency.stage_to_look_at(classifier.encoder, scans)
    assert map_stage(reading("resnet10", "all")[0], scans) == READOUT


def test_the_cascade_of_randomised_stages_keeps_the_readout() -> None:
    classifier, scans = reading("resnet10", "all")

    def make(network, batch, targets):
        return saliency_maps(network, batch, targets, stage=READOUT, method="hirescam")

    untrained = build_untrained(find_encoder("resnet10"), seed=9)
    steps = cascade(classifier, [scans[:1], scans[1:]], [0, 1], make=make, untrained=untrained, seed=3)
    assert [name for name, _ in steps] == ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
    assert all(one.values.shape == (16, 16) for _, maps in steps for one in maps)
