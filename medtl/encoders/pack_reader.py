"""Encoders out of a file that `pack_writer` wrote: nothing is stored before all of it is found to be whole and sound.

A pack may come from anywhere. Its members are read in the order of its index, one block after another, and go into the
store by the names of their cards; no path of the archive is ever opened, no link followed, nothing executed.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from medtl.encoders.card import EncoderCard
from medtl.encoders.catalogue import find_encoder, known_encoders
from medtl.encoders.encoder_fit import account_of_tensors
from medtl.encoders.feature_statistics import statistics_in
from medtl.encoders.file_kinds import HEAD_BYTES, other_kind
from medtl.encoders.pack_format import (
    BLOCK,
    INDEX_FILE,
    LARGEST_INDEX_BYTES,
    PackedEncoder,
    PackedFile,
    PackIndex,
    filling,
)
from medtl.encoders.stored_files import STATISTICS_FILE
from medtl.encoders.weight_soundness import fault_of
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, IntegrityFailure, ResourceExhausted
from medtl.files import sha256_of
from medtl.progress import track

LINKS: Final = (tarfile.SYMTYPE, tarfile.LNKTYPE)
MOST_AFTER_THE_END: Final = 20 * BLOCK
"""tar programs fill an archive up to a multiple of 20 blocks."""

HOW_FED: Final = (
    "architecture", "dimensions", "lifting", "form", "channels", "value_range", "mean", "std", "input_size_px",
    "standardised",
)  # fmt: skip
"""What a card of a catalogue name has to have as the catalogue says it."""


@dataclass(frozen=True)
class Unpacked:
    """The cards of a pack: those that were stored, and those that were stored here before, byte for byte."""

    stored: tuple[EncoderCard, ...]
    were_here: tuple[EncoderCard, ...]


def unpack(store: WeightStore, path: Path, *, replace: bool = False) -> Unpacked:
    """The encoders of a pack, taken into the store.

    Raises:
        ConfigurationError: no such file, or names that other encoders have here, all at once (without `replace`).
        IntegrityFailure: the file is no pack, cut off, damaged or not what its index says. Nothing was stored.
        ResourceExhausted: the disk is too small.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}; expected one that medtl weights pack wrote.")
    with path.open("rb") as stream:
        pack = _Pack(path.name, stream)
        index = pack.index()
        entries = track(index.encoders, what="checking the pack", total=len(index.encoders))
        cards = [_checked(pack, entry) for entry in entries]
        pack.expect_end()
    here = [card for card in cards if _has_same_weights(store, card) and _adds_nothing(store, card)]
    new = [card for card in cards if card not in here]
    _refuse_taken(store, path, new, replace=replace)
    _refuse_small_disk(store, [entry for entry in index.encoders if entry.name in {card.name for card in new}])
    with path.open("rb") as stream:
        pack = _Pack(path.name, stream)
        if pack.index() != index:
            raise pack.refused("it changed while it was read")
        for card, entry in zip(cards, index.encoders, strict=True):
            data = [pack.member(name, wanted) for name, wanted in entry.files]
            if card in new:
                store.put(data[1], card, statistics=data[2] if len(data) > 2 else None)
    return Unpacked(tuple(new), tuple(here))


def _has_same_weights(store: WeightStore, card: EncoderCard) -> bool:
    return card.name in store.names() and store.card(card.name).sha256 == card.sha256


def _adds_nothing(store: WeightStore, card: EncoderCard) -> bool:
    return card.source_features is None or store.card(card.name).source_features is not None


class _Pack:
    """The archive, read from its beginning to its end."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self.name, self.stream = name, stream
        self.seen = set[str]()

    def refused(self, why: str) -> IntegrityFailure:
        return IntegrityFailure(
            f"{self.name} is refused: {why}. Nothing was stored. Copy it again, or write it anew where it came from: "
            "medtl weights pack FILE.",
            file=self.name,
        )

    def index(self) -> PackIndex:
        """What the archive says that it holds."""
        head = self.stream.read(HEAD_BYTES)
        self.stream.seek(0)
        kind = other_kind(head)
        if kind is not None:
            raise self.refused(f"{kind[0]}; expected a file that medtl weights pack wrote")
        entry = self._header(INDEX_FILE)
        if entry.size > LARGEST_INDEX_BYTES:
            raise self.refused(f"its index has {entry.size:,} bytes; expected at most {LARGEST_INDEX_BYTES:,}")
        try:
            return PackIndex.model_validate_json(self._content(INDEX_FILE, entry.size))
        except ValidationError as error:
            first = error.errors()[0]
            reason = first["msg"].removeprefix("Value error, ")
            where = ".".join(map(str, first["loc"]))
            raise self.refused(f"its index cannot be used ({f'{where}: ' if where else ''}{reason})") from error

    def member(self, name: str, wanted: PackedFile) -> bytes:
        """The next file, which has to be this one, with the index's size and sha256."""
        entry = self._header(name)
        if entry.size != wanted.bytes:
            raise self.refused(f"{name} has {entry.size:,} bytes in it; its index says {wanted.bytes:,}")
        data = self._content(name, entry.size)
        got = sha256_of(data)
        if got != wanted.sha256:
            raise self.refused(f"{name} is damaged or was exchanged: expected sha256 {wanted.sha256}, got {got}")
        return data

    def expect_end(self) -> None:
        """Nothing, if zeros follow and the file ends."""
        rest = self.stream.read(MOST_AFTER_THE_END + 1)
        if len(rest) < 2 * BLOCK:
            raise self.refused("it is cut off right before its end")
        if len(rest) > MOST_AFTER_THE_END or rest.strip(b"\0"):
            block = rest[:BLOCK]
            entry = self._parsed(block) if block.strip(b"\0") else None
            if entry is not None:
                raise self.refused(self._other(entry, "its end"))
            raise self.refused("it goes on after its end")

    def _header(self, expected: str) -> tarfile.TarInfo:
        block = self.stream.read(BLOCK)
        if len(block) < BLOCK:
            raise self.refused(f"it is cut off before {expected}" if self.seen else "it is no pack of encoders")
        if not block.strip(b"\0"):
            raise self.refused(f"it ends before {expected}, which its index lists" if self.seen else "it is empty")
        entry = self._parsed(block)
        if entry is None:
            what = f"something damaged stands where {expected} should" if self.seen else "it is no tar archive"
            raise self.refused(f"{what}; expected a file that medtl weights pack wrote")
        if entry.name != expected or entry.type != tarfile.REGTYPE or entry.size < 0:
            raise self.refused(self._other(entry, expected))
        self.seen.add(entry.name)
        return entry

    @staticmethod
    def _parsed(block: bytes) -> tarfile.TarInfo | None:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
        except tarfile.TarError:
            return None

    def _other(self, entry: tarfile.TarInfo, expected: str) -> str:
        """A sentence on a member that is not the expected one."""
        name = "".join(c if c.isprintable() else "?" for c in entry.name)[:100]
        if entry.type in LINKS:
            return f"it holds a link ({name}); expected {expected}"
        if entry.name.startswith(("/", "\\")) or ".." in entry.name.replace("\\", "/").split("/"):
            return f"it holds a path that leads out of it ({name}); expected {expected}"
        if entry.name in self.seen:
            return f"it holds {name} twice; expected {expected}"
        if entry.type != tarfile.REGTYPE:
            return f"it holds something other than files ({name}); expected {expected}"
        if not self.seen:
            return f"it is a tar archive of something else (its first file is {name}); expected {expected} first"
        return f"it holds {name}, which its index does not list there; expected {expected}"

    def _content(self, name: str, size: int) -> bytes:
        data = self.stream.read(size)
        padding = self.stream.read(filling(size))
        if len(data) < size or len(padding) < filling(size):
            raise self.refused(f"it is cut off in {name}: {len(data):,} of {size:,} bytes are there")
        if padding.strip(b"\0"):
            raise self.refused(f"something stands between {name} and the next file")
        return data


def _checked(pack: _Pack, packed: PackedEncoder) -> EncoderCard:
    """The card of a packed encoder whose weights are whole, sound and those of the card's network."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    text, data, *beside = (pack.member(name, wanted) for name, wanted in packed.files)
    try:
        card = EncoderCard.model_validate_json(text)
    except ValidationError as error:
        raise pack.refused(
            f"the card of {packed.name} cannot be read ({error.errors()[0]['msg']}); a newer medtl may have written it"
        ) from error
    if (card.name, card.sha256) != (packed.name, packed.weights.sha256):
        raise pack.refused(
            f"the card of {packed.name} is for {card.name}, sha256 {card.sha256}; expected sha256 "
            f"{packed.weights.sha256}"
        )
    if (card.source_features is None) != (not beside):
        raise pack.refused(f"the card of {packed.name} and the index differ on whether it has statistics of its source")
    if card.source_features is not None:
        try:
            statistics_in(beside[0], card.source_features, file=f"{card.name}/{STATISTICS_FILE}")
        except IntegrityFailure as error:
            raise pack.refused(f"the statistics of {card.name} cannot be used: {error}") from error
    contradictions = list(_contradictions(card))
    if contradictions:
        raise pack.refused(f"{card.name} is not what the catalogue promises: {'; '.join(contradictions)}")
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise pack.refused(f"the weights of {card.name} are no safetensors file ({error})") from error
    account = account_of_tensors(tensors, card=card)
    if not account.complete:
        raise pack.refused(f"the weights of {card.name} are not its {card.architecture}: {account.complaint()}")
    fault = fault_of(tensors)
    if fault:
        raise pack.refused(f"the weights of {card.name} cannot be used: {fault}")
    return card


def _contradictions(card: EncoderCard) -> Iterator[str]:
    """What a card with a name of the catalogue says otherwise than the catalogue."""
    if card.name not in {known.name for known in known_encoders()}:
        return
    known = find_encoder(card.name)
    for field in HOW_FED:
        expected, got = getattr(known, field), getattr(card, field)
        if expected != got:
            yield f"{field} is {got}, expected {expected}"
    if known.published_sha256 not in (None, card.original_sha256):
        yield f"it was imported from a file with sha256 {card.original_sha256}, expected {known.published_sha256}"


def _refuse_taken(store: WeightStore, path: Path, cards: list[EncoderCard], *, replace: bool) -> None:
    faults = []
    for card in cards:
        try:
            store.require_free(card.name, replace=True)
        except ConfigurationError as error:
            faults.append(str(error))
        else:
            if card.name in store.names() and not _has_same_weights(store, card) and not replace:
                faults.append(
                    f"{card.name} is stored here with the sha256 {store.card(card.name).sha256}, in the pack with "
                    f"{card.sha256}: two different encoders of one name."
                )
    if faults:
        way_out = "" if replace else " --replace puts those of the pack in the place of those here."
        raise ConfigurationError(
            f"Nothing of {path.name} was stored. {' '.join(faults)}{way_out}", faults=tuple(faults)
        )


def _refuse_small_disk(store: WeightStore, entries: list[PackedEncoder]) -> None:
    folder = store.folders[0]
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    needed, free = sum(entry.weights.bytes for entry in entries), shutil.disk_usage(there).free
    if needed > free:
        raise ResourceExhausted(
            f"The disk of the weight store is too small: {needed:,} bytes needed, {free:,} free. Nothing was stored. "
            "Free some space, or name another folder (MEDTL_WEIGHTS)."
        )
