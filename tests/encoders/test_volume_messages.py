"""The messages for volumes and encoders that do not fit."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.settings import VolumeSettings
from medtl.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "resnet10",
            (1, 1, 8, 8, 8),
            r"resnet10 takes pictures .*got 5 axes. .*name slices-resnet10, inflated-resnet10",
        ),
        (
            "acs-resnet10",
            (1, 1, 8, 8),
            r"acs-resnet10 takes volumes \(case, 1, right, anterior, superior\); got 4 axes",
        ),
        (
            "resnet10-3d",
            (1, 3, 8, 8, 8),
            r"resnet10-3d takes scans of 1 channel.*; got 3: choose an encoder for colour",
        ),
        (
            "densenet121-3d",
            (1, 1, 64, 64, 28),
            r"densenet121-3d .*needs at least 29 x 29 x 29 voxels; got 64 x 64 x 28",
        ),
    ],
)
def test_scans_that_an_encoder_cannot_take_are_refused_with_what_it_takes(name, shape, message) -> None:
    encoder = build_untrained(find_encoder(name), seed=0)
    with pytest.raises(ConfigurationError, match=message):
        encoder(encoder.normalised(torch.rand(shape)))


def test_the_fewest_voxels_follow_the_stems_stride_and_are_enough() -> None:
    fine = VolumeSettings(stem_stride=(2, 2, 1))
    encoder = build_untrained(find_encoder("densenet121-3d"), seed=0, volumes=fine).eval()
    with torch.no_grad():
        assert encoder(encoder.normalised(torch.rand(1, 1, 29, 29, 15))).shape == (1, 1024)
    with pytest.raises(ConfigurationError, match="needs at least 29 x 29 x 15 voxels; got 29 x 29 x 14"):
        encoder.normalised(torch.rand(1, 1, 29, 29, 14))


def test_a_stems_thickness_is_refused_where_the_kernels_are_for_pictures() -> None:
    with pytest.raises(
        ConfigurationError, match=r"stem_thickness is for inflated and bare 3D .*acs-resnet10 has kernels"
    ):
        build_untrained(find_encoder("acs-resnet10"), seed=0, volumes=VolumeSettings(stem_thickness=3))


@pytest.mark.parametrize("name", ["slices-resnet10-3d", "inflated-resnet18-medicalnet", "acs-resnet10-3d"])
def test_what_takes_volumes_already_is_not_taken_there_again(name) -> None:
    with pytest.raises(
        ConfigurationError, match=r"takes volumes already; .* such as \w+-resnet18-imagenet\. Name resnet"
    ):
        find_encoder(name)


@pytest.mark.parametrize("name", ["slices-mine", "inflated-resnet18-imagenet", "acs-x"])
def test_weights_cannot_take_the_name_of_a_derived_encoder(name, store) -> None:
    with pytest.raises(ConfigurationError, match=f"name {name} stands for .* taken to volumes by .*such as my-{name}"):
        store.require_free(name)


@pytest.mark.parametrize("name", ["resnet10-medicalnet", "slices-resnet18-imagenet"])
def test_absent_weights_are_refused_with_their_source_and_nothing_else_is_taken(name, store) -> None:
    own = name.removeprefix("slices-")
    message = f"weights of the encoder {own} are not on this machine.*huggingface.co/.*weights import FILE --as {own}"
    with pytest.raises(ConfigurationError, match=message):
        build_encoder(name, store=store, seed=0)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("resnet18", {"lifting": "acs"}, "lifting acs is for volumes; dimensions is 2"),
        ("resnet18", {"form": "medicalnet"}, "form medicalnet is for 3D networks; dimensions is 2"),
        (
            "densenet121-3d",
            {"form": "medicalnet"},
            "densenet121. in form .medicalnet.; expected one of resnet10",
        ),
        ("resnet18-3d", {"grey_rule": "sum_stem"}, "grey_rule sum_stem is for stems of 3 channels; this one has 1"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(name, changes, message) -> None:
    card = find_encoder(name)
    with pytest.raises(ValidationError, match=message):
        type(card).model_validate(card.model_dump() | changes)


def test_maps_of_other_scans_are_refused() -> None:
    encoder = build_untrained(find_encoder("resnet10-3d"), seed=0)
    with pytest.raises(ConfigurationError, match="3 maps were captured of 2 scans; expected one each"):
        encoder.assembled([torch.zeros(1, 2, 2, 2)] * 3, 2)
    assert encoder.slice_weights(torch.zeros(1, 1, 8, 8, 8)) == {}
    assert encoder.assembled(torch.ones(2, 3, 4, 5), 2).shape == (2, 3, 4, 5)
