"""Weights are whole, known and of the right shape, or refused with what to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, IntegrityFailure


@pytest.fixture(scope="module")
def file18(layout, numbers, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("published") / "resnet18.safetensors"
    tensors = numbers(layout("resnet18"))
    save_file({key: tensor.half() if tensor.ndim else tensor for key, tensor in tensors.items()}, path)
    return path


@pytest.fixture(scope="module")
def imported(file18, tmp_path_factory) -> WeightStore:
    """A store with one encoder in it, to be read only."""
    store = WeightStore((tmp_path_factory.mktemp("stocked"),))
    store.import_file(file18, "resnet18-imagenet")
    return store


@pytest.fixture
def stocked(imported, tmp_path) -> WeightStore:
    """A copy of that store, to be damaged."""
    shutil.copytree(imported.folders[0], tmp_path / "stocked")
    return WeightStore((tmp_path / "stocked",))


def test_what_is_imported_is_listed_verified_and_loaded_with_its_old_classifier(imported) -> None:
    store = imported
    card = store.card("resnet18-imagenet")
    assert store.list() == (card,)
    assert store.verify("resnet18-imagenet") == card
    assert card.account is not None
    assert (card.account.loaded, card.account.adapted, card.account.left_out) == (20, 100, 2)
    assert card.layout == "torchvision, timm or MONAI ResNet"
    assert "the usual source; this file states none" in card.licence
    tensors = store.load("resnet18-imagenet")
    assert tensors["fc.weight"].shape == (1000, 512)
    assert sorted(path.name for path in store.path("resnet18-imagenet").parent.iterdir()) == [
        "card.json",
        "weights.safetensors",
    ]


def test_a_pt_file_gives_the_same_stored_bytes_as_safetensors(imported, store, file18, tmp_path) -> None:
    torch.save({"state_dict": load_file(file18), "epoch": 3}, tmp_path / "resnet18.pth")
    first = imported.card("resnet18-imagenet")
    second = store.import_file(tmp_path / "resnet18.pth", "resnet18-imagenet")
    assert first.sha256 == second.sha256
    assert first.original_sha256 != second.original_sha256


def test_the_licence_that_a_file_states_goes_before_the_catalogues(store, layout, blanks, tmp_path) -> None:
    save_file(blanks(layout("resnet18")), tmp_path / "f.safetensors", {"license": "Own\nlicence", "source": "here"})
    card = store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet")
    assert (card.licence, card.source) == ("Own licence", "here")
    card = store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet", replace=True, licence="L", source="S")
    assert (card.licence, card.source) == ("L", "S")


def test_one_flipped_byte_is_refused_with_both_hashes(stocked) -> None:
    store, card = stocked, stocked.card("resnet18-imagenet")
    path = store.path("resnet18-imagenet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for act in (store.verify, store.load):
        with pytest.raises(
            IntegrityFailure, match=rf"expected sha256 {card.sha256}, got [0-9a-f]{{64}}.*--as resnet18-imagenet"
        ):
            act("resnet18-imagenet")


def test_a_card_without_its_weights_is_refused(stocked) -> None:
    stocked.path("resnet18-imagenet").unlink()
    for act in (stocked.verify, stocked.load):
        with pytest.raises(IntegrityFailure, match=r"The card of resnet18-imagenet is there, but .* is not"):
            act("resnet18-imagenet")


def test_absent_weights_say_where_it_was_looked_and_how_to_get_them(store) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        store.load("resnet50-imagenet")
    message = str(refusal.value)
    assert str(store.folders[0] / "resnet50-imagenet") in message
    assert "huggingface.co/timm/resnet50.a1_in1k" in message
    assert "Apache-2.0" in message
    assert message.endswith("medtl weights import FILE --as resnet50-imagenet")


def test_an_unknown_name_is_held_against_the_stored_names_too(stocked, file18) -> None:
    stocked.import_file(file18, "ward-seven", like="resnet18-imagenet")
    with pytest.raises(ConfigurationError, match="Did you mean ward-seven"):
        stocked.card("ward-sevn")


def test_an_architecture_has_a_card_but_no_file(store) -> None:
    assert not store.card("resnet18").needs_weights
    with pytest.raises(ConfigurationError, match="resnet18 has no weights file"):
        store.path("resnet18")


def test_a_resnet50_file_is_not_a_resnet18_and_the_first_differences_are_named(store, layout, blanks, tmp_path) -> None:
    save_file(blanks(layout("resnet50")), tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError) as refusal:
        store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet")
    message = str(refusal.value)
    assert "f.safetensors does not fit resnet18-imagenet, a resnet18" in message
    assert "layer1.0.conv1.weight: expected (64, 64, 3, 3), got (64, 64, 1, 1)" in message
    assert "It looks like a resnet50. Nothing was stored." in message
    assert store.names() == ()


def test_a_network_that_is_none_of_ours_is_refused(store, tmp_path) -> None:
    save_file({"patch_embed.proj.weight": torch.ones(2, 2)}, tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError, match="It is none of the networks medtl has"):
        store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet")


def test_a_resnet_converted_from_keras_is_refused_as_another_network(store, layout, blanks, tmp_path) -> None:
    shapes = layout("resnet50")
    biases = {key.replace("weight", "bias"): (shape[0],) for key, shape in shapes.items() if len(shape) == 4}
    save_file(blanks(shapes | biases), tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError, match=r"53 without a place .*converted from Keras .*strides sit elsewhere"):
        store.import_file(tmp_path / "f.safetensors", "resnet50-radimagenet")


def test_a_stem_of_one_channel_does_not_pass_for_one_of_three(store, layout, blanks, tmp_path) -> None:
    save_file(blanks(layout("resnet18") | {"conv1.weight": (64, 1, 7, 7)}), tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError, match=r"conv1.weight: expected \(64, 3, 7, 7\), got \(64, 1, 7, 7\)"):
        store.import_file(tmp_path / "f.safetensors", "mine", like="resnet18-imagenet")


def test_a_name_of_ones_own_needs_to_know_how_it_is_fed(store, file18) -> None:
    with pytest.raises(ConfigurationError, match=r"Nothing is known about mine: .*--as mine --like resnet50-imagenet"):
        store.import_file(file18, "mine")
    card = store.import_file(file18, "mine", like="resnet50-radimagenet")
    assert (card.architecture, card.value_range) == ("resnet18", (-1.0, 1.0))
    assert (card.trained_on, card.note) == ("not stated", "Fed like resnet50-radimagenet, as its importer said.")
    with pytest.raises(ConfigurationError, match="leave --like resnet18-imagenet out"):
        store.import_file(file18, "resnet34-imagenet", like="resnet18-imagenet")


def test_an_architecture_that_contradicts_the_catalogue_is_refused(store, file18) -> None:
    with pytest.raises(ConfigurationError, match="resnet18-imagenet is a resnet18; got architecture=resnet50"):
        store.import_file(file18, "resnet18-imagenet", architecture="resnet50")


def test_a_file_that_is_not_the_published_one_says_so_on_its_card(store, layout, blanks, tmp_path) -> None:
    save_file(blanks(layout("resnet50")), tmp_path / "f.safetensors")
    assert (
        "This is not the published file (sha256 08629f7e"
        in store.import_file(tmp_path / "f.safetensors", "resnet50-radimagenet").note
    )


def test_nothing_stored_is_replaced_unless_on_purpose(imported, file18) -> None:
    with pytest.raises(ConfigurationError, match=r"resnet18-imagenet is stored already in .*replace it on purpose"):
        imported.import_file(file18, "resnet18-imagenet")
    with pytest.raises(ConfigurationError, match="stored already"):
        imported.save({}, imported.card("resnet18-imagenet"))


def test_the_name_of_an_architecture_is_not_given_to_weights(store, file18) -> None:
    with pytest.raises(ConfigurationError, match="resnet18 stands for the untrained architecture"):
        store.import_file(file18, "resnet18")


def test_a_name_can_be_asked_for_before_the_work_begins(imported) -> None:
    imported.require_free("ward-seven")
    imported.require_free("resnet18-imagenet", replace=True)
    with pytest.raises(ConfigurationError, match="stored already"):
        imported.require_free("resnet18-imagenet")


def test_tensors_that_are_not_the_cards_network_are_not_saved(store) -> None:
    card = store.card("resnet10").model_copy(update={"name": "mine"})
    with pytest.raises(ConfigurationError, match=r"not the resnet10 of the card mine: .*missing \(conv1.weight"):
        store.save({"fc.weight": torch.ones(2, 2)}, card)


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "", ".", "..", "UPPER", "a b", "a\n", "x" * 65, "-a", "a..b", "C:\\x"]
)
def test_names_that_could_be_paths_are_refused(name, store, file18) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the name of an encoder"):
        store.import_file(file18, name)
    with pytest.raises(ConfigurationError, match="cannot be the name of an encoder"):
        store.card(name)


def test_two_folders_are_searched_in_order_and_the_first_is_written_to(tmp_path, file18, monkeypatch) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", f"{tmp_path / 'mine'}{os.pathsep}{tmp_path / 'ours'}")
    both = WeightStore.from_environment()
    WeightStore((tmp_path / "ours",)).import_file(file18, "resnet18-imagenet")
    assert both.path("resnet18-imagenet") == tmp_path / "ours/resnet18-imagenet/weights.safetensors"
    both.import_file(file18, "ward", like="resnet18-imagenet")
    assert both.names() == ("resnet18-imagenet", "ward")
    assert (tmp_path / "mine/ward").is_dir()
    assert not (tmp_path / "ours/ward").exists()


def test_without_the_variable_the_store_lies_in_the_home(monkeypatch) -> None:
    monkeypatch.delenv("MEDTL_WEIGHTS", raising=False)
    assert WeightStore.from_environment().folders == (Path.home() / ".local/share/medtl/weights",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"resnet18-imagenet"', '"resnet34-imagenet"', "is for resnet34-imagenet.*Was the folder renamed"),
        ('"std"', '"stdev"', "cannot be read"),
        ("{", "", "it is not JSON"),
    ],
)
def test_a_damaged_card_is_refused(old, new, message, stocked) -> None:
    path = stocked.folders[0] / "resnet18-imagenet" / "card.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(IntegrityFailure, match=message):
        stocked.card("resnet18-imagenet")
