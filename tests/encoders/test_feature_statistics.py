"""The statistics of a source on an encoder's card: written, carried, verified; cards without them stay as they were."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from medtl.encoders import EncoderCard, WeightStore, build_encoder, build_untrained, find_encoder
from medtl.encoders.card import SourceFeatures
from medtl.encoders.feature_statistics import FeatureStatistics, feature_statistics, statistics_in
from medtl.encoders.lifting import lifted
from medtl.encoders.pack_reader import unpack
from medtl.encoders.pack_writer import write_pack
from medtl.encoders.stored_files import text_of_card
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import sha256_of
from medtl.training.feature_table import encoder_identity

FILE = "source_features.safetensors"
Stored = Callable[..., EncoderCard]


@pytest.fixture(scope="module")
def statistics() -> FeatureStatistics:
    rows = np.random.default_rng(1).normal(size=(60, 512))
    return feature_statistics(rows, [f"p{number // 2}" for number in range(60)], held_out=rows[:7] + 9.0)


@pytest.fixture(scope="module")
def tensors() -> dict[str, Any]:
    return build_untrained(find_encoder("resnet10"), seed=1).tensors()


@pytest.fixture
def put(tensors: dict[str, Any]) -> Stored:
    """Stores the weights as `knees`, with these statistics."""
    bare = find_encoder("resnet10").model_copy(update={"name": "knees"})
    return lambda store, statistics=None, **how: store.save(tensors, bare, statistics=statistics, **how)


def test_they_are_stored_beside_the_weights_and_read_back(
    store: WeightStore, put: Stored, statistics: FeatureStatistics
) -> None:
    card = put(store, statistics)
    assert card == store.card("knees") == store.verify("knees")
    own = card.source_features
    assert own is not None
    assert (own.cases, own.patients, own.features) == (60, 30, 512)
    assert (own.held_out_cases, own.held_out_outside) == (7, 7)
    beside = store.path("knees").parent / FILE
    written = json.loads((beside.parent / "card.json").read_text())["source_features"]
    assert written["sha256"] == own.sha256 == sha256_of(beside.read_bytes())
    assert beside.stat().st_size < 4 * 512 * 61 + 1000
    read = store.statistics("knees")
    assert read is not None
    np.testing.assert_array_equal(read.mean, statistics.mean)
    np.testing.assert_array_equal(read.axes, statistics.axes)


def test_a_card_without_them_is_as_it_was_and_one_of_an_earlier_medtl_is_read(store: WeightStore, put: Stored) -> None:
    card = put(store)
    path = store.path("knees").parent / "card.json"
    assert "source_features" not in path.read_text()
    assert path.read_text() == text_of_card(card)
    assert (store.card("knees").source_features, store.statistics("knees")) == (None, None)
    assert [one.name for one in path.parent.iterdir()].count(FILE) == 0


def test_weights_that_take_the_name_do_not_take_the_statistics(
    store: WeightStore, put: Stored, statistics: FeatureStatistics
) -> None:
    put(store, statistics)
    assert put(store, replace=True).source_features is None
    assert store.statistics("knees") is None
    assert store.verify("knees").source_features is None
    with pytest.raises(ValueError, match="the statistics of knees do not have the sha256 of its card"):
        store.put(store.read("knees"), store.card("knees"), statistics=b"x")


def test_what_is_derived_from_an_encoder_has_features_of_its_own(
    store: WeightStore, put: Stored, statistics: FeatureStatistics
) -> None:
    put(store, statistics)
    assert lifted(store.card("knees"), "slices").source_features is None
    assert store.statistics("slices-knees") is None
    knees = build_encoder("knees", store=store, seed=1)
    assert knees.card.source_features == statistics.summary
    with_them = encoder_identity(knees)
    knees.card = knees.card.model_copy(update={"source_features": None})
    assert encoder_identity(knees) == with_them


def test_a_lost_or_damaged_file_is_named_with_what_to_do(
    store: WeightStore, put: Stored, statistics: FeatureStatistics
) -> None:
    put(store, statistics)
    beside = store.path("knees").parent / FILE
    beside.write_bytes(beside.read_bytes()[:-1] + b"x")
    anew = "Write it again: medtl weights describe --replace, or medtl pretrain --replace."
    with pytest.raises(IntegrityFailure) as damaged:
        store.verify("knees")
    assert f"{FILE} is damaged or was exchanged: expected sha256 {statistics.summary.sha256}, got" in str(damaged.value)
    assert str(damaged.value).endswith(anew)
    beside.unlink()
    with pytest.raises(IntegrityFailure) as lost:
        store.verify("knees")
    assert "The card of knees has statistics of its source, but" in str(lost.value)
    assert str(lost.value).endswith(f"is not there. {anew}")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"nothing", "f does not hold mean and axes as its card says"),
        (save({"mean": np.zeros(3, np.float32)}), "f does not hold mean and axes as its card says"),
        (
            save({"mean": np.zeros(3, np.float32), "axes": np.zeros((1, 4), np.float32)}),
            "f holds a mean (3,) and axes (1, 4); expected finite numbers of 3 features, as its card says",
        ),
        (
            save({"mean": np.full(3, np.nan, np.float32), "axes": np.zeros((1, 3), np.float32)}),
            "expected finite numbers of 3 features",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(data: bytes, sentence: str) -> None:
    summary = SourceFeatures(cases=40, patients=40, features=3, shrinkage=0.1, limit=1.0, sha256=sha256_of(data))
    with pytest.raises(IntegrityFailure) as error:
        statistics_in(data, summary, file="f")
    assert sentence in str(error.value)


@pytest.mark.parametrize(("images", "patients"), [(39, 39), (80, 9)])
def test_too_few_images_or_patients_have_none(images: int, patients: int) -> None:
    rows = np.random.default_rng(1).normal(size=(images, 4))
    with pytest.raises(ConfigurationError) as error:
        feature_statistics(rows, [f"p{number % patients}" for number in range(images)])
    assert str(error.value) == (
        f"Statistics of a source need at least 40 images of 10 patients; there are {images} of {patients}. Give more "
        "images of the source."
    )


def test_a_pack_carries_them_also_to_where_the_weights_are_already(
    store: WeightStore, put: Stored, statistics: FeatureStatistics, tmp_path: Path
) -> None:
    put(store, statistics)
    write_pack(store, tmp_path / "with.tar")
    empty, bare, own = (WeightStore((tmp_path / name,)) for name in ("empty", "bare", "own"))
    put(bare)
    put(own, statistics)
    for there in (empty, bare):
        unpacked = unpack(there, tmp_path / "with.tar")
        assert [card.name for card in unpacked.stored] == ["knees"]
        assert there.verify("knees") == store.card("knees")
        assert (there.path("knees").parent / FILE).read_bytes() == (store.path("knees").parent / FILE).read_bytes()
    assert [card.name for card in unpack(own, tmp_path / "with.tar").were_here] == ["knees"]


def test_a_pack_without_them_is_as_before_and_takes_none_away(
    store: WeightStore, put: Stored, statistics: FeatureStatistics, tmp_path: Path
) -> None:
    put(store)
    write_pack(store, tmp_path / "without.tar")
    assert b"source_features" not in (tmp_path / "without.tar").read_bytes()[:4096]
    there = WeightStore((tmp_path / "there",))
    put(there, statistics)
    assert [card.name for card in unpack(there, tmp_path / "without.tar").were_here] == ["knees"]
    assert there.statistics("knees") is not None


def swapped(pack: Path, index: dict[str, Any], beside: bytes | None) -> Path:
    """The pack with another index, and other statistics or none."""
    with tarfile.open(pack) as old:
        members = {entry.name: (stream.read() if (stream := old.extractfile(entry)) else b"") for entry in old}
    members["medtl-weights.json"] = json.dumps(index).encode()
    if beside is None:
        members.pop(f"knees/{FILE}")
    else:
        members[f"knees/{FILE}"] = beside
    with tarfile.open(pack, "w", format=tarfile.USTAR_FORMAT) as new:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    return pack


@pytest.mark.parametrize(
    ("beside", "size", "sentence"),
    [
        (None, None, "the card of knees and the index differ on whether it has statistics of its source"),
        (b"nothing", None, f"the statistics of knees cannot be used: knees/{FILE} is damaged or was exchanged"),
        (b"nothing", 200_000_000, "the statistics of knees have 200,000,000 bytes; at most 100,000,000"),
    ],
)
def test_a_pack_whose_statistics_are_not_those_of_the_card_is_refused(
    store: WeightStore, put: Stored, statistics: FeatureStatistics, tmp_path: Path, beside: bytes | None,
    size: int | None, sentence: str,
) -> None:  # fmt: skip
    put(store, statistics)
    write_pack(store, tmp_path / "with.tar")
    with tarfile.open(tmp_path / "with.tar") as archive:
        stream = archive.extractfile("medtl-weights.json")
        assert stream is not None
        index = json.loads(stream.read())
    index["encoders"][0].pop("source_features")
    if beside is not None:
        index["encoders"][0]["source_features"] = {"bytes": size or len(beside), "sha256": sha256_of(beside)}
    there = WeightStore((tmp_path / "there",))
    with pytest.raises(IntegrityFailure) as error:
        unpack(there, swapped(tmp_path / "with.tar", index, beside))
    assert sentence in str(error.value)
    assert there.names() == ()
