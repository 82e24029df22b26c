"""What a study may ask of volumes, in words that say what is wrong, and the encoder it gets when it does not ask."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from medtl.encoders.lifting import default_encoder_for, split_name
from medtl.encoders.settings import VolumeSettings


def test_one_plane_may_be_written_as_a_word() -> None:
    assert VolumeSettings.model_validate({"planes": "coronal"}).planes == ("coronal",)
    assert VolumeSettings(planes=("axial", "sagittal")).planes == ("axial", "sagittal")


def test_the_settings_survive_json() -> None:
    settings = VolumeSettings(planes=("sagittal",), stem_stride=(1, 2, 1), stem_thickness=3, pooling="max")
    assert VolumeSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"planes": ["axial", "axial"]}, "each plane can be named once; got axial, axial"),
        ({"planes": []}, "at least 1 item"),
        ({"planes": "oblique"}, "Input should be 'axial', 'coronal' or 'sagittal'"),
        ({"pooling": "median"}, "Input should be 'attention', 'mean' or 'max'"),
        ({"slices_at_once": 0}, "greater than or equal to 1"),
        ({"stem_stride": [2, 2, 0]}, r"stem_stride is \(2, 2, 0\); expected three whole numbers .*from 1 to 4"),
        ({"stem_stride": [2, 2]}, "Field required"),
        ({"stem_thickness": 4}, "stem_thickness is 4; expected an odd number of slices, so that one is the middle"),
        ({"stem_thickness": 9}, "less than or equal to 7"),
        ({"slice": 3}, "Extra inputs are not permitted"),
    ],
)
def test_a_setting_that_cannot_be_obeyed_is_refused(values, message) -> None:
    with pytest.raises(ValidationError, match=message):
        VolumeSettings.model_validate(values)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "name", "words"),
    [
        ((64, 64, 64), (1.0, 1.0, 1.0), "acs-x", "64 x 64 x 64 voxels, none of the axes over 96, and nearly isotropic"),
        ((28, 28, 28), (1.0, 1.0, 1.4), "acs-x", r"fewer than 48 voxels: stem_stride \[1, 1, 1\] keeps more"),
        ((96, 96, 97), (1.0, 1.0, 1.0), "slices-x", "an axis of 97 voxels is over 96, so .* slice by slice"),
        ((64, 64, 20), (1.0, 1.0, 3.0), "slices-x", "spacings differ by a factor of 3.00, more than 1.5"),
        ((512, 512, 300), (0.7, 0.7, 1.0), "slices-x", "512 x 512 x 300 voxels: an axis of 512"),
    ],
)
def test_small_isotropic_patches_get_acs_and_all_others_slices_with_the_reason(shape, spacing_mm, name, words) -> None:
    choice = default_encoder_for("x", shape=shape, spacing_mm=spacing_mm)
    assert choice.name == name
    assert re.search(words, choice.reason)


def test_a_derived_name_is_read_as_its_way_and_its_source() -> None:
    assert split_name("acs-resnet18-imagenet") == ("acs", "resnet18-imagenet")
    assert split_name("resnet18-3d") == (None, "resnet18-3d")
    assert split_name("slicesresnet") == (None, "slicesresnet")
