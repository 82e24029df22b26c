"""Real ImageNet weights on volumes made of one photograph; the witnesses are the 2D network and the name it gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.transform
import torch

from medtl.encoders.build import build_encoder
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.weight_store import WeightStore

SIDE = 129
"""32 n + 1: strided positions then lie evenly from both ends, and turning a picture is turning its kernels."""
CATS = range(281, 288)
"""ImageNet-1k: tabby, tiger cat, Persian, Siamese, Egyptian cat, cougar, lynx."""

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def store(shared: Path, tmp_path_factory) -> WeightStore:
    """The store with a real ResNet-18."""
    store = WeightStore((tmp_path_factory.mktemp("weights"),))
    store.import_file(shared / "weights/resnet18.pqf_in1k.safetensors", "resnet18-imagenet")
    return store


@pytest.fixture(scope="module")
def cat() -> np.ndarray:
    """A grey cat, upright, SIDE x SIDE, in [0, 1]."""
    grey = skimage.color.rgb2gray(skimage.data.chelsea()[:, 75:375])
    return skimage.transform.resize(grey, (SIDE, SIDE), order=1, anti_aliasing=True).astype(np.float32)


def axial_stack(picture: np.ndarray, *, depth: int) -> torch.Tensor:
    """Rows towards posterior, columns towards the patient's left: (1, 1, right, anterior, superior)."""
    return torch.from_numpy(np.repeat(picture[::-1, ::-1].T[:, :, None], depth, axis=2).copy())[None, None]


def features(store: WeightStore, name: str, scans: torch.Tensor, **settings: object) -> torch.Tensor:
    volumes = VolumeSettings.model_validate(settings) if settings else None
    encoder = build_encoder(name, store=store, seed=0, volumes=volumes).eval()
    with torch.no_grad():
        return encoder(encoder.normalised(scans))[0]


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([one, other]))[0, 1].item()


def test_a_stack_of_one_cat_is_that_cat_slice_by_slice_and_inflated(store, cat) -> None:
    expected = features(store, "resnet18-imagenet", torch.from_numpy(cat)[None, None])
    scans = axial_stack(cat, depth=9)
    torch.testing.assert_close(features(store, "slices-resnet18-imagenet", scans), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(features(store, "inflated-resnet18-imagenet", scans), expected, rtol=1e-3, atol=1e-4)


def test_mean_inflation_loses_the_2d_features_to_the_padding_and_centre_inflation_does_not(store, cat) -> None:
    expected = features(store, "resnet18-imagenet", torch.from_numpy(cat)[None, None])
    scans = axial_stack(cat, depth=33)
    centre = features(store, "inflated-resnet18-imagenet", scans, inflation="centre")
    mean = features(store, "inflated-resnet18-imagenet", scans, inflation="mean")
    assert correlation(centre, expected) > 0.9999
    assert correlation(mean, expected) < 0.9


def test_the_network_sees_slices_upright_and_names_the_cat_that_it_does_not_know_lying(store, cat) -> None:
    head = store.load("resnet18-imagenet")
    weight, bias = head["fc.weight"].float(), head["fc.bias"]
    share = {}
    for way, picture in (("upright", cat), ("on its head", cat[::-1]), ("lying", cat.T)):
        seen = features(store, "slices-resnet18-imagenet", axial_stack(picture, depth=2))
        share[way] = torch.softmax(weight @ seen + bias, dim=0)[list(CATS)].sum().item()
    assert share["upright"] > 0.9
    assert max(share["on its head"], share["lying"]) < 0.5


def test_every_tensor_of_the_file_reaches_the_volume_encoders_or_is_named(store) -> None:
    for name in ("slices-resnet18-imagenet", "inflated-resnet18-imagenet", "acs-resnet18-imagenet"):
        encoder = build_encoder(name, store=store, seed=0)
        account = encoder.account
        assert account is not None
        assert account.complete
        assert dict(account.left_out) == dict.fromkeys(["fc.weight", "fc.bias"], "classifier of the source task")
        base = [tensor for tensor in encoder.tensors() if not tensor.startswith("attention.")]
        assert sorted([*account.loaded, *(key for key, _ in account.adapted)]) == sorted(base)
