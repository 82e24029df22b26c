"""What is recommended is known, has the size that is stated, and is read on a terminal at a glance."""

from __future__ import annotations

import math

import pytest
from typer.testing import CliRunner

from medtl.cli import app
from medtl.encoders import RECOMMENDATIONS, find_encoder
from medtl.encoders.architectures import expected_shapes, network_of

FLOAT_BYTES = 4
LONGEST_LIST = 39


@pytest.fixture
def listed(store, monkeypatch) -> str:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(store.folders[0]))
    return CliRunner().invoke(app, ["weights", "list"], catch_exceptions=False).stdout


@pytest.mark.parametrize("one", RECOMMENDATIONS, ids=lambda one: f"{one.scans}-{one.encoder}")
def test_a_recommended_encoder_can_be_fetched_and_has_the_stated_size(one, layout) -> None:
    card = find_encoder(one.encoder)
    assert card.needs_weights
    assert card.download_url is not None
    assert one.reason[-1] != "."
    assert one.source
    if card.name.endswith("-medicalnet"):
        shapes = expected_shapes(network_of(card))
    else:
        shapes = layout(card.architecture)
        if "radimagenet" in card.name:
            shapes = {name: shape for name, shape in shapes.items() if not name.startswith(("fc.", "classifier."))}
    size = sum(math.prod(shape) for shape in shapes.values()) * FLOAT_BYTES
    assert size / 1e6 == pytest.approx(one.megabytes, rel=0.02)


def test_the_five_kinds_of_scans_each_begin_with_their_first_choice() -> None:
    kinds = [one.scans for one in RECOMMENDATIONS if one.scans]
    assert kinds == [
        "radiographs",
        "ultrasound",
        "CT or MR slices",
        "volumes",
        "small volumes",
        "photographs, fundus",
    ]
    assert RECOMMENDATIONS[0].scans


def test_the_list_is_short_and_narrow_and_names_what_is_here_and_what_is_not(listed, store) -> None:
    lines = listed.splitlines()
    assert len(lines) <= LONGEST_LIST
    assert max(map(len, lines)) <= 100
    for one in RECOMMENDATIONS:
        assert f"{one.scans:20} {one.encoder:25} {one.megabytes:3}  {one.reason.split()[0]}" in listed
        assert one.source in listed
    assert "\nHere: none.\n" in listed
    assert "Not here (medtl weights fetch NAME): resnet18-imagenet, " in listed
    assert "tf_mobilenetv2_100" not in listed, "it cannot be fetched"


def test_what_is_here_is_not_offered_to_be_fetched(photographs, monkeypatch) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(photographs.folders[0]))
    shown = CliRunner().invoke(app, ["weights", "list"], catch_exceptions=False).stdout
    assert "\nHere: photos.\n" in shown
    assert "photos" not in shown.split("Not here")[1]


def test_all_lists_every_name_with_licence_and_source(store, monkeypatch) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(store.folders[0]))
    shown = CliRunner().invoke(app, ["weights", "list", "--all"], catch_exceptions=False).stdout
    for words in ("acs-resnet18-imagenet", "resnet10-3d", "Apache-2.0", "from https://huggingface.co/timm/resnet18"):
        assert words in shown
