"""MedicalNet's files, in their true layouts, and the function they were trained as, written out in torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from monai.networks.nets import resnet

from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.normalisation import by_foreground
from medtl.encoders.settings import VolumeSettings
from medtl.errors import ConfigurationError

MANIFESTS = {10: 72, 18: 102, 50: 318}
"""Depth -> tensors in the published file."""


@pytest.fixture(scope="session")
def published(shared, tmp_path_factory, numbers):
    """Writes random numbers in the layout of a published file, as its publishers pack them."""

    def write(depth: int) -> tuple[Path, dict[str, torch.Tensor]]:
        manifest = json.loads((shared / f"weights/manifests/medicalnet_resnet_{depth}_23dataset.pth.json").read_text())
        tensors = numbers({key: tuple(shape) for key, (_, shape) in manifest["keys"].items()})
        path = tmp_path_factory.mktemp("medicalnet") / f"resnet_{depth}_23dataset.pth"
        torch.save({"state_dict": tensors}, path)
        return path, tensors

    return write


def norm(x, w, name):
    parts = (w[f"module.{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *parts, training=False)


def by_hand(x, w):
    """Tencent/MedicalNet's forward pass up to layer 4, in its own axes (slice, row, column); layers 3 and 4 dilate."""
    x = F.max_pool3d(F.relu(norm(F.conv3d(x, w["module.conv1.weight"], stride=2, padding=3), w, "bn1")), 3, 2, 1)
    for layer, (stride, dilation) in enumerate([(1, 1), (2, 1), (1, 2), (1, 4)], start=1):
        block = 0
        while f"module.layer{layer}.{block}.conv1.weight" in w:
            name, step = f"layer{layer}.{block}", stride if block == 0 else 1
            bottleneck = f"module.{name}.conv3.weight" in w
            y = x
            for n in (1, 2, 3) if bottleneck else (1, 2):
                kernel = w[f"module.{name}.conv{n}.weight"]
                strides = step if n == (2 if bottleneck else 1) else 1
                wide = kernel.shape[-1] == 3
                y = F.conv3d(y, kernel, stride=strides, padding=dilation * wide, dilation=dilation if wide else 1)
                y = norm(y, w, f"{name}.bn{n}")
                y = F.relu(y) if n < (3 if bottleneck else 2) else y
            shortcut = x
            if f"module.{name}.downsample.0.weight" in w:
                shortcut = F.conv3d(x, w[f"module.{name}.downsample.0.weight"], stride=step)
                shortcut = norm(shortcut, w, f"{name}.downsample.1")
            elif shortcut.shape[1] != y.shape[1] or step > 1:
                thinned = F.avg_pool3d(x, kernel_size=1, stride=step)
                zeros = torch.zeros(len(x), y.shape[1] - x.shape[1], *thinned.shape[2:], dtype=x.dtype)
                shortcut = torch.cat([thinned, zeros], dim=1)
            x, block = F.relu(y + shortcut), block + 1
    return x


@pytest.mark.real_data
@pytest.mark.parametrize("depth", [10, 18, pytest.param(50, marks=pytest.mark.slow)])
def test_a_published_layout_is_imported_whole_and_gives_the_published_function(depth, published, store) -> None:
    path, weights = published(depth)
    with pytest.raises(ConfigurationError, match=r"the published file has the sha256 \w+, this one"):
        store.import_file(path, f"resnet{depth}-medicalnet")
    card = store.import_file(path, "random", like=f"resnet{depth}-medicalnet")
    assert card.account is not None
    assert card.account.loaded + card.account.adapted == len(weights) == MANIFESTS[depth]
    assert card.account.left_out == 0
    assert card.layout == "torchvision, timm or MONAI ResNet"

    encoder = build_encoder("random", store=store, seed=0).eval().double()
    assert len(encoder.tensors()) == len(weights)
    volume = torch.rand(1, 1, 18, 20, 22, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = {name: tensor.double() if tensor.ndim else tensor for name, tensor in weights.items()}
    with torch.no_grad():
        expected = by_hand(volume.permute(0, 1, 4, 3, 2), weights).permute(0, 1, 4, 3, 2)
        torch.testing.assert_close(encoder.maps(volume), expected, rtol=1e-8, atol=1e-8)
        assert encoder.maps(volume).shape[2:] == (3, 3, 3), "8 times coarser"


@pytest.mark.real_data
def test_the_turned_kernels_are_named_in_the_import(published, store) -> None:
    path, weights = published(10)
    card = store.import_file(path, "random", like="resnet10-medicalnet")
    wide = sum(tensor.ndim == 5 and tensor.shape[-1] > 1 for tensor in weights.values())
    assert card.account is not None
    assert card.account.adapted == wide
    stored = store.load("random")["conv1.weight"]
    assert torch.equal(stored, weights["module.conv1.weight"].permute(0, 1, 4, 3, 2))


def test_monais_own_resnet_takes_the_same_weights_and_is_another_function() -> None:
    encoder = build_untrained(find_encoder("resnet18-medicalnet"), seed=0).eval()
    surprise = resnet.resnet18(
        spatial_dims=3, n_input_channels=1, feed_forward=False, shortcut_type="A", bias_downsample=True
    ).eval()
    surprise.load_state_dict(encoder.tensors(), strict=True)
    volume = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (surprise(volume) - encoder(volume)).abs().max() > 0.05 * encoder(volume).abs().max()


def test_gradients_pass_the_shortcuts_without_weights_which_monai_cuts() -> None:
    encoder = build_untrained(find_encoder("resnet18-medicalnet"), seed=0).eval()
    layer, seen = encoder.stage("layer2"), torch.rand(1, 64, 4, 4, 4, requires_grad=True)
    block = layer.layer2[0]
    with torch.no_grad():
        block.bn2.weight.zero_()  # only the shortcut is left
    (gradient,) = torch.autograd.grad(block(seen).sum(), seen)
    assert gradient[:, :, ::2, ::2, ::2].min() == 1
    assert gradient.sum() == 64 * 8
    assert "downsample" in dict(block.named_children())


def test_each_volume_is_standardised_by_its_voxels_above_zero() -> None:
    volumes = torch.rand(2, 1, 6, 7, 8)
    volumes[0, :, :3] = 0
    volumes[1] *= 0.1
    encoder = build_untrained(find_encoder("resnet10-medicalnet"), seed=0)
    got = encoder.normalised(volumes)
    for volume, normalised in zip(volumes, got, strict=True):
        inside = volume > 0
        torch.testing.assert_close(normalised[inside].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
        torch.testing.assert_close(normalised[inside].std(correction=0), torch.tensor(1.0), atol=1e-5, rtol=0)
        assert normalised[~inside].abs().sum() == 0
    flat = torch.full((1, 1, 2, 2, 2), 0.4)
    assert by_foreground(flat).abs().max() < 0.1
    assert by_foreground(torch.zeros(1, 1, 2, 2, 2)).abs().max() == 0


def test_the_card_says_where_the_feeding_differs_from_the_publishers() -> None:
    card = find_encoder("resnet50-medicalnet")
    assert card.licence == "MIT"
    assert card.published_sha256 is not None
    for words in ("voxels above 0", "normal noise", "windowed into [0, 1]", "directions", "dilated"):
        assert words in card.note


def test_a_picture_network_is_not_medicalnet_and_a_volume_network_is_not_for_pictures(
    store, layout, blanks, tmp_path
) -> None:
    from safetensors.torch import save_file

    save_file(blanks(layout("resnet18")), tmp_path / "flat.safetensors")
    with pytest.raises(ConfigurationError) as refusal:
        store.import_file(tmp_path / "flat.safetensors", "resnet18-medicalnet")
    message = str(refusal.value)
    assert "flat.safetensors does not fit resnet18-medicalnet, a 3D resnet18 with 1 input channels" in message
    assert "conv1.weight: expected (64, 1, 7, 7, 7), got (64, 3, 7, 7)" in message
    assert "Its kernels are for pictures. Nothing was stored." in message
    save_file(build_untrained(find_encoder("resnet18-3d"), seed=0).tensors(), tmp_path / "deep.safetensors")
    with pytest.raises(ConfigurationError, match=r"Its kernels are for volumes\. Nothing was stored"):
        store.import_file(tmp_path / "deep.safetensors", "resnet18-imagenet")


def test_its_stem_is_the_published_one() -> None:
    with pytest.raises(ConfigurationError, match="resnet10-medicalnet comes with the stem that its weights have"):
        build_untrained(find_encoder("resnet10-medicalnet"), seed=0, volumes=VolumeSettings(stem_thickness=3))
    fine = build_untrained(find_encoder("resnet10-medicalnet"), seed=0, volumes=VolumeSettings(stem_stride=(1, 1, 1)))
    assert fine.eval().maps(torch.rand(1, 1, 8, 8, 8)).shape == (1, 512, 2, 2, 2)
