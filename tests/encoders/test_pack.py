"""Encoders go from store to store in one file, bit for bit; a file that is anything else is refused, and why."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load, save
from typer.testing import CliRunner, Result

from medtl.cli import app
from medtl.encoders import WeightStore, find_encoder
from medtl.encoders.pack_reader import unpack
from medtl.encoders.pack_writer import write_pack
from medtl.errors import ConfigurationError, IntegrityFailure, ResourceExhausted
from medtl.files import sha256_of

Members = dict[str, bytes]
Entries = list[tuple[str | tarfile.TarInfo, bytes]]
INDEX = "medtl-weights.json"


@pytest.fixture(scope="module")
def packed(layout, numbers, tmp_path_factory) -> Path:
    """A pack of two encoders, to be read only."""
    folder = tmp_path_factory.mktemp("packed")
    store = WeightStore((folder / "store",))
    for seed, name in enumerate(("ward-nine", "ward-seven")):
        tensors = {
            key: tensor + seed if key == "bn1.bias" else tensor for key, tensor in numbers(layout("resnet10")).items()
        }
        body = {key: tensor for key, tensor in tensors.items() if not key.startswith("fc.")}
        store.save(body, find_encoder("resnet10").model_copy(update={"name": name, "trained_on": "knees, «links»"}))
    write_pack(store, folder / "weights.tar")
    return folder / "weights.tar"


@pytest.fixture
def members(packed) -> Members:
    with tarfile.open(packed) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}


@pytest.fixture
def ask(store, monkeypatch) -> Callable[..., Result]:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(store.folders[0]))
    return lambda *words: CliRunner().invoke(app, ["weights", *map(str, words)], catch_exceptions=False)


def archive_of(
    path: Path, entries: list[tuple[str | tarfile.TarInfo, bytes]], *, form: int = tarfile.USTAR_FORMAT
) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in entries:
            entry = tarfile.TarInfo(name) if isinstance(name, str) else name
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def indexed(members: Members, **changes: object) -> bytes:
    """The index of these members, as it would be were they honest."""
    names = sorted({name.split("/")[0] for name in members if "/" in name})
    files = {"card": "card.json", "weights": "weights.safetensors"}
    encoders = [
        {
            "name": name,
            **{
                what: {"bytes": len(members[f"{name}/{file}"]), "sha256": sha256_of(members[f"{name}/{file}"])}
                for what, file in files.items()
            },
        }
        for name in names
    ]
    return json.dumps({"format": "medtl weights, version 1", "encoders": encoders, **changes}).encode()


def refusal(store: WeightStore, path: Path) -> str:
    """The message; nothing may be stored, and nothing lie anywhere that lay not there before."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(
        IntegrityFailure, match=r" is refused: .* Nothing was stored\. Copy it again, or write"
    ) as error:
        unpack(store, path)
    assert store.names() == ()
    assert sorted(path.parent.rglob("*")) == before
    return str(error.value)


def test_a_pack_brings_every_encoder_bit_for_bit_and_is_an_ordinary_tar_file(packed, store) -> None:
    origin = WeightStore((packed.parent / "store",))
    assert {card.name for card in unpack(store, packed).stored} == {"ward-nine", "ward-seven"}
    for name in origin.names():
        assert store.card(name) == origin.card(name)
        for file in ("card.json", "weights.safetensors"):
            there, here = (one.folders[0] / name / file for one in (origin, store))
            assert there.read_bytes() == here.read_bytes()
        store.verify(name)
    with tarfile.open(packed) as archive:
        assert archive.getnames() == [
            INDEX,
            "ward-nine/card.json",
            "ward-nine/weights.safetensors",
            "ward-seven/card.json",
            "ward-seven/weights.safetensors",
        ]
        assert {(entry.uname, entry.uid, entry.mtime, entry.mode) for entry in archive} == {("", 0, 0, 0o644)}


def test_the_same_encoders_give_the_same_file(packed, tmp_path) -> None:
    write_pack(WeightStore((packed.parent / "store",)), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()


def test_only_the_named_encoders_are_packed_lifted_names_too(packed, store, tmp_path) -> None:
    origin = WeightStore((packed.parent / "store",))
    write_pack(origin, tmp_path / "one.tar", ["slices-ward-nine", "ward-nine"])
    unpack(store, tmp_path / "one.tar")
    assert store.names() == ("ward-nine",)


def test_what_is_here_byte_for_byte_is_passed_over(packed, store) -> None:
    unpack(store, packed)
    again = unpack(store, packed)
    assert (len(again.stored), len(again.were_here)) == (0, 2)


def test_another_encoder_of_the_same_name_stays_unless_it_is_replaced_on_purpose(packed, store, members) -> None:
    unpack(store, packed)
    card = store.card("ward-nine")
    other = {key: tensor * 2 for key, tensor in store.load("ward-nine").items()}
    mine = store.save(other, card, replace=True)
    shutil.rmtree(store.folders[0] / "ward-seven")
    with pytest.raises(ConfigurationError) as error:
        unpack(store, packed)
    assert str(error.value) == (
        f"Nothing of weights.tar was stored. ward-nine is stored here with the sha256 {mine.sha256}, in the pack with "
        f"{card.sha256}: two different encoders of one name. --replace puts those of the pack in the place of those "
        "here."
    )
    assert store.names() == ("ward-nine",)
    unpack(store, packed, replace=True)
    assert store.verify("ward-nine").sha256 == card.sha256


def test_the_commands_say_what_they_did_and_how_they_end(packed, ask, tmp_path, store) -> None:
    assert "Nothing is stored here that could be packed. Get encoders first" in ask("pack", tmp_path / "a.tar").stderr
    done = ask("unpack", packed)
    assert (done.exit_code, done.stdout.count("ward-")) == (0, 2)
    assert "ward-nine: here already, the same bytes" in ask("unpack", packed).stdout
    done = ask("pack", tmp_path / "a.tar", "ward-nine")
    assert done.exit_code == 0
    assert done.stdout == (
        f"ward-nine: resnet10, sha256 {store.card('ward-nine').sha256}; licence: {store.card('ward-nine').licence}\n"
    )
    done = ask("pack", tmp_path / "a.tar")
    assert done.exit_code == 2
    assert "a.tar exists already. Name another file, or replace it on purpose (--replace)" in done.stderr
    assert ask("pack", tmp_path / "a.tar", "--replace").exit_code == 0
    assert (tmp_path / "a.tar").read_bytes() == packed.read_bytes()
    done = ask("pack", tmp_path / "b.tar", "ward-nine", "ward-nein", "resnet18-imagenet")
    assert done.exit_code == 2
    assert "Not in the store: ward-nein, resnet18-imagenet. Stored are: ward-nine, ward-seven." in done.stderr
    done = ask("pack", tmp_path)
    assert "is a folder; expected the name of a file to write, such as weights.tar" in done.stderr
    done = ask("unpack", tmp_path / "none.tar")
    assert done.exit_code == 2
    assert "none.tar; expected one that medtl weights pack wrote" in done.stderr
    (tmp_path / "b.tar").write_bytes(packed.read_bytes()[:-2000])
    assert ask("unpack", tmp_path / "b.tar").exit_code == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar", "weights"]


def test_damaged_and_lost_weights_are_not_packed(packed, store, tmp_path) -> None:
    unpack(store, packed)
    path = store.path("ward-nine")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityFailure, match=r"is damaged or was exchanged: expected sha256"):
        write_pack(store, tmp_path / "a.tar")
    path.unlink()
    with pytest.raises(IntegrityFailure, match=r"The card of ward-nine is there, but .* is not"):
        write_pack(store, tmp_path / "a.tar")
    assert not list(tmp_path.glob("*.tar*"))
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_leaves_no_pack(packed, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        ResourceExhausted, match=r"^No space left for a.tar: about 39,\d+,\d+ bytes needed. No part of it"
    ):
        write_pack(WeightStore((packed.parent / "store",)), tmp_path / "a.tar")
    assert not list(tmp_path.iterdir())


def test_a_small_disk_is_noticed_before_anything_is_stored(packed, store, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ResourceExhausted, match=r"too small: 39,\d+,\d+ bytes needed, 1,000 free. Nothing was stored"):
        unpack(store, packed)
    assert store.names() == ()


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.0002, 0.3, 0.5001, 0.9999, 0.99999])
def test_a_pack_that_was_cut_off_is_refused_wherever_it_ends(share, packed, store, tmp_path) -> None:
    data = packed.read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: int(len(data) * share)])
    message = refusal(store, tmp_path / "cut.tar")
    assert "it is cut off" in message or (share < 0.0001 and ("no pack of encoders" in message or "empty" in message))


@pytest.mark.parametrize("share", [0.00001, 0.0001, 0.2, 0.6, 0.9])
def test_one_changed_byte_is_found_wherever_it_lies(share, packed, store, tmp_path) -> None:
    data = bytearray(packed.read_bytes())
    data[int(len(data) * share)] ^= 4
    (tmp_path / "changed.tar").write_bytes(data)
    refusal(store, tmp_path / "changed.tar")


def test_files_that_are_no_pack_are_called_by_their_name(packed, store, tmp_path, members) -> None:
    contents = {
        "f.zip": (_zipped(members), "it is no tar archive; expected a file that medtl weights pack wrote"),
        "f.tar.gz": (gzip.compress(packed.read_bytes()[:5000]), "it is packed with gzip; expected a file"),
        "f.html": (b"<!doctype html><p>Log in", "it is a web page (HTML), not a file of weights; expected a file"),
        "f.safetensors": (members["ward-nine/weights.safetensors"][:4000], "it is no tar archive"),
        "f.txt": (b"weights", "it is no pack of encoders"),
        "f.tar": (bytes(4096), "it is empty"),
    }
    for name, (data, words) in contents.items():
        (tmp_path / name).write_bytes(data)
        message = refusal(store, tmp_path / name)
        assert message.startswith(f"{name} is refused: ")
        assert words in message
    assert (
        "it is a tar archive of something else (its first file is thesis.doc); expected medtl-weights.json first"
        in (refusal(store, archive_of(tmp_path / "g.tar", [("thesis.doc", b"x")])))
    )


def _zipped(members: Members) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(INDEX, members[INDEX])
    return stream.getvalue()


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, to
    return entry


HOSTILE = {
    "../../evil": "it holds a path that leads out of it (../../evil); expected ward-nine/card.json",
    "/etc/evil": "it holds a path that leads out of it (/etc/evil)",
    "ward-nine/../../evil": "it holds a path that leads out of it (ward-nine/../../evil)",
    "..\\evil": "it holds a path that leads out of it (..\\evil)",
    "ward-nine/other": "it holds ward-nine/other, which its index does not list there",
    "ward-seven/card.json": "it holds ward-seven/card.json, which its index does not list there",
    INDEX: f"it holds {INDEX} twice; expected ward-nine/card.json",
    "line\nbreak": "it holds line?break, which its index does not list there",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_member_that_does_not_belong_there_is_refused_and_written_nowhere(name, store, members, tmp_path) -> None:
    (tmp_path / "inside").mkdir()
    entries = [(INDEX, members.pop(INDEX)), (name, b"evil"), *members.items()]
    path = archive_of(tmp_path / "inside" / "f.tar", entries)
    assert HOSTILE[name] in refusal(store, path)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("name", ["ward-nine/card.json", "ward-nine/weights.safetensors"])
def test_links_are_refused_even_where_a_file_belongs(kind, name, store, members, tmp_path) -> None:
    entries: Entries = [*members.items()]
    position = [entry[0] for entry in entries].index(name)
    entries[position] = (link(name, "/etc/passwd", kind), b"")
    assert f"it holds a link ({name}); expected {name}" in refusal(store, archive_of(tmp_path / "f.tar", entries))


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE])
def test_what_is_no_file_is_refused(kind, store, members, tmp_path) -> None:
    entries = [(INDEX, members.pop(INDEX)), (link("ward-nine", "", kind), b""), *members.items()]
    assert "it holds something other than files (ward-nine" in refusal(store, archive_of(tmp_path / "f.tar", entries))


def test_extended_headers_that_could_rename_a_file_are_refused(store, members, tmp_path) -> None:
    entries = [(INDEX, members.pop(INDEX)), ("../" * 60 + "evil", b"x"), *members.items()]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        message = refusal(store, archive_of(tmp_path / f"{form}.tar", entries, form=form))
        assert "it holds something other than files" in message or "leads out of it" in message


def test_files_that_follow_the_last_one_are_refused(store, members, tmp_path) -> None:
    path = archive_of(tmp_path / "f.tar", [*members.items(), ("ward-seven/card.json", b"{}")])
    assert "it holds ward-seven/card.json twice; expected its end" in refusal(store, path)
    path = archive_of(tmp_path / "g.tar", [*members.items()])
    path.write_bytes(path.read_bytes() + b"more")
    assert "it goes on after its end" in refusal(store, path)


def test_a_pack_that_tar_wrote_anew_in_the_same_order_is_taken(store, members, tmp_path) -> None:
    assert len(unpack(store, archive_of(tmp_path / "f.tar", [*members.items()])).stored) == 2


def test_sizes_that_the_index_does_not_give_are_refused_unread(store, members, tmp_path) -> None:
    entries = [*members.items()]
    path = archive_of(tmp_path / "f.tar", [(name, data if name == INDEX else data + b" ") for name, data in entries])
    assert "ward-nine/card.json has" in refusal(store, path)
    huge = tarfile.TarInfo("ward-nine/card.json")
    huge.size = 1 << 40
    path.write_bytes(archive_of(tmp_path / "g.tar", entries[:1]).read_bytes()[:-10240].rstrip(b"\0"))
    block = len(members[INDEX]) + 512 + -len(members[INDEX]) % 512
    whole = archive_of(tmp_path / "g.tar", entries).read_bytes()
    path.write_bytes(whole[:block] + huge.tobuf(format=tarfile.GNU_FORMAT) + whole[block + 512 :])
    (tmp_path / "g.tar").unlink()
    assert f"ward-nine/card.json has {1 << 40:,} bytes in it; its index says" in refusal(store, path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"not json", "its index cannot be used (Invalid JSON"),
        (b"[" * 100_000, "its index cannot be used (Invalid JSON"),
        (b"{}", "its index cannot be used (encoders: Field required"),
        (b'{"format": "other", "encoders": []}', "its index cannot be used (format: Input should be 'medtl weights, "),
        (b'{"encoders": []}', "its index cannot be used (encoders: Tuple should have at least 1 item"),
        (b" " * 1_000_001, "its index has 1,000,001 bytes; expected at most 1,000,000"),
    ],
    ids=["text", "deep", "nothing", "another format", "no encoder", "huge"],
)
def test_an_index_that_cannot_be_used_is_refused(index, message, store, members, tmp_path) -> None:
    members[INDEX] = index
    assert message in refusal(store, archive_of(tmp_path / "f.tar", [*members.items()]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../evil"}, "its index cannot be used (encoders.0.name: String should match pattern"),
        ({"name": "ward-seven"}, "it lists ward-seven more than once"),
        ({"weights": {"bytes": 1 << 40, "sha256": "0" * 64}}, "have 1,099,511,627,776 bytes; at most 1,073,741,824"),
        (
            {"card": {"bytes": 1 << 20, "sha256": "0" * 64}},
            "the card of ward-nine has 1,048,576 bytes; at most 100,000",
        ),
        ({"card": {"bytes": 5, "sha256": "0"}}, "encoders.0.card.sha256: String should match pattern"),
        ({"link": "/etc"}, "encoders.0.link: Extra inputs are not permitted"),
    ],
)
def test_an_index_that_lists_the_impossible_is_refused(change, message, store, members, tmp_path) -> None:
    index = json.loads(members[INDEX])
    index["encoders"][0] |= change
    members[INDEX] = json.dumps(index).encode()
    assert message in refusal(store, archive_of(tmp_path / "f.tar", [*members.items()]))


def with_card(members: Members, name: str, **changes: object) -> Members:
    """The members with another card for ward-nine and an index that agrees."""
    card = json.loads(members["ward-nine/card.json"]) | {"name": name} | changes
    kept = {key: data for key, data in members.items() if not key.startswith(("ward-nine", INDEX))}
    weights = members["ward-nine/weights.safetensors"]
    kept |= {f"{name}/card.json": json.dumps(card).encode(), f"{name}/weights.safetensors": weights}
    ordered = dict(sorted(kept.items()))
    return {INDEX: indexed(ordered), **ordered}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "the card of ward-nine is for ward-nine, sha256 000"),
        ({"sha256": None}, "the card of ward-nine is for ward-nine, sha256 None; expected sha256"),
        ({"architecture": "resnet34"}, "the weights of ward-nine are not its resnet34: "),
        ({"architecture": "vgg"}, "the card of ward-nine cannot be read (Value error, architecture is 'vgg'"),
        ({"std": [0.0, 1.0, 1.0]}, "expected numbers above 0); a newer medtl may have written it"),
        ({"new_field": 1}, "Extra inputs are not permitted); a newer medtl may have written it"),
    ],
)
def test_a_card_that_does_not_fit_its_weights_is_refused(changes, message, store, members, tmp_path) -> None:
    members = with_card(members, "ward-nine", **changes)
    assert message in refusal(store, archive_of(tmp_path / "f.tar", [*members.items()]))


def test_a_card_under_another_name_than_the_index_is_refused(store, members, tmp_path) -> None:
    members["ward-nine/card.json"] = members["ward-nine/card.json"].replace(b'"ward-nine"', b'"ward-nein"')
    members[INDEX] = indexed(members)
    assert "the card of ward-nine is for ward-nein" in refusal(
        store, archive_of(tmp_path / "f.tar", [*members.items()])
    )


def test_a_catalogue_name_is_not_given_to_what_the_catalogue_does_not_promise(store, members, tmp_path) -> None:
    known = find_encoder("resnet50-radimagenet")
    forged = with_card(members, "resnet50-radimagenet")
    message = refusal(store, archive_of(tmp_path / "f.tar", [*forged.items()]))
    for words in (
        "resnet50-radimagenet is not what the catalogue promises: architecture is resnet10, expected resnet50",
        "value_range is (0.0, 1.0), expected (-1.0, 1.0)",
        f"imported from a file with sha256 None, expected {known.published_sha256}",
    ):
        assert words in message


@pytest.mark.parametrize("name", ["resnet10", "slices-mine"])
def test_names_that_stand_for_something_else_are_refused(name, store, members, tmp_path) -> None:
    path = archive_of(tmp_path / "f.tar", [*with_card(members, name).items()])
    for replace in (False, True):
        with pytest.raises(ConfigurationError, match=rf"^Nothing of f.tar was stored\. The name {name} stands for "):
            unpack(store, path, replace=replace)
    assert store.names() == ()


@pytest.mark.parametrize("change", [{"conv1.weight": float("nan")}, {"layer1.0.conv1.weight": 0.0}])
def test_weights_that_no_training_gives_are_refused(change, store, members, tmp_path) -> None:
    tensors = load(members["ward-nine/weights.safetensors"])
    for key, value in change.items():
        tensors[key] = torch.full_like(tensors[key], value)
    data = save(tensors)
    members["ward-nine/weights.safetensors"] = data
    path = archive_of(tmp_path / "f.tar", [*with_card(members, "ward-nine", sha256=sha256_of(data)).items()])
    assert "the weights of ward-nine cannot be used: the " in refusal(store, path)


def test_weights_that_are_no_safetensors_file_are_refused(store, members, tmp_path) -> None:
    members["ward-nine/weights.safetensors"] = b"\x80\x04cos\nsystem\n"
    sha256 = sha256_of(members["ward-nine/weights.safetensors"])
    path = archive_of(tmp_path / "f.tar", [*with_card(members, "ward-nine", sha256=sha256).items()])
    assert "the weights of ward-nine are no safetensors file" in refusal(store, path)
