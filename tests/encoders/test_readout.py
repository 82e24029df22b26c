"""Which maps become features: the witness is numpy on the maps of each stage, captured by hooks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medtl.encoders.build import build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.encoder import Encoder
from medtl.encoders.readout import READOUTS, stages_of
from medtl.errors import ConfigurationError


def captured(encoder: Encoder, scans: torch.Tensor) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {name: [] for name in encoder.stages}
    handles = [
        encoder.stage(name).register_forward_hook(lambda _m, _i, out, name=name: found[name].append(out.numpy().copy()))
        for name in encoder.stages
    ]
    with torch.inference_mode():
        encoder(encoder.normalised(scans))
    for handle in handles:
        handle.remove()
    return {name: np.concatenate(parts) for name, parts in found.items()}


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "resnet10-3d", "inflated-resnet10", "acs-resnet10"])
def test_features_are_numpys_means_and_deviations_of_the_stages_the_last_one_first(name: str) -> None:
    encoder = build_untrained(find_encoder(name), seed=1).eval()
    space = (1, 40, 36) if encoder.card.dimensions == 2 else (1, 36, 40, 32)
    scans = torch.rand(3, *space, generator=torch.Generator().manual_seed(0))
    maps = captured(encoder, scans)
    wanted = []
    for stage in reversed(encoder.stages):
        positions = maps[stage].reshape(*maps[stage].shape[:2], -1).astype(np.float64)
        wanted += [positions.mean(-1), np.sqrt(positions.var(-1) + 1e-8)]
    whole = np.concatenate(wanted, axis=1)
    for readout in READOUTS:
        with torch.inference_mode():
            features = encoder.pooled(encoder.normalised(scans), readout=readout).numpy()
        assert features.shape[1] == encoder.feature_widths[readout]
        assert np.allclose(features, whole[:, : features.shape[1]], rtol=1e-4, atol=1e-5)


def test_slices_are_read_one_by_one_and_averaged() -> None:
    volumes = torch.rand(2, 1, 33, 40, 6, generator=torch.Generator().manual_seed(0))
    slices = build_untrained(find_encoder("slices-resnet10"), seed=1).eval()
    pictures = build_untrained(find_encoder("resnet10"), seed=1).eval()
    from medtl.encoders.views import pictures as cut

    with torch.inference_mode():
        of_volumes = slices.pooled(slices.normalised(volumes), readout="all").numpy()
        each = pictures.pooled(pictures.normalised(cut(volumes, "axial", range(12))), readout="all").numpy()
    assert np.allclose(of_volumes, each.reshape(2, 6, -1).mean(1), rtol=1e-4, atol=1e-5)


def test_the_stages_of_a_readout_are_counted_from_the_last() -> None:
    stages = ("stem", "layer1", "layer2")
    assert stages_of("last", stages) == ("layer2",)
    assert stages_of("last_two", stages) == ("layer1", "layer2")
    assert stages_of("all", stages) == stages


def test_a_head_of_another_width_belongs_to_no_readout() -> None:
    encoder = build_untrained(find_encoder("resnet18"), seed=1)
    assert [encoder.readout_of(width) for width in (512, 1536, 2048)] == ["last", "last_two", "all"]
    with pytest.raises(
        ConfigurationError, match=r"No readout of resnet18 has 100 features; they have 512 \(last\), 1536"
    ):
        encoder.readout_of(100)
