"""Likeness of features by its definition and its laws; distance of weights; nothing is left changed by measuring."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import IntegrityFailure
from medtl.record.retention import read_retention, write_retention
from medtl.training import Scans
from medtl.training.retention import linear_cka, relative_distance, retention_of, stage_features

CPU = torch.device("cpu")


def features(columns: int, *, seed: int, rows: int = 25) -> np.ndarray:
    return np.random.default_rng(seed).normal(2.0, 1.0, (rows, columns))


def by_definition(one: np.ndarray, other: np.ndarray) -> float:
    """HSIC_1(K, L) / sqrt(HSIC_1(K, K) HSIC_1(L, L)), HSIC_1 as equation 3 of Nguyen 2021 writes it."""
    rows = len(one)
    ones = np.ones(rows)

    def hsic(first: np.ndarray, second: np.ndarray) -> float:
        whole = ones @ first @ ones * (ones @ second @ ones) / ((rows - 1) * (rows - 2))
        return float(np.trace(first @ second) + whole - 2 / (rows - 2) * ones @ first @ second @ ones) / (
            rows * (rows - 3)
        )

    kernels = [values @ values.T * (1 - np.eye(rows)) for values in (one, other)]
    return hsic(*kernels) / np.sqrt(hsic(kernels[0], kernels[0]) * hsic(kernels[1], kernels[1]))


@pytest.mark.parametrize("columns", [(4, 7), (60, 30)])
def test_linear_cka_is_its_definition(columns: tuple[int, int]) -> None:
    one, other = features(columns[0], seed=1), features(columns[1], seed=2)
    assert linear_cka(one, other) == pytest.approx(by_definition(one, other))
    mixed = one[:, :4] @ np.ones((4, columns[1])) + other
    assert linear_cka(one, mixed) == pytest.approx(by_definition(one, mixed))


@pytest.mark.parametrize(("rows", "columns"), [(12, 512), (48, 512), (48, 8)])
def test_features_that_have_nothing_in_common_are_near_zero_with_any_number_of_cases(rows: int, columns: int) -> None:
    found = [
        linear_cka(features(columns, seed=seed, rows=rows), features(columns, seed=100 + seed, rows=rows))
        for seed in range(20)
    ]
    known = [one for one in found if one is not None]
    assert len(known) == 20
    assert abs(np.mean(known)) < 0.05
    assert max(map(abs, known)) < 0.5, "the estimate with bias gives 0.98 with 12 cases of 512 features"


def test_linear_cka_keeps_its_laws() -> None:
    one, other = features(8, seed=1), features(8, seed=2)
    turned, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(8, 8)))
    found = linear_cka(one, other)
    assert found is not None
    assert -1 < found < 1
    assert linear_cka(one, one) == pytest.approx(1.0)
    assert linear_cka(one, one @ turned * 5 + 3) == pytest.approx(1.0)
    assert linear_cka(one @ turned, other) == pytest.approx(found)
    assert linear_cka(other, one * 0.01 - 7) == pytest.approx(found)
    stretched = linear_cka(one, one @ np.diag(10.0 ** np.arange(8)))
    assert stretched is not None
    assert stretched < 0.8, "an invertible map that is no rotation counts"
    assert linear_cka(one, np.full((25, 3), 0.1)) is None
    assert linear_cka(one, np.eye(25)) is None, "every case is as far from every other"
    assert linear_cka(one[:3], other[:3]) is None


def test_distance_of_weights_is_a_share_of_their_length() -> None:
    source = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    adapted = copy.deepcopy(source)
    with torch.no_grad():
        for parameter in adapted.parameters():
            parameter *= 1.1
    adapted[1].running_mean += 5
    assert relative_distance(source, adapted) == pytest.approx(0.1, rel=1e-5)
    assert relative_distance(source, source) == 0.0


@pytest.mark.parametrize("encoder", ["resnet10", "resnet10-3d", "slices-resnet10"])
def test_only_the_stage_that_moved_and_those_above_it_read_otherwise(encoder: str) -> None:
    shape = (1, 32, 32) if encoder == "resnet10" else (1, 16, 16, 4)
    pixels = {f"c{n}": np.random.default_rng(n).random(shape).astype(np.float32) for n in range(6)}
    from medtl.outcomes import outcome_of

    scans = Scans(pixels.__getitem__, dict.fromkeys(pixels, 0), lambda scan, **_: scan, outcome=outcome_of(["a", "b"]))
    source = build_untrained(find_encoder(encoder), seed=1)
    network: Classifier = classifier_with_new_head(copy.deepcopy(source), classes=2, seed=0)
    with torch.no_grad():
        for parameter in network.encoder.stage("layer3").parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    mode = network.training
    found = retention_of(source, {"moved": network}, scans, tuple(pixels), device=CPU)
    stages = {one.stage: one for one in found.models[0].stages}
    assert found.cases == 6
    assert {name for name, one in stages.items() if one.distance > 0} == {"layer3"}
    assert all(stages[name].cka == pytest.approx(1.0) for name in ("stem", "layer1", "layer2"))
    assert all((stages[name].cka or 0) < 1 - 1e-6 for name in ("layer3", "layer4"))
    assert network.training == mode
    assert not network.encoder.stage("stem")._forward_hooks


def test_features_of_the_last_stage_are_those_that_the_probe_reads(scans: Scans) -> None:
    encoder, ids = build_untrained(find_encoder("resnet10"), seed=1), tuple(scans.labels)[:4]
    own = stage_features(encoder, scans, ids, device=CPU)["layer4"]
    encoder.eval()
    stacked = torch.from_numpy(np.stack([scans.pixels(case) for case in ids]))
    with torch.no_grad():
        read = encoder.pooled(encoder.normalised(stacked))
    np.testing.assert_allclose(own, read.numpy(), rtol=1e-5, atol=1e-6)


def test_the_record_is_read_back_and_a_changed_one_is_refused(scans: Scans, tmp_path: Path) -> None:
    source = build_untrained(find_encoder("resnet10"), seed=1)
    network = classifier_with_new_head(copy.deepcopy(source), classes=2, seed=0)
    found = retention_of(source, {"full": network}, scans, tuple(scans.labels), device=CPU)
    write_retention(found, tmp_path)
    assert read_retention(tmp_path) == found
    assert read_retention(tmp_path / "nowhere") is None
    path = tmp_path / "retention.json"
    path.write_text(path.read_text().replace('"cases": 12', '"cases": -1'))
    with pytest.raises(IntegrityFailure, match=r"retention\.json.*what changed in the encoder"):
        read_retention(tmp_path)
