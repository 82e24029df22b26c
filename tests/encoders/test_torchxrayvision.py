"""TorchXRayVision's DenseNet: one channel in units of its own, in torchvision's names, with 18 findings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.networks.nets import DenseNet121

from medtl.encoders.build import build_encoder
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError

NAME = "densenet121-torchxrayvision"


@pytest.fixture(scope="module")
def published(layout, numbers) -> dict[str, torch.Tensor]:
    """Random numbers in the layout of its state dict: a stem of one channel, 18 outputs, thresholds beside."""
    shapes = layout("densenet121")
    shapes |= {"features.conv0.weight": (64, 1, 7, 7), "classifier.weight": (18, 1024), "classifier.bias": (18,)}
    return numbers(shapes) | {"op_threshs": torch.full((18,), 0.5)}


@pytest.fixture(scope="module")
def store(published, tmp_path_factory) -> WeightStore:
    folder = tmp_path_factory.mktemp("store")
    torch.save(published, folder / "model.pt")
    kept = WeightStore((folder / "weights",))
    kept.import_file(folder / "model.pt", "mine", like=NAME)
    return kept


def test_its_features_are_those_of_the_network_fed_from_minus_1024_to_1024(store, published) -> None:
    encoder = build_encoder("mine", store=store, seed=0).eval()
    theirs = DenseNet121(spatial_dims=2, in_channels=1, out_channels=18).eval()
    renamed = {name.replace("classifier.", "class_layers.out."): value for name, value in published.items()}
    for wrong, right in ((f".{part}{n}.", f".layers.{part}{n}.") for part in ("norm", "conv") for n in (1, 2)):
        renamed = {
            name.replace(wrong, right) if ".denselayer" in name else name: value for name, value in renamed.items()
        }
    del renamed["op_threshs"]
    theirs.load_state_dict(renamed)
    scan = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        expected = torch.relu(theirs.features((2 * scan - 1) * 1024)).mean(dim=(2, 3))
        found = encoder(encoder.normalised(scan))
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_another_file_in_its_layout_is_not_stored_under_its_name(published, tmp_path: Path) -> None:
    torch.save(published, tmp_path / "model.pt")
    with pytest.raises(ConfigurationError, match=r"is not what .* promises: the published file has the sha256 5652.*"):
        WeightStore((tmp_path / "weights",)).import_file(tmp_path / "model.pt", NAME)
