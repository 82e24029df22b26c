"""Published ImageNet weights, mapped onto MONAI with their old classifier, still name photographs rightly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import skimage.transform
import torch
from monai.networks.nets import resnet

from medtl.encoders.build import build_encoder
from medtl.encoders.weight_store import WeightStore

CATS = range(281, 288)
"""ImageNet-1k: tabby, tiger cat, Persian, Siamese, Egyptian cat, cougar, lynx."""
ESPRESSO, MISSILE = 967, 657

pytestmark = pytest.mark.real_data


def photograph(picture: np.ndarray) -> torch.Tensor:
    """Shorter side to 256, the middle 224 x 224: how these weights were judged."""
    height, width = (round(side * 256 / min(picture.shape[:2])) for side in picture.shape[:2])
    small = skimage.transform.resize(picture, (height, width), order=1, anti_aliasing=True).astype(np.float32)
    top, left = (height - 224) // 2, (width - 224) // 2
    return torch.from_numpy(small[top : top + 224, left : left + 224].transpose(2, 0, 1).copy())[None]


@pytest.fixture(scope="module", params=["resnet18", pytest.param("resnet50", marks=pytest.mark.slow)])
def pretrained(request, shared: Path, tmp_path_factory) -> tuple[str, WeightStore]:
    store = WeightStore((tmp_path_factory.mktemp("weights"),))
    store.import_file(shared / f"weights/{request.param}.pqf_in1k.safetensors", f"{request.param}-imagenet")
    return request.param, store


def probabilities(pretrained: tuple[str, WeightStore], picture: np.ndarray) -> torch.Tensor:
    architecture, store = pretrained
    encoder = build_encoder(f"{architecture}-imagenet", store=store, seed=0).eval()
    stored = store.load(f"{architecture}-imagenet")
    with torch.no_grad():
        features = encoder(encoder.normalised(photograph(picture)))
        return torch.softmax(features @ stored["fc.weight"].float().T + stored["fc.bias"].float(), dim=1)[0]


def test_scikit_images_cat_is_a_cat(pretrained) -> None:
    assert probabilities(pretrained, skimage.data.chelsea())[list(CATS)].sum() > 0.99


def test_a_cup_of_coffee_is_an_espresso(pretrained) -> None:
    coffee = probabilities(pretrained, skimage.data.coffee())
    assert coffee.argmax() == ESPRESSO
    assert coffee[ESPRESSO] > 0.8


def test_a_rocket_is_a_missile_among_the_first_two_guesses(pretrained) -> None:
    assert MISSILE in probabilities(pretrained, skimage.data.rocket()).topk(2).indices


@pytest.fixture(scope="module")
def mobilenet(shared: Path, tmp_path_factory) -> WeightStore:
    """The store of one file under both paddings; its publisher trained it with TensorFlow's."""
    store = WeightStore((tmp_path_factory.mktemp("weights"),))
    for name in ("tf_mobilenetv2_100-imagenet", "mobilenetv2_100-imagenet"):
        store.import_file(shared / "weights/mobilenetv2_100.coral_in1k.safetensors", name)
    return store


def guessed(store: WeightStore, name: str, picture: np.ndarray) -> torch.Tensor:
    encoder = build_encoder(name, store=store, seed=0).eval()
    assert encoder.account is not None
    assert encoder.account.complete
    stored = store.load(name)
    weight, bias = (stored[f"class_layers.out.{part}"].float() for part in ("weight", "bias"))
    with torch.no_grad():
        scans = encoder.normalised(photograph(picture))
        return torch.softmax(encoder(scans) @ weight.T + bias, dim=1)[0]


def test_a_mobilenet_of_tensorflow_names_photographs_with_tensorflows_padding(mobilenet: WeightStore) -> None:
    name = "tf_mobilenetv2_100-imagenet"
    assert guessed(mobilenet, name, skimage.data.chelsea())[list(CATS)].sum() > 0.9
    coffee = guessed(mobilenet, name, skimage.data.coffee())
    assert coffee.argmax() == ESPRESSO
    assert coffee[ESPRESSO] > 0.65
    assert 0.3 < guessed(mobilenet, name, skimage.data.rocket())[MISSILE] < 0.6


def test_with_pytorchs_padding_the_same_file_loads_and_answers_otherwise(mobilenet: WeightStore) -> None:
    coffee = skimage.data.coffee()
    right = guessed(mobilenet, "tf_mobilenetv2_100-imagenet", coffee)
    wrong = guessed(mobilenet, "mobilenetv2_100-imagenet", coffee)
    assert (wrong - right).abs().sum() > 0.1, "total variation between the two answers, of at most 2"


def test_every_tensor_is_accounted_for_and_the_licence_is_the_files_own(pretrained) -> None:
    architecture, store = pretrained
    encoder = build_encoder(f"{architecture}-imagenet", store=store, seed=0)
    assert encoder.account is not None
    left_out = dict(encoder.account.left_out)
    assert left_out == dict.fromkeys(["fc.weight", "fc.bias"], "classifier of the source task")
    assert len(encoder.account.loaded) + len(encoder.account.adapted) == len(encoder.tensors())
    assert {rule for _, rule in encoder.account.adapted} == {"float16 cast to float32"}
    assert "Uber Non-Commercial" in encoder.card.licence


def test_with_monais_default_stride_the_same_weights_load_and_the_cat_is_lost(pretrained) -> None:
    architecture, store = pretrained
    arguments = {"spatial_dims": 2, "n_input_channels": 3, "num_classes": 1000, "bias_downsample": False}
    surprise = getattr(resnet, architecture)(**arguments).eval()
    stored = {
        key: tensor.float() if tensor.is_floating_point() else tensor
        for key, tensor in store.load(f"{architecture}-imagenet").items()
    }
    surprise.load_state_dict(stored, strict=True)
    encoder = build_encoder(f"{architecture}-imagenet", store=store, seed=0)
    with torch.no_grad():
        wrong = torch.softmax(surprise(encoder.normalised(photograph(skimage.data.chelsea()))), dim=1)[0]
    right = probabilities(pretrained, skimage.data.chelsea())
    assert (wrong - right).abs().sum() > 0.1, "total variation between the two answers, of at most 2"
