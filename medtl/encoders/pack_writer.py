"""Encoders of the store, packed into one file for a machine without internet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtl.encoders.card import EncoderCard
from medtl.encoders.pack_format import END, INDEX_FILE, PackedEncoder, PackedFile, PackIndex, filling, header
from medtl.encoders.stored_files import CARD_FILE, STATISTICS_FILE, WEIGHTS_FILE, text_of_card, weights_gone
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, ResourceExhausted
from medtl.files import replacing, sha256_of
from medtl.progress import track


def write_pack(
    store: WeightStore, path: Path, names: Sequence[str] = (), *, replace: bool = False
) -> tuple[EncoderCard, ...]:
    """The cards of the encoders that were packed into a file: those named, or all that are stored.

    Every file is held against its card first.

    Raises:
        ConfigurationError: names that are not stored, all at once; nothing is stored; or the file exists.
        IntegrityFailure: a file is not as its card says.
        ResourceExhausted: the disk is full; no file is left.
    """
    own = tuple(dict.fromkeys(store.own_name(name) for name in names)) or store.names()
    _refuse(store, path, own, replace=replace)
    cards = [store.card(name) for name in own]
    texts = [text_of_card(card).encode() for card in cards]
    beside = [_statistics(store, card) for card in cards]
    index = PackIndex(
        encoders=tuple(
            PackedEncoder(
                name=card.name,
                card=PackedFile(bytes=len(text), sha256=sha256_of(text)),
                weights=PackedFile(bytes=_size(store, card), sha256=card.sha256 or ""),
                source_features=None
                if statistics is None
                else PackedFile(bytes=len(statistics), sha256=sha256_of(statistics)),
            )
            for card, text, statistics in zip(cards, texts, beside, strict=True)
        )
    )
    listed = (index.model_dump_json(indent=2, exclude_none=True) + "\n").encode()
    try:
        with replacing(path) as temporary, temporary.open("wb") as stream:
            stream.write(_member(INDEX_FILE, listed))
            packed = zip(cards, texts, beside, strict=True)
            for card, text, statistics in track(packed, what="packing encoders", total=len(cards)):
                stream.write(_member(f"{card.name}/{CARD_FILE}", text))
                stream.write(_member(f"{card.name}/{WEIGHTS_FILE}", store.read(card.name)))
                if statistics is not None:
                    stream.write(_member(f"{card.name}/{STATISTICS_FILE}", statistics))
            stream.write(END)
    except ResourceExhausted as error:
        needed = sum(encoder.weights.bytes for encoder in index.encoders)
        raise ResourceExhausted(
            f"No space left for {path.name}: about {needed:,} bytes needed. No part of it is left. Free some space, or "
            "name fewer encoders."
        ) from error
    return tuple(cards)


def _refuse(store: WeightStore, path: Path, names: Sequence[str], *, replace: bool) -> None:
    if not names:
        raise ConfigurationError(
            "Nothing is stored here that could be packed. Get encoders first: medtl weights fetch NAME, or "
            "medtl weights import FILE --as NAME."
        )
    stored = store.names()
    absent = [name for name in names if name not in stored]
    if absent:
        raise ConfigurationError(
            f"Nothing was packed. Not in the store: {', '.join(absent)}. Stored are: {', '.join(stored) or 'none'}.",
            names=absent,
        )
    if path.is_dir():
        raise ConfigurationError(f"{path.name} is a folder; expected the name of a file to write, such as weights.tar.")
    if path.exists() and not replace:
        raise ConfigurationError(
            f"{path.name} exists already. Name another file, or replace it on purpose (--replace)."
        )


def _statistics(store: WeightStore, card: EncoderCard) -> bytes | None:
    if store.statistics(card.name) is None:
        return None
    return (store.path(card.name).parent / STATISTICS_FILE).read_bytes()


def _size(store: WeightStore, card: EncoderCard) -> int:
    path = store.path(card.name)
    if not path.is_file():
        raise weights_gone(path, card)
    return path.stat().st_size


def _member(name: str, data: bytes) -> bytes:
    return header(name, len(data)) + data + bytes(filling(len(data)))
