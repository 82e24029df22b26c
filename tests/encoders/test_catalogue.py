"""Cards and names, without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from medtl.encoders.card import EncoderCard
from medtl.encoders.catalogue import find_encoder, known_encoders
from medtl.errors import ConfigurationError

ROOMS = "from medtl.encoders import EncoderCard, VolumeSettings, WeightStore, default_encoder_for, find_encoder"


def test_cards_catalogue_and_store_open_without_torch() -> None:
    act = "WeightStore.from_environment().catalogue(); find_encoder('acs-resnet18'); VolumeSettings()"
    check = f"{act}; import sys; print('torch' in sys.modules, 'monai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"{ROOMS}; {check}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_issues_names_are_known_and_each_says_licence_source_and_normalisation() -> None:
    names = {card.name for card in known_encoders()}
    assert {"resnet18-imagenet", "resnet50-imagenet", "resnet50-radimagenet", "resnet10", "densenet169"} <= names
    assert len(names) == len(known_encoders())
    for card in known_encoders():
        assert card.licence
        assert card.source
        assert card.sha256 is None
        assert card.needs_weights == card.name.endswith(
            ("-imagenet", "-radimagenet", "-medicalnet", "-torchxrayvision", "-radiologynet")
        )


def test_the_imagenet_statistics_are_the_published_ones() -> None:
    card = find_encoder("densenet121-imagenet")
    assert card.mean == (0.485, 0.456, 0.406)
    assert card.std == (0.229, 0.224, 0.225)
    assert card.value_range == (0, 1)


def test_radimagenet_is_fed_from_minus_one_to_one_and_says_that_this_is_disputed() -> None:
    card = find_encoder("resnet50-radimagenet")
    assert (card.value_range, card.mean, card.std) == ((-1, 1), (0, 0, 0), (1, 1, 1))
    assert "disagree" in card.note


def test_torchxrayvision_takes_one_channel_in_its_own_units_and_says_which_sets_it_has_seen() -> None:
    card = find_encoder("densenet121-torchxrayvision")
    assert (card.channels, card.value_range, card.mean, card.std) == (1, (-1024, 1024), (0,), (1,))
    assert "CheXpert" in card.note


def test_an_unknown_name_is_refused_with_the_names_that_come_close() -> None:
    with pytest.raises(ConfigurationError, match=r"'resnet18-imagnet' is not known. Did you mean resnet18-imagenet"):
        find_encoder("resnet18-imagnet")
    with pytest.raises(
        ConfigurationError, match=r"is not known. Known are: densenet121, .*resnet50-radimagenet, .*; .*slices-"
    ):
        find_encoder("zzz")


def test_a_card_survives_json() -> None:
    card = find_encoder("resnet50-radimagenet")
    assert EncoderCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"std": (0.2, 0.2)}, "std has 2 numbers; expected one per channel, that is 3"),
        ({"mean": (0.2, float("nan"), 0.2)}, "expected finite numbers"),
        ({"std": (0.2, 0.0, 0.2)}, "expected numbers above 0"),
        ({"value_range": (1.0, 0.0)}, "the lower one first"),
        ({"channels": 1, "mean": (0.5,), "std": (0.2,), "grey_rule": "sum_stem"}, "for stems of 3 channels"),
        ({"name": "../evil"}, "should match pattern"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_a_card_that_cannot_be_obeyed_is_refused(change, message) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderCard.model_validate(find_encoder("resnet18-imagenet").model_dump() | change)


def test_building_an_encoder_does_not_load_pytorchs_compiler() -> None:
    """Its import takes 2 s of every command, and no shape needs it."""
    act = "from medtl.encoders import build_untrained, find_encoder; build_untrained(find_encoder('resnet10'), seed=0)"
    check = f"{act}; import sys; print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
