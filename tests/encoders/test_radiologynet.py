"""RadiologyNET's files: checkpoints with an optimiser, under `model.` and `features.`, DenseNet under both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from medtl.encoders.build import build_encoder
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError

NAMES = ("resnet18", "resnet34", "resnet50", "densenet121")
Tensors = dict[str, torch.Tensor]


def checkpoint(network: str, shapes: dict[str, tuple[int, ...]], numbers: Callable[..., Tensors]) -> dict[str, object]:
    """Random numbers in the layout of a published checkpoint of 36 clusters."""
    own = numbers({name: shape for name, shape in shapes.items() if not name.startswith(("fc.", "classifier."))})
    width = 512 if network in ("resnet18", "resnet34") else 1024 if network == "densenet121" else 2048
    head = {"weight": torch.zeros(36, width), "bias": torch.zeros(36)}
    table = {f"model.{name}": value for name, value in own.items()}
    if network == "densenet121":
        table |= own | {f"model.classifier.{part}": value for part, value in head.items()}
        table |= {f"classifier.{part}": value for part, value in head.items()}
    else:
        table |= {f"model.fc.{part}": value for part, value in head.items()}
    return {"model_state": table, "optimizer_state": {"state": {}, "param_groups": []}, "epoch": 7, "time": "12:00"}


@pytest.mark.parametrize("network", NAMES)
def test_a_checkpoint_is_imported_and_fed_grey_pixels_as_they_are(
    network: str, layout: Callable[..., dict[str, tuple[int, ...]]], numbers: Callable[..., Tensors], tmp_path: Path
) -> None:
    content = checkpoint(network, layout(network), numbers)
    torch.save(content, tmp_path / "published.pth")
    store = WeightStore((tmp_path / "weights",))
    name = f"{network}-radiologynet"
    store.import_file(tmp_path / "published.pth", name)
    encoder = build_encoder(name, store=store, seed=0)
    scan = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(encoder.normalised(scan), scan.expand(1, 3, 32, 32))
    stem = "model.features.conv0.weight" if network == "densenet121" else "model.conv1.weight"
    kernel = next(value for key, value in encoder.tensors().items() if key.endswith(("conv1.weight", "conv0.weight")))
    assert torch.equal(kernel, content["model_state"][stem])  # type: ignore[index]


def test_the_card_says_how_labels_were_made_that_no_licence_is_stated_and_that_it_is_fetched_by_hand() -> None:
    card = find_encoder("efficientnet_b3-radiologynet")
    assert (card.mean, card.std, card.value_range, card.input_size_px) == ((0, 0, 0), (1, 1, 1), (0, 1), 300)
    assert "clustering" in card.note
    assert "not stated by its authors" in card.licence
    assert card.research_only
    assert card.download_url is None
    assert card.source == "http://radiologynet.riteh.hr/models/EfficientNetB3.tar.gz"


def test_without_the_file_the_message_says_where_it_lies(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"radiologynet\.riteh\.hr/models/ResNet50\.tar\.gz"):
        build_encoder("resnet50-radiologynet", store=WeightStore((tmp_path,)), seed=0)
