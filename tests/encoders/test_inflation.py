"""Inflated networks give the 2D network's features of a stack of equal slices; the witness is the 2D encoder itself."""

from __future__ import annotations

import pytest
import torch
from equal_slices import picture, stack
from monai.networks.nets import densenet, resnet

from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.inflation import inflated_kernel
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, IntegrityFailure


def built(store: WeightStore, name: str, **settings: object):
    return build_encoder(name, store=store, seed=0, volumes=VolumeSettings.model_validate(settings)).eval()


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
@pytest.mark.parametrize("depth", [1, 9])
def test_centre_inflation_gives_the_2d_features_of_equal_slices_at_every_depth(plane, depth, photographs) -> None:
    flat = built(photographs, "photos")
    inflated = built(photographs, "inflated-photos", planes=plane)
    with torch.no_grad():
        expected = flat(flat.normalised(picture()[None, None]))
        scans = inflated.normalised(stack(picture(), plane=plane, depth=depth))
        torch.testing.assert_close(inflated(scans), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("thickness", [1, 3])
def test_a_thin_stem_and_its_stride_across_the_slices_keep_the_2d_features(thickness, photographs) -> None:
    flat = built(photographs, "photos")
    thin = built(photographs, "inflated-photos", stem_thickness=thickness, stem_stride=(2, 2, 1))
    with torch.no_grad():
        volume = thin.normalised(stack(picture(), plane="axial", depth=6))
        expected = flat(flat.normalised(picture()[None, None]))
        torch.testing.assert_close(thin(volume), expected, rtol=1e-4, atol=1e-5)
        assert thin.stage("stem")(volume).shape == (1, 64, 17, 17, 3)
    assert thin.tensors()["conv1.weight"].shape == (64, 3, 7, 7, thickness)


def test_mean_inflation_gives_the_2d_features_where_no_padding_is_in_reach(photographs) -> None:
    flat = built(photographs, "photos")
    inflated = built(photographs, "inflated-photos", inflation="mean", stem_stride=(2, 2, 1))
    with torch.no_grad():
        expected = flat.stage("layer1")(flat.stage("stem")(flat.normalised(picture()[None, None])))
        volume = inflated.normalised(stack(picture(), plane="axial", depth=40))
        seen = inflated.stage("layer1")(inflated.stage("stem")(volume))
    # the upright picture's (row, column) is the volume's (anterior, right) from the other end
    upright = seen[..., seen.shape[-1] // 2].flip(-2, -1).transpose(-2, -1)
    torch.testing.assert_close(upright, expected, rtol=1e-4, atol=1e-4)
    at_the_end = seen[..., 0].flip(-2, -1).transpose(-2, -1)
    assert (at_the_end - expected).abs().max() > 0.05 * expected.abs().max(), "zero padding in depth reaches the end"


def test_a_densenet_is_inflated_too(tmp_path) -> None:
    store, side = WeightStore((tmp_path,)), 61  # 32 n - 3, for which a DenseNet's pools lie evenly from both ends
    card = find_encoder("densenet121-imagenet").model_copy(update={"name": "dense"})
    store.save(build_untrained(card, seed=3).tensors(), card)
    flat, inflated = built(store, "dense"), built(store, "inflated-dense")
    with torch.no_grad():
        expected = flat(flat.normalised(picture(side)[None, None]))
        got = inflated(inflated.normalised(stack(picture(side), plane="axial", depth=29)))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_both_kinds_of_inflation_share_the_kernel_out_to_the_same_sum() -> None:
    kernel = torch.rand(4, 2, 3, 3)
    for how in ("centre", "mean"):
        thick = inflated_kernel(kernel, plane="coronal", thickness=5, how=how)
        assert thick.shape == (4, 2, 3, 5, 3)
        torch.testing.assert_close(thick.sum(3), kernel.flip(-2, -1).transpose(-2, -1))
    centre = inflated_kernel(kernel, plane="coronal", thickness=5, how="centre")
    assert centre[:, :, :, [0, 1, 3, 4]].abs().max() == 0


@pytest.mark.parametrize("architecture", ["resnet10", "resnet50", "densenet121"])
def test_the_inflated_tensors_are_those_of_monais_3d_network(architecture) -> None:
    tensors = build_untrained(find_encoder(f"inflated-{architecture}"), seed=0).tensors()
    if architecture.startswith("resnet"):
        twin = getattr(resnet, architecture)(
            spatial_dims=3, n_input_channels=3, conv1_t_stride=2, feed_forward=False, bias_downsample=False
        )
    else:
        twin = getattr(densenet, architecture)(spatial_dims=3, in_channels=3, out_channels=1)
        tensors |= {name: tensor for name, tensor in twin.state_dict().items() if name.startswith("class_layers.out.")}
    twin.load_state_dict(tensors, strict=True)


def test_every_inflated_kernel_is_in_the_account_with_its_rule(photographs) -> None:
    encoder = built(photographs, "inflated-photos", inflation="mean", planes="coronal")
    assert encoder.account is not None
    rules = dict(encoder.account.adapted)
    kernels = {name for name, tensor in encoder.tensors().items() if tensor.ndim == 5}
    inflated = {name for name, rule in rules.items() if rule.endswith("inflated (mean) across the coronal plane")}
    assert inflated == kernels
    assert len(encoder.account.loaded) + len(encoder.account.adapted) == len(encoder.tensors())


def test_grey_volumes_go_through_the_summed_stem_exactly_as_grey_shown_three_times(photographs) -> None:
    inflated = built(photographs, "inflated-photos")
    assert inflated.card.grey_rule == "sum_stem"
    volume = torch.rand(1, 1, 17, 17, 17)
    card, kernel = inflated.card, inflated.tensors()["conv1.weight"]
    three = (volume.expand(-1, 3, -1, -1, -1) - torch.tensor(card.mean).view(1, 3, 1, 1, 1)) / torch.tensor(
        card.std
    ).view(1, 3, 1, 1, 1)
    expected = torch.nn.functional.conv3d(three, kernel, stride=2, padding=3)
    with torch.no_grad():
        got = inflated.stage("stem").conv1(inflated.normalised(volume))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_an_inflated_encoder_of_ones_own_comes_back_bit_for_bit_and_keeps_its_stem(photographs, tmp_path) -> None:
    first = built(photographs, "inflated-photos", stem_thickness=3, stem_stride=(1, 1, 1), planes="sagittal")
    store = WeightStore((tmp_path,))
    stored = store.save(first.tensors(), first.card.model_copy(update={"name": "mine"}))
    again = build_encoder("mine", store=store, seed=0).eval()
    assert again.card == stored
    scans = torch.rand(1, 1, 20, 24, 28)
    with torch.no_grad():
        assert torch.equal(again(again.normalised(scans)), first(first.normalised(scans)))
    other = build_encoder("mine", store=store, seed=0, volumes=VolumeSettings(stem_stride=(2, 2, 2)))
    assert other.card.volumes == stored.volumes.model_copy(update={"stem_stride": (2, 2, 2)})
    with pytest.raises(ConfigurationError, match=r"stem_thickness is 5, but the weights of mine are stored with .* 3"):
        build_encoder("mine", store=store, seed=0, volumes=VolumeSettings(stem_thickness=5))


def test_weights_that_do_not_fit_their_card_are_not_inflated(photographs, tmp_path) -> None:
    import shutil

    shutil.copytree(photographs.folders[0], tmp_path / "edited")
    card = tmp_path / "edited" / "photos" / "card.json"
    card.write_text(card.read_text().replace('"resnet10"', '"resnet18"'))
    with pytest.raises(IntegrityFailure, match="weights of inflated-photos do not fit its card, a resnet18"):
        build_encoder("inflated-photos", store=WeightStore((tmp_path / "edited",)), seed=0)
