"""ACS convolutions against their definition (Yang et al. 2021), written out here group by group."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from medtl.encoders.acs import AcsConvolution
from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.settings import VolumeSettings


def by_definition(volume: torch.Tensor, kernel: torch.Tensor, *, stride: int) -> torch.Tensor:
    """Split the output channels in three, unsqueeze each 2D kernel into a view, pad by hand, convolve, concatenate.

    The views are the reading room's: rows and columns run against (anterior, right), (superior, right) and (superior,
    anterior), which numpy says by turning the volume round, convolving, and turning the result back.
    """
    out, reach = len(kernel), kernel.shape[-1] // 2
    first = -(-out // 3)
    second = -(-(out - first) // 2)
    groups = kernel.split([first, second, out - first - second])
    orders = [(2, 1, 0), (1, 2, 0), (0, 2, 1)]  # axial, coronal, sagittal as (slice, row, column) of (r, a, s)
    maps = []
    for group, order in zip(groups, orders, strict=True):
        turned = np.transpose(volume.numpy(), (0, 1, *(2 + axis for axis in order)))[..., ::-1, ::-1]
        padded = np.pad(turned, ((0, 0), (0, 0), (0, 0), (reach, reach), (reach, reach)))
        flat = F.conv3d(torch.from_numpy(padded.copy()), group.unsqueeze(2), stride=stride)
        back = np.argsort(order)
        maps.append(np.transpose(flat.numpy()[..., ::-1, ::-1], (0, 1, *(2 + axis for axis in back))))
    return torch.from_numpy(np.concatenate(maps, axis=1))


@pytest.mark.parametrize("channels", [6, 7, 8])
@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (7, 2), (1, 1), (1, 2)])
def test_it_is_its_definition(channels, side, stride) -> None:
    convolution = AcsConvolution(nn.Conv3d(2, channels, side, stride=stride, padding=side // 2, bias=False)).double()
    kernel = torch.randn(channels, 2, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    convolution.load_state_dict({"weight": kernel}, strict=True)
    volume = torch.rand(2, 2, 9, 11, 13, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    torch.testing.assert_close(convolution(volume).detach(), by_definition(volume, kernel, stride=stride))


@pytest.mark.parametrize("architecture", ["resnet10", "resnet50", "densenet121"])
def test_it_has_the_2d_networks_parameters_and_no_others(architecture) -> None:
    flat = build_untrained(find_encoder(architecture), seed=0).tensors()
    views = build_untrained(find_encoder(f"acs-{architecture}"), seed=0).tensors()
    assert {name: tensor.shape for name, tensor in views.items()} == {n: t.shape for n, t in flat.items()}
    assert all(torch.equal(views[name], flat[name]) for name in flat), "the same chance as for pictures"


def test_a_plain_grey_volume_gives_what_a_plain_grey_picture_gives_away_from_the_border(photographs) -> None:
    flat = build_encoder("photos", store=photographs, seed=0).eval()
    views = build_encoder("acs-photos", store=photographs, seed=0).eval()
    with torch.no_grad():
        of_volume = views.stage("stem")(views.normalised(torch.full((1, 1, 33, 33, 33), 0.3)))[..., 4, 4, 4]
        of_picture = flat.stage("stem")(flat.normalised(torch.full((1, 1, 33, 33), 0.3)))[..., 4, 4]
    torch.testing.assert_close(of_volume, of_picture, rtol=1e-4, atol=1e-5)


def test_the_tensors_are_the_files_own_and_the_account_is_too(photographs) -> None:
    views = build_encoder("acs-photos", store=photographs, seed=0)
    stored = photographs.load("photos")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in views.tensors().items())
    assert views.account is not None
    assert views.account.summary == views.card.account


def test_the_stems_stride_can_be_kept_small() -> None:
    settings = VolumeSettings(stem_stride=(1, 1, 2))
    encoder = build_untrained(find_encoder("acs-resnet10"), seed=0, volumes=settings).eval()
    stem = encoder.stage("stem")(encoder.normalised(torch.rand(1, 1, 16, 16, 16)))
    assert stem.shape == (1, 64, 8, 8, 4)
