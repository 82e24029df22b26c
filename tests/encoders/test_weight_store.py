"""Weights are whole, known and of the right shape, or refused with what to do."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from medtl.encoders.build import build_encoder
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
    assert "With internet: medtl weights fetch resnet50-imagenet. Without: medtl weights pack FILE on a" in message
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
    with pytest.raises(
        ConfigurationError,
        match=r"holds none of the networks medtl has .*Its 1 tensors begin with patch_embed.proj.weight",
    ):
        store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet")


def test_a_resnet_converted_from_keras_is_refused_as_another_network(store, layout, blanks, tmp_path) -> None:
    shapes = layout("resnet50")
    biases = {key.replace("weight", "bias"): (shape[0],) for key, shape in shapes.items() if len(shape) == 4}
    save_file(blanks(shapes | biases), tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError, match=r"53 unexpected .*converted from Keras .*strides sit elsewhere"):
        store.import_file(tmp_path / "f.safetensors", "resnet50-radimagenet")


def test_a_stem_of_one_channel_is_taken_under_a_name_of_its_own_with_one_mean(store, layout, numbers, tmp_path) -> None:
    tensors = numbers(layout("resnet18") | {"conv1.weight": (64, 1, 7, 7)})
    save_file(tensors, tmp_path / "f.safetensors")
    with pytest.raises(
        ConfigurationError, match=r"conv1.weight: expected \(64, 3, 7, 7\), got \(64, 1, 7, 7\).*1 channel"
    ):
        store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet")
    card = store.import_file(tmp_path / "f.safetensors", "mine", like="resnet18-imagenet")
    assert (card.channels, card.mean, card.std) == (1, (pytest.approx(0.449),), (pytest.approx(0.226),))
    assert "stem takes 1 channel" in card.note
    encoder = build_encoder("mine", store=store, seed=0).eval()
    grey = torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    seen: list[torch.Tensor] = []
    hook = encoder.stage("stem").get_submodule("conv1").register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.no_grad():
        encoder(encoder.normalised(grey))
    hook.remove()
    by_hand = torch.nn.functional.conv2d((grey - 0.449) / 0.226, tensors["conv1.weight"], stride=2, padding=3)
    torch.testing.assert_close(seen[0], by_hand, rtol=1e-4, atol=1e-4)


def _under(prefix: str, tensors: dict) -> dict:
    return {prefix + key: tensor for key, tensor in tensors.items()}


def _moved(tensors: dict) -> dict:
    return {key: tensor + 0.1 if tensor.ndim > 1 else tensor for key, tensor in tensors.items()}


WRAPPINGS = {
    "net.pth": lambda own: {"net": own},
    "trainer.ckpt": lambda own: {"state_dict": _under("model.", own), "hyper_parameters": {"lr": 1e-3}, "epoch": 3},
    "example.pth.tar": lambda own: {"epoch": 9, "arch": "resnet10", "state_dict": _under("module.", own)},
    "hub.bin": lambda own: own,
    "compiled.pt": lambda own: _under("_orig_mod.module.", own),
    "queue.pth": lambda own: {
        "state_dict": _under("module.encoder_q.", own)
        | _under("module.encoder_k.", _moved(own))
        | {"module.queue": torch.ones(8, 16), "module.queue_ptr": torch.zeros(1, dtype=torch.int64)}
    },
    "averaged.pth": lambda own: _under("module.", own) | {"n_averaged": torch.tensor(5)},
    "with_ema.pth": lambda own: {"state_dict": own, "state_dict_ema": _moved(own)},
    "lightning_ema.ckpt": lambda own: {"state_dict": _under("model.", own) | _under("ema_model.", _moved(own))},
    "student.pth": lambda own: {"student": _under("backbone.", own), "teacher": _under("backbone.", _moved(own))},
    "same_twice.pth": lambda own: {"model": own, "best": dict(own)},
    "segmentation.pth": lambda own: _under("encoder.", own) | {"decoder.0.conv.weight": torch.ones(4, 4, 3, 3)},
    "deep.pth": lambda own: {"checkpoint": {"weights": {"encoder": own}}, "args": argparse.Namespace(lr=1), "step": 1},
    "counters.pth": lambda own: {
        key: tensor.half().reshape(1) if tensor.dtype == torch.int64 else tensor for key, tensor in own.items()
    },
}


@pytest.fixture(scope="module")
def body10(layout, numbers) -> dict[str, torch.Tensor]:
    return {key: tensor for key, tensor in numbers(layout("resnet10")).items() if not key.startswith("fc.")}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_the_same_encoder_is_found_in_every_wrapping_and_averages_are_left(name, body10, store, tmp_path) -> None:
    torch.save(WRAPPINGS[name](body10), tmp_path / name)
    card = store.import_file(tmp_path / name, "mine", like="resnet18-imagenet")
    assert card.architecture == "resnet10"
    stored = store.load("mine")
    for key, tensor in body10.items():
        assert torch.equal(stored[key], tensor), key
    if "ema" in name or name in ("queue.pth", "student.pth"):
        assert re.search(r"Taken from .*; the file also holds .*(ema|encoder_k|teacher).* \(--take\)", card.note)


def test_an_average_is_taken_on_request_and_the_card_says_so(body10, store, tmp_path) -> None:
    torch.save(WRAPPINGS["with_ema.pth"](body10), tmp_path / "f.pth")
    card = store.import_file(tmp_path / "f.pth", "mine", like="resnet18-imagenet", take="state_dict_ema")
    assert "Taken from state_dict_ema (a running mean of the weights); the file also holds state_dict" in card.note
    assert torch.equal(store.load("mine")["conv1.weight"], _moved(body10)["conv1.weight"])
    with pytest.raises(ConfigurationError, match=r"--take ward fits 0 of the encoders.*state_dict, state_dict_ema"):
        store.import_file(tmp_path / "f.pth", "other", like="resnet18-imagenet", take="ward")


def test_of_two_encoders_that_are_no_averages_none_is_guessed(body10, store, tmp_path) -> None:
    torch.save({"left": body10, "right": _moved(body10)}, tmp_path / "f.pth")
    with pytest.raises(ConfigurationError, match=r"2 different encoders that fit: left, right. Say which with --take"):
        store.import_file(tmp_path / "f.pth", "mine", like="resnet18-imagenet")
    assert store.names() == ()


def test_a_file_that_is_almost_there_says_what_was_found_and_what_is_missing(body10, store, tmp_path) -> None:
    cut = {key: tensor for key, tensor in body10.items() if key != "layer3.0.bn2.bias"}
    torch.save({"state_dict": _under("model.", cut)}, tmp_path / "f.pth")
    with pytest.raises(ConfigurationError) as refusal:
        store.import_file(tmp_path / "f.pth", "mine", like="resnet18-imagenet")
    assert (
        f"{len(body10) - 1} of its {len(body10)} tensors fit, at state_dict/model.; 1 missing (layer3.0.bn2.bias)"
        in str(refusal.value)
    )


@pytest.mark.parametrize("dead", ["layer1.0.conv1.weight", "layer4.0.conv2.weight"])
def test_a_network_that_cannot_have_been_trained_is_refused(dead, body10, store, tmp_path) -> None:
    torch.save(body10 | {dead: torch.zeros_like(body10[dead])}, tmp_path / "f.pth")
    with pytest.raises(IntegrityFailure, match=rf"f.pth is refused: the kernel {dead} is 0 throughout"):
        store.import_file(tmp_path / "f.pth", "mine", like="resnet18-imagenet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc.weight": (2, 512), "fc.bias": (2,)}, "its classifier has 2 outputs, the source task 1,000 classes"),
        ({"fc.weight": None, "fc.bias": None}, "it holds no classifier, and so nothing that shows"),
    ],
)
def test_a_catalogue_name_is_not_given_to_what_it_does_not_promise(
    change, message, store, layout, blanks, tmp_path
) -> None:
    shapes = {key: shape for key, shape in (layout("resnet18") | change).items() if shape is not None}
    save_file(blanks(shapes), tmp_path / "f.safetensors")
    with pytest.raises(
        ConfigurationError, match=rf"is not what resnet18-imagenet promises: {message}.*--as my-resnet18"
    ):
        store.import_file(tmp_path / "f.safetensors", "resnet18-imagenet")
    stated = {"trained_on": "1,200 knee radiographs of our hospital", "licence": "internal"}
    card = store.import_file(tmp_path / "f.safetensors", "knees", like="resnet18-imagenet", **stated)
    assert (card.trained_on, card.licence) == ("1,200 knee radiographs of our hospital", "internal")
    assert card.source == "f.safetensors"


def test_radimagenets_layout_is_not_stored_as_imagenet(store, layout, blanks, tmp_path) -> None:
    positions = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    shapes = {
        f"backbone.{positions[key.split('.')[0]]}.{key.partition('.')[2]}": shape
        for key, shape in layout("resnet50").items()
        if not key.startswith("fc.")
    }
    save_file(blanks(shapes), tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError, match="it holds no classifier"):
        store.import_file(tmp_path / "f.safetensors", "resnet50-imagenet")
    with pytest.raises(
        ConfigurationError, match=r"the published file has the sha256 08629f7e\w+, this one [0-9a-f]{64}"
    ):
        store.import_file(tmp_path / "f.safetensors", "resnet50-radimagenet")


def test_a_name_of_ones_own_needs_to_know_how_it_is_fed(store, file18) -> None:
    with pytest.raises(ConfigurationError, match=r"Nothing is known about mine: .*--as mine --like resnet50-imagenet"):
        store.import_file(file18, "mine")
    card = store.import_file(file18, "mine", like="resnet50-radimagenet")
    assert (card.architecture, card.value_range) == ("resnet18", (-1.0, 1.0))
    assert card.trained_on == "data of an unknown source, which its importer did not state"
    assert card.note == "Fed like resnet50-radimagenet, as its importer said."
    with pytest.raises(ConfigurationError, match="leave --like resnet18-imagenet out"):
        store.import_file(file18, "resnet34-imagenet", like="resnet18-imagenet")


def test_an_architecture_that_contradicts_the_catalogue_is_refused(store, file18) -> None:
    with pytest.raises(ConfigurationError, match="resnet18-imagenet is a resnet18; got architecture=resnet50"):
        store.import_file(file18, "resnet18-imagenet", architecture="resnet50")


def test_nothing_stored_is_replaced_unless_on_purpose(imported, file18) -> None:
    with pytest.raises(ConfigurationError, match=r"resnet18-imagenet is stored already in .*replace it on purpose"):
        imported.import_file(file18, "resnet18-imagenet")
    with pytest.raises(ConfigurationError, match="stored already"):
        imported.save({}, imported.card("resnet18-imagenet"))


def test_the_name_of_an_architecture_is_not_given_to_weights(store, file18) -> None:
    with pytest.raises(ConfigurationError, match="resnet18 stands for the untrained architecture"):
        store.import_file(file18, "resnet18")


def test_a_name_can_be_checked_before_the_work_begins(imported) -> None:
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
