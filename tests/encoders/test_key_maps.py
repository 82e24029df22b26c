"""Every tensor of a published file is accounted for; the witness is the layout written down in conftest."""

from __future__ import annotations

import json

import pytest

from medtl.encoders.account import TensorFacts, account_for
from medtl.encoders.architectures import Network, expected_shapes
from medtl.encoders.families import architecture_of
from medtl.encoders.key_maps import KeyMap, key_maps
from medtl.errors import ConfigurationError

ALL = ("resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "densenet121", "densenet169")


def key_map(shapes) -> KeyMap:
    """The only encoder that the names show."""
    (only,) = key_maps(shapes)
    return only


def facts(shapes, dtype="float32"):
    names = key_map(shapes).names
    return {name: fact(name, shapes[key], dtype) for key, name in names.items()}


def fact(name, shape, dtype="float32") -> TensorFacts:
    return TensorFacts("int64" if name.endswith("num_batches_tracked") and dtype == "float32" else dtype, tuple(shape))


@pytest.mark.parametrize("architecture", ALL)
def test_a_torchvision_checkpoint_fits_completely_and_only_its_classifier_is_left_out(architecture, layout) -> None:
    shapes = layout(architecture)
    account = account_for(facts(shapes), expected=expected_shapes(Network(architecture)))
    assert account.complete
    assert account.complaint() == ""
    assert len(account.loaded) == len(shapes) - 2
    assert account.adapted == ()
    assert [why for _, why in account.left_out] == ["classifier of the source task"] * 2
    assert architecture_of({name: fact.shape for name, fact in facts(shapes).items()}) == architecture


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
    assert parameters("resnet101") == 44_549_160
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


PREFIXES = ("module.", "model.", "backbone.", "encoder.", "net.", "_orig_mod.", "module.module.", "a.b.c.", "0.", "")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("architecture", ["resnet18", "densenet121"])
def test_an_encoder_is_found_under_any_prefix(prefix, architecture, layout) -> None:
    wrapped = {prefix + key: shape for key, shape in layout(architecture).items()}
    strangers = {"queue": (8, 16), "other.conv.weight": (4, 4, 3, 3), "n_averaged": ()} if prefix else {}
    found = key_map(wrapped | strangers)
    assert set(found.elsewhere) == set(strangers)
    account = account_for(
        {name: fact(name, wrapped[key]) for key, name in found.names.items()},
        expected=expected_shapes(Network(architecture)),
    )
    assert account.complete
    assert len(account.left_out) == 2


@pytest.mark.parametrize("prefix", ["backbone.", "feature_extractor.", "model.encoder.", ""])
def test_a_resnet_in_a_sequential_is_found_by_position(prefix, layout) -> None:
    positions = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    shapes = {}
    for key, shape in layout("resnet34").items():
        part, _, rest = key.partition(".")
        if part in positions:
            shapes[f"{prefix}{positions[part]}.{rest}"] = shape
    found = key_map(shapes | {f"{prefix}9.weight": (2, 512)})
    assert found.heads == (f"{prefix}9.weight",)
    own = {name: fact(name, shapes[key]) for key, name in found.names.items()}
    assert account_for(own, expected=expected_shapes(Network("resnet34"))).complete


@pytest.mark.parametrize("prefix", ["module.densenet121.features.", "model.features.", "backbone.0.", "features.", ""])
def test_a_densenet_is_found_with_its_features_under_any_name(prefix, layout) -> None:
    """CheXNet's and Lightning's names, RadImageNet's, and a module of features saved alone."""
    shapes = {
        key.replace("features.", prefix): shape for key, shape in layout("densenet121").items() if "features." in key
    }
    assert account_for(facts(shapes), expected=expected_shapes(Network("densenet121"))).complete


def test_two_copies_of_an_encoder_are_found_as_two(layout) -> None:
    plain = layout("resnet18")
    both = {f"module.{copy}.{key}": shape for copy in ("encoder_q", "encoder_k") for key, shape in plain.items()}
    found = key_maps(both | {"module.queue": (8, 16)})
    assert [each.prefix for each in found] == ["module.encoder_q.", "module.encoder_k."]
    assert all(len(each.names) == len(plain) for each in found)


def test_a_part_with_kernels_beside_the_layers_may_stand_within_them_and_is_not_left_out(layout) -> None:
    shapes = layout("resnet18")
    head = key_map(shapes | {"projector.0.weight": (128, 512), "projector.1.running_mean": (128,)})
    assert head.heads == ("projector.0.weight", "projector.1.running_mean")
    attended = key_map(shapes | {"cbam1.conv.weight": (1, 2, 7, 7), "cbam1.mlp.weight": (4, 64)})
    assert attended.heads == ()
    assert {"cbam1.conv.weight", "cbam1.mlp.weight"} <= set(attended.names.values())


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "architecture"), [("ResNet50", "resnet50"), ("DenseNet121", "densenet121")])
def test_radimagenet_in_pytorch_fits_completely(file, architecture, shared) -> None:
    manifest = json.loads((shared / f"weights/manifests/radimagenet_Lab-Rasool_{file}.pt.json").read_text())
    shapes = {key: tuple(shape) for key, (_, shape) in manifest["keys"].items()}
    account = account_for(facts(shapes), expected=expected_shapes(Network(architecture)))
    assert account.complete
    assert len(account.loaded) == len(shapes) == manifest["n"]
    assert account.left_out == ()
    assert architecture_of({name: fact.shape for name, fact in facts(shapes).items()}) == architecture


def test_half_precision_is_cast_by_a_named_rule(layout) -> None:
    account = account_for(facts(layout("resnet18"), "float16"), expected=expected_shapes(Network("resnet18")))
    assert account.complete
    assert ("conv1.weight", "float16 cast to float32") in account.adapted
    assert ("bn1.num_batches_tracked", "counter cast to int64") in account.adapted


def test_a_missing_tensor_a_misfit_and_a_stranger_are_named(layout) -> None:
    shapes = layout("resnet18")
    del shapes["layer3.1.bn2.bias"]
    shapes["conv1.weight"] = (64, 1, 7, 7)
    shapes["attention.weight"] = (3, 3, 1, 1)
    account = account_for(facts(shapes), expected=expected_shapes(Network("resnet18")))
    assert not account.complete
    complaint = account.complaint()
    assert "conv1.weight: expected (64, 3, 7, 7), got (64, 1, 7, 7)" in complaint
    assert "1 missing (layer3.1.bn2.bias)" in complaint
    assert "1 unexpected (attention.weight)" in complaint


def test_two_tensors_with_one_meaning_are_refused(layout) -> None:
    shapes = layout("densenet121") | {"features.denseblock1.denselayer1.norm.1.weight": (64,)}
    with pytest.raises(
        ConfigurationError, match=r"both stand for features\.denseblock1\.denselayer1\.layers\.norm1\.weight"
    ):
        key_maps(shapes)


def test_other_networks_are_recognised_as_none_of_ours() -> None:
    assert architecture_of({"layer1.0.conv1.weight": (64, 64, 3, 3), "layer2.0.conv1.weight": (128, 64, 3, 3)}) is None
    assert architecture_of({"patch_embed.proj.weight": (768, 3, 16, 16)}) is None
    assert architecture_of({}) is None
