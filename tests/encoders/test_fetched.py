"""Published weights by name: whole, the publisher's, with their licence read first; or a message and nothing stored."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from bad_server import Server, serving, status, whole
from safetensors.torch import save, save_file
from typer.testing import CliRunner, Result

from medtl.cli import app
from medtl.encoders import WeightStore, catalogue
from medtl.encoders.catalogue import find_encoder, known_encoders
from medtl.encoders.families import Published, known
from medtl.encoders.families.resnet import RESNET
from medtl.encoders.fetch.download import Patience
from medtl.encoders.fetch.fetched import FetchSettings, fetch_each

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def published(layout, numbers, tmp_path_factory) -> dict[str, bytes]:
    """Two files as a publisher has them: ImageNet's safetensors, and RadImageNet's state dict."""
    tensors = {key: tensor.half() if tensor.ndim else tensor for key, tensor in numbers(layout("resnet10")).items()}
    path = tmp_path_factory.mktemp("published") / "ResNet10.pt"
    torch.save({key: tensor for key, tensor in tensors.items() if not key.startswith("fc.")}, path)
    return {"imagenet": save(tensors), "radimagenet": path.read_bytes()}


@pytest.fixture(autouse=True)
def small_catalogue(published, monkeypatch, tmp_path) -> Iterator[None]:
    """A catalogue with a small encoder whose sha256 is not known, and one that is for research only, whose is."""
    sha256 = hashlib.sha256(published["radimagenet"]).hexdigest()
    small = dataclasses.replace(
        RESNET,
        imagenet={"resnet10": Published("toys/resnet10", "Apache-2.0")},
        radimagenet={"resnet10": Published("ResNet10.pt", "CC BY-NC 4.0", sha256, research_only=True)},
    )
    monkeypatch.setattr(known, "FAMILIES", (small, *known.FAMILIES[1:]))
    catalogue.known_encoders.cache_clear()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WEIGHTS", "HOME"):
        monkeypatch.setenv(f"MEDTL_{name}", str(tmp_path / name.lower()))
    yield
    catalogue.known_encoders.cache_clear()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    with serving() as running:
        monkeypatch.setenv("MEDTL_WEIGHTS_MIRROR", running.address)
        yield running


@pytest.fixture
def ask() -> Ask:
    return lambda *words: CliRunner().invoke(app, ["weights", "fetch", *words], catch_exceptions=False)


def left_over(store: WeightStore) -> list[Path]:
    """Files below the store's folder that are no stored encoder's, a lock aside."""
    files = [path for path in store.folders[0].rglob("*") if path.is_file()]
    return [path for path in files if path.suffix != ".lock" and path.parent.name not in store.names()]


def test_an_encoder_is_fetched_stored_and_accounted_for(server, store, ask, published) -> None:
    server.replies[:] = [whole(published["imagenet"])]
    done = ask("resnet10-imagenet")
    assert done.exit_code == 0, done.stderr
    assert server.paths == ["/toys/resnet10/resolve/main/model.safetensors"]
    card = store.verify("resnet10-imagenet")
    assert re.search(
        rf"^resnet10-imagenet: resnet10, \d+ tensors unchanged, \d+ converted, 2 unused, sha256 {card.sha256}$",
        done.stdout,
        flags=re.M,
    )
    assert card.original_sha256 == hashlib.sha256(published["imagenet"]).hexdigest()
    before, after = done.stderr.split("the publisher's sha256 is not known to medtl")
    assert "resnet10-imagenet: from https://huggingface.co/toys/resnet10 (model.safetensors); licence: Apache-2.0." in (
        before
    )
    assert f"The file that came has the sha256 {card.original_sha256}." in after
    assert "another licence" not in done.stderr
    assert not left_over(store)


def test_what_is_written_names_the_publisher_and_no_host_or_path_of_here(server, store, ask, published) -> None:
    server.replies[:] = [whole(published["imagenet"])]
    ask("resnet10-imagenet")
    card = store.card("resnet10-imagenet")
    assert card.source == "https://huggingface.co/toys/resnet10 (model.safetensors), by way of a mirror"
    text = (store.folders[0] / card.name / "card.json").read_text()
    for word in ("127.0.0.1", server.address, str(store.folders[0])):
        assert word not in text


def test_a_file_that_states_another_licence_than_the_one_shown_is_stored_with_a_warning(
    server, store, ask, layout, numbers
) -> None:
    server.replies[:] = [whole(save(numbers(layout("resnet10")), {"license": "Own Non-Commercial"}))]
    done = ask("resnet10-imagenet")
    assert done.exit_code == 0
    assert (
        "the file states another licence than its publisher's page (Apache-2.0): Own Non-Commercial. That of the file "
        "is on the card. Find out which is right before you use it."
    ) in done.stderr
    assert store.card("resnet10-imagenet").licence == "Own Non-Commercial"


def test_what_is_stored_is_not_fetched_again_unless_on_purpose(server, store, ask, published) -> None:
    server.replies[:] = [whole(published["imagenet"])]
    ask("resnet10-imagenet")
    again = ask("resnet10-imagenet", "slices-resnet10-imagenet")
    assert (again.exit_code, len(server.paths)) == (0, 1)
    assert "resnet10-imagenet is stored already; --replace fetches it again." in again.stderr
    assert ask("resnet10-imagenet", "--replace").exit_code == 0
    assert len(server.paths) == 2


def test_the_encoder_of_a_lifted_name_is_fetched(server, store, ask, published) -> None:
    server.replies[:] = [whole(published["imagenet"])]
    assert ask("acs-resnet10-imagenet").exit_code == 0
    assert store.names() == ("resnet10-imagenet",)


def test_a_licence_for_research_only_is_shown_before_anything_comes_and_has_to_be_accepted(
    server, store, ask, published
) -> None:
    server.replies[:] = [whole(published["radimagenet"])]
    done = ask("resnet10-radimagenet")
    assert done.exit_code == 2
    for words in (
        "Nothing was fetched",
        "research only",
        "resnet10-radimagenet: CC BY-NC 4.0, from https://huggingface.co/Lab-Rasool/RadImageNet (ResNet10.pt)",
        "--accept-licence",
    ):
        assert words in done.stderr
    assert not server.paths
    assert ask("resnet10-radimagenet", "--accept-licence").exit_code == 0
    assert store.card("resnet10-radimagenet").original_sha256 == find_encoder("resnet10-radimagenet").published_sha256


def test_every_card_whose_licence_excludes_commercial_use_says_so(monkeypatch) -> None:
    monkeypatch.undo()
    catalogue.known_encoders.cache_clear()
    for card in known_encoders():
        excludes = re.search(r"non-?commercial|\bNC\b|research", card.licence, flags=re.I) is not None
        assert card.research_only == excludes, card.name


def test_every_published_file_has_an_exact_address_beneath_its_source(monkeypatch) -> None:
    monkeypatch.undo()
    catalogue.known_encoders.cache_clear()
    urls = [card.download_url for card in known_encoders() if card.download_url is not None]
    assert len(set(urls)) == len(urls)
    for card in known_encoders():
        assert (card.download_url is None) == (not card.needs_weights or "huggingface.co" not in card.source), card.name
        if card.download_url is not None:
            repository, file = re.fullmatch(r"(https://\S+) \((\S+)\)", card.source).groups()
            assert card.download_url == f"{repository}/resolve/main/{file}"


@pytest.mark.parametrize("name", ["tf_mobilenetv2_100-imagenet", "se_resnet50-imagenet"])
def test_weights_that_are_published_elsewhere_are_refused_with_their_source(name, ask) -> None:
    done = ask(name)
    assert done.exit_code == 2
    assert f"{name} is not on Hugging Face, where medtl fetches from: it is at https://github.com/" in done.stderr
    assert f"medtl weights import FILE --as {name}" in done.stderr


def test_other_bytes_than_the_publishers_are_removed_with_both_hashes(server, store, ask, published) -> None:
    data = bytearray(published["radimagenet"])
    data[len(data) // 2] ^= 1
    server.replies[:] = [whole(bytes(data))]
    done = ask("resnet10-radimagenet", "--accept-licence")
    assert done.exit_code == 7
    wanted, got = find_encoder("resnet10-radimagenet").published_sha256, hashlib.sha256(data).hexdigest()
    assert f"expected the publisher's file with the sha256 {wanted}, got {len(data):,} bytes with the sha256 {got}" in (
        done.stderr
    )
    assert "It was removed and nothing was stored. Give the command again; if the same comes again" in done.stderr
    assert (store.names(), left_over(store)) == ((), [])


def test_a_web_page_that_pretends_to_be_a_file_is_called_one(server, store, ask) -> None:
    server.replies[:] = [whole(b"<!DOCTYPE html><title>Log in</title>")]
    for name in ("resnet10-imagenet", "resnet10-radimagenet"):
        done = ask(name, "--accept-licence")
        assert done.exit_code == 7
        assert "(it is a web page (HTML), not a file of weights). It was removed and nothing was stored" in done.stderr
    assert left_over(store) == []


def test_a_file_of_another_network_is_removed_where_no_sha256_is_known(
    server, store, ask, layout, blanks, tmp_path
) -> None:
    save_file(blanks(layout("resnet18")), tmp_path / "f.safetensors")
    server.replies[:] = [whole((tmp_path / "f.safetensors").read_bytes())]
    done = ask("resnet10-imagenet")
    assert done.exit_code == 2
    assert "model.safetensors does not fit resnet10-imagenet" in done.stderr
    assert (store.names(), left_over(store)) == ((), [])


def test_a_file_that_ends_too_early_where_nothing_announces_it_is_removed(server, store, ask, published) -> None:
    server.replies[:] = [whole(published["imagenet"][:-1000], announced=None)]
    done = ask("resnet10-imagenet")
    assert done.exit_code == 7
    assert "model.safetensors is refused: it is not a whole safetensors file" in done.stderr
    assert (store.names(), left_over(store)) == ((), [])


def test_one_that_was_cut_off_goes_on_with_the_same_command_and_is_nobody_elses_meanwhile(
    server, store, ask, published, monkeypatch
) -> None:
    data = published["radimagenet"]
    settings = FetchSettings(mirror=server.address, accepts_licence=True, patience=Patience(attempts=1))
    server.replies[:] = [whole(data, cut_at=1_000_000)]
    with pytest.raises(Exception, match=r"resnet10-radimagenet was not fetched\. The connection ended after 1\.0 MB"):
        list(fetch_each(store, ["resnet10-radimagenet"], settings))
    assert store.names() == ()
    for path in left_over(store):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    server.replies[:] = [whole(data)]
    assert ask("resnet10-radimagenet", "--accept-licence").exit_code == 0
    assert server.ranges == [None, "bytes=1000000-"]
    assert left_over(store) == []


def test_all_names_that_cannot_be_fetched_are_named_at_once_and_nothing_is_fetched(
    server, store, ask, published
) -> None:
    store.save(_tensors(published), find_encoder("resnet10").model_copy(update={"name": "mine"}))
    done = ask("resnet10-imagenet", "resnet10-imagnet", "resnet10", "mine", "zzz")
    assert done.exit_code == 2
    for words in (
        "Nothing was fetched. 'resnet10-imagnet' is not in the catalogue (did you mean resnet10-imagenet",
        "resnet10 needs no file: it starts from chance.",
        "mine is an encoder of your own, which no publisher has.",
        "'zzz' is not in the catalogue.",
        "Those that can be fetched: resnet10-imagenet, ",
    ):
        assert words in done.stderr
    assert not server.paths


def _tensors(published: dict[str, bytes]) -> dict[str, torch.Tensor]:
    from safetensors.torch import load

    return {key: tensor.float() for key, tensor in load(published["imagenet"]).items() if not key.startswith("fc.")}


def test_what_was_stored_before_a_fault_stays(server, store, ask, published) -> None:
    server.replies[:] = [whole(published["imagenet"]), status(404)]
    done = ask("resnet10-imagenet", "resnet10-radimagenet", "--accept-licence")
    assert done.exit_code == 5
    assert done.stdout.startswith("resnet10-imagenet: resnet10, ")
    assert "resnet10-radimagenet was not fetched. The server answers 404 (Not Found): the publisher has moved" in (
        done.stderr
    )
    assert store.names() == ("resnet10-imagenet",)


def test_without_a_network_the_way_out_is_named(store, ask, monkeypatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.delenv("MEDTL_WEIGHTS_MIRROR", raising=False)
    monkeypatch.setattr(socket, "create_connection", none)
    done = ask("resnet10-imagenet")
    assert done.exit_code == 5
    for words in (
        "resnet10-imagenet was not fetched. The server cannot be reached: this machine may have no way to the inter",
        "on a machine that has it, medtl weights fetch resnet10-imagenet and medtl weights pack FILE; carry FILE here",
        "Or download https://huggingface.co/toys/resnet10/resolve/main/model.safetensors there",
        "medtl weights import FILE --as resnet10-imagenet",
        "--from or MEDTL_WEIGHTS_MIRROR",
    ):
        assert words in done.stderr


def test_a_mirror_that_is_not_encrypted_is_refused_before_anything_else(store, ask) -> None:
    done = ask("resnet10-imagenet", "--from", "http://mirror.example.org")
    assert done.exit_code == 2
    assert "is not reached by https" in done.stderr


def test_two_commands_do_not_fetch_the_same_encoder_at_once(server, store, ask, published) -> None:
    answers = []

    def meanwhile(handler) -> None:
        answers.append(ask("resnet10-imagenet"))
        whole(published["imagenet"])(handler)

    server.replies[:] = [meanwhile]
    assert ask("resnet10-imagenet").exit_code == 0
    assert answers[0].exit_code == 6
    assert "Another process is fetching the encoder resnet10-imagenet. Wait for it" in answers[0].stderr
