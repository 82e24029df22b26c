"""The head that takes over from the probe says the same; what is frozen stays and what is borrowed is given back."""

import copy

import numpy as np
import pytest
import torch

from medtl.adaptation import (
    AdaptationSettings,
    classifier_from_probe,
    classifier_with_new_head,
    freezing,
    parameter_groups,
)
from medtl.adaptation.probe import fit_probe
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import ConfigurationError


@pytest.fixture(scope="module")
def encoder() -> torch.nn.Module:
    return build_untrained(find_encoder("resnet10"), seed=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_before_the_first_step_the_classifier_says_what_the_probe_says(encoder, classes: int) -> None:
    rng = np.random.default_rng(0)
    scans = torch.from_numpy(rng.uniform(0, 1, (30, 1, 32, 32)).astype(np.float32))
    labels = np.arange(30) % classes
    with freezing.eval_mode(encoder), torch.no_grad():
        features = encoder.pooled(encoder.normalised(scans)).numpy()
    probe = fit_probe(features, labels, groups=[str(i) for i in range(30)], classes=classes, seed=0)
    classifier = classifier_from_probe(copy.deepcopy(encoder), probe)
    with freezing.eval_mode(classifier), torch.no_grad():
        said = torch.softmax(classifier(scans), dim=1).numpy()
    np.testing.assert_allclose(said, probe.probabilities(features.astype(np.float64)), atol=1e-5)


def test_a_new_head_depends_on_its_seed_alone(encoder) -> None:
    before = torch.random.get_rng_state()
    one, two, other = (
        classifier_with_new_head(encoder, classes=3, seed=seed).head.weight.detach().clone() for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_frozen_stages_get_no_gradient_and_are_given_back_even_after_an_error(encoder) -> None:
    classifier = classifier_with_new_head(copy.deepcopy(encoder), classes=2, seed=0)
    with pytest.raises(ZeroDivisionError), freezing.stages_frozen(classifier, ("stem", "layer1")):  # noqa: PT012
        classifier(torch.rand(2, 1, 32, 32)).sum().backward()
        assert all(p.grad is None for p in classifier.encoder.stage("layer1").parameters())
        assert all(p.grad is not None for p in classifier.encoder.stage("layer4").parameters())
        raise ZeroDivisionError
    assert all(p.requires_grad for p in classifier.parameters())


def test_stages_that_an_encoder_lacks_are_refused_with_those_that_it_has(encoder) -> None:
    with pytest.raises(
        ConfigurationError, match=r"frozen_stages names layer9; the stages of resnet10 are stem, layer1"
    ):
        AdaptationSettings(frozen_stages=("layer9",)).refuse_unfit_stages(encoder.stages, encoder="resnet10")


def test_last_stages_that_are_all_stages_are_refused_with_the_policy_that_is_meant(encoder) -> None:
    all_of_them = AdaptationSettings(policy="last_stages", last_stages=5)
    with pytest.raises(
        ConfigurationError, match=r"last_stages is 5, and resnet10 has 5 stages .* at most 4, or .* lp_ft"
    ):
        all_of_them.refuse_unfit_stages(encoder.stages, encoder="resnet10")
    AdaptationSettings(policy="last_stages", last_stages=4).refuse_unfit_stages(encoder.stages, encoder="resnet10")
    AdaptationSettings(policy="full", last_stages=9).refuse_unfit_stages(encoder.stages, encoder="resnet10")


def test_borrowed_weights_move_slower_and_norms_do_not_decay(encoder) -> None:
    classifier = classifier_with_new_head(copy.deepcopy(encoder), classes=2, seed=0)
    groups = parameter_groups(classifier, encoder_rate=0.1, head_rate=1.0)
    assert sum(len(group.names) for group in groups) == len(list(classifier.parameters()))
    for group in groups:
        assert all((name.startswith("head.")) == (group.rate == 1.0) for name in group.names)
        assert all((parameter.ndim > 1) == group.decays for parameter in group.parameters)
