"""A new family is one room and one line: two small layers, known by name, adapted, cut into stages, and on the page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from medtl.encoders import catalogue, find_encoder
from medtl.encoders.families import Family, known

pytestmark = pytest.mark.usefixtures("own_places", "without_states")

LAYERS = {2: (nn.Conv2d, nn.BatchNorm2d), 3: (nn.Conv3d, nn.BatchNorm3d)}


def _build(architecture: str, space: int, channels: int) -> nn.Module:
    convolution, norm = LAYERS[space]
    return nn.Sequential(
        OrderedDict(
            entry=convolution(channels, 8, 7, stride=4, padding=3, bias=False),
            entry_norm=norm(8),
            entry_act=nn.ReLU(inplace=True),
            deep=convolution(8, 16, 3, stride=2, padding=1, bias=False),
            deep_norm=norm(16),
            deep_act=nn.ReLU(inplace=True),
        )
    )


def _architecture_of(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    return "toynet2" if "entry.weight" in shapes else None


TOYNET = Family(
    label="ToyNet",
    features={"toynet2": 16},
    stages={"stem": ("entry", "entry_norm", "entry_act"), "deep": ("deep", "deep_norm", "deep_act")},
    stem="entry",
    initial_fan="fan_out",
    citation="Nobody, Two Layers Are Enough (2026)",
    build=_build,
    architecture_of=_architecture_of,
    bare_volumes=("toynet2",),
)


@pytest.fixture
def with_toynet(monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    monkeypatch.setattr(known, "FAMILIES", (*known.FAMILIES, TOYNET))
    catalogue.known_encoders.cache_clear()
    yield
    catalogue.known_encoders.cache_clear()


@pytest.mark.usefixtures("with_toynet")
def test_a_toy_family_is_studied_and_stands_on_the_page(tiny: Any, new_run: Path, medtl: Callable[..., Any]) -> None:
    study = tiny.write(encoder="toynet2", adaptation={"policy": "lp_ft"})
    answer = medtl("run", study, "--out", new_run)
    assert answer.code == 0, answer.err
    page = " ".join((new_run / "report.html").read_text().split())
    assert "toynet2" in page
    assert "Two Layers Are Enough" in page


@pytest.mark.usefixtures("with_toynet")
@pytest.mark.parametrize("name", ["slices-toynet2", "inflated-toynet2", "acs-toynet2", "toynet2-3d"])
def test_a_toy_family_is_taken_to_volumes_without_a_line_of_its_own(name: str) -> None:
    import torch

    from medtl.encoders.build import build_untrained
    from medtl.encoders.catalogue import find_encoder

    encoder = build_untrained(find_encoder(name), seed=0)
    scans = torch.rand(2, 1, 32, 32, 16)
    assert encoder(encoder.normalised(scans)).shape == (2, encoder.feature_count)


@pytest.mark.usefixtures("with_toynet")
def test_a_file_of_a_toy_family_is_known_by_its_names(tmp_path: Path) -> None:
    assert known.architecture_of({"entry.weight": (8, 3, 7, 7), "deep.weight": (16, 8, 3, 3)}) == "toynet2"


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["mobilenetv2_100", "efficientnet_b0", "se_resnet50"])
def test_a_network_of_another_family_is_fine_tuned_stage_by_stage_and_explained(
    encoder: str, tiny: Any, new_run: Path, medtl: Callable[..., Any]
) -> None:
    study = tiny.write(encoder=encoder, adaptation={"policy": "lp_ft"})
    answer = medtl("run", study, "--out", new_run)
    assert answer.code == 0, answer.err
    page = " ".join((new_run / "report.html").read_text().split())
    assert find_encoder(encoder).family.citation in page
