"""Every tensor of a published file is accounted for; the witness is the layout written down in conftest."""

from __future__ import annotations

import json

import pytest

from medtl.encoders.architectures import Network, expected_shapes
from medtl.encoders.key_maps import TensorFacts, account_for, architecture_of, key_map
from medtl.errors import ConfigurationError

ALL = ("resnet10", "resnet18", "resnet34", "resnet50", "densenet121", "densenet169")


def facts(shapes, dtype="float32"):
    names = key_map(shapes).names
    return {names[key]: TensorFacts(dtype, tuple(shape)) for key, shape in shapes.items()}


@pytest.mark.parametrize("architecture", ALL)
def test_a_torchvision_checkpoint_fits_completely_and_only_its_classifier_is_left_out(architecture, layout) -> None:
    shapes = layout(architecture)
    account = account_for(facts(shapes), expected=expected_shapes(Network(architecture)))
    assert account.complete
    assert account.complaint() == ""
    assert len(account.loaded) == len(shapes) - 2
    assert account.adapted == ()
    assert [why for _, why in account.left_out] == ["classifier of the source task"] * 2
    assert architecture_of(facts(shapes)) == architecture


def test_the_number_of_parameters_is_the_published_one(layout) -> None:
    def parameters(architecture):
        return sum(
            torch_size(shape)
            for key, shape in layout(architecture).items()
            if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        )

    def torch_size(shape):
        product = 1
        for side in shape:
            product *= side
        return product

    # torchvision's model pages: parameters with the classifier of 1,000 classes
    assert parameters("resnet18") == 11_689_512
    assert parameters("resnet34") == 21_797_672
    assert parameters("resnet50") == 25_557_032
    assert parameters("densenet121") == 7_978_856
    assert parameters("densenet169") == 14_149_480


def test_old_torchvision_densenets_with_dots_in_their_names_fit(layout) -> None:
    dotted = {
        key.replace(".norm1.", ".norm.1.")
        .replace(".norm2.", ".norm.2.")
        .replace(".conv1.", ".conv.1.")
        .replace(".conv2.", ".conv.2."): shape
        for key, shape in layout("densenet121").items()
        if not key.endswith("num_batches_tracked")
    }
    assert key_map(dotted).layout == "old torchvision DenseNet (norm.1)"
    account = account_for(facts(dotted), expected=expected_shapes(Network("densenet121")))
    assert account.complete
    assert len(account.adapted) == 121, "one counter for each of the 121 normalisations"
    assert all("counter absent" in rule for _, rule in account.adapted)


def test_monais_own_names_map_onto_themselves() -> None:
    for architecture in ("resnet18", "densenet121"):
        own = expected_shapes(Network(architecture))
        assert key_map(own).names == {key: key for key in own}


def test_the_prefix_of_data_parallel_training_is_taken_off(layout) -> None:
    wrapped = {f"module.{key}": shape for key, shape in layout("resnet18").items()}
    assert account_for(facts(wrapped), expected=expected_shapes(Network("resnet18"))).complete
    assert key_map(wrapped).layout.endswith(", data parallel")


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "architecture"), [("ResNet50", "resnet50"), ("DenseNet121", "densenet121")])
def test_radimagenet_in_pytorch_fits_completely(file, architecture, shared) -> None:
    manifest = json.loads((shared / f"weights/manifests/radimagenet_Lab-Rasool_{file}.pt.json").read_text())
    shapes = {key: tuple(shape) for key, (_, shape) in manifest["keys"].items()}
    account = account_for(facts(shapes), expected=expected_shapes(Network(architecture)))
    assert account.complete
    assert len(account.loaded) == len(shapes) == manifest["n"]
    assert account.left_out == ()
    assert architecture_of(facts(shapes)) == architecture


def test_half_precision_is_cast_by_a_named_rule(layout) -> None:
    account = account_for(facts(layout("resnet18"), "float16"), expected=expected_shapes(Network("resnet18")))
    assert account.complete
    assert ("conv1.weight", "float16 cast to float32") in account.adapted
    assert "bn1.num_batches_tracked" in account.loaded


def test_a_missing_tensor_a_misfit_and_a_stranger_are_named(layout) -> None:
    shapes = layout("resnet18")
    del shapes["layer3.1.bn2.bias"]
    shapes["conv1.weight"] = (64, 1, 7, 7)
    shapes["attention.weight"] = (3, 3)
    account = account_for(facts(shapes), expected=expected_shapes(Network("resnet18")))
    assert not account.complete
    complaint = account.complaint()
    assert "conv1.weight: expected (64, 3, 7, 7), got (64, 1, 7, 7)" in complaint
    assert "1 missing (layer3.1.bn2.bias)" in complaint
    assert "1 without a place (attention.weight)" in complaint


def test_two_tensors_with_one_meaning_are_refused() -> None:
    keys = (
        "features.conv0.weight",
        "classifier.weight",
        "features.denseblock1.denselayer1.norm1.weight",
        "features.denseblock1.denselayer1.norm.1.weight",
    )
    with pytest.raises(
        ConfigurationError, match=r"both stand for features\.denseblock1\.denselayer1\.layers\.norm1\.weight"
    ):
        key_map(keys)


def test_other_networks_are_recognised_as_none_of_ours() -> None:
    assert architecture_of(["layer1.0.conv1.weight", "layer2.0.conv1.weight"]) is None
    assert architecture_of(["patch_embed.proj.weight"]) is None
    assert architecture_of([]) is None
