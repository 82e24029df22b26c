"""Published weights by name: downloaded, held against the publisher's sha256, and taken into the store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from medtl.close_names import did_you_mean
from medtl.encoders.card import EncoderCard
from medtl.encoders.catalogue import CLOSE_MATCHES, known_encoders
from medtl.encoders.fetch.addresses import mirrored
from medtl.encoders.fetch.download import Patience, download
from medtl.encoders.fetch.partial_file import PartialFile
from medtl.encoders.file_kinds import HEAD_BYTES, other_kind
from medtl.encoders.lifting import split_name
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, DownloadFailed, IntegrityFailure
from medtl.files import inherit_rights, sha256_of_file
from medtl.locks import exclusive
from medtl.progress import say


@dataclass(frozen=True, kw_only=True)
class FetchSettings:
    """How encoders are fetched.

    Args:
        mirror: the beginning of the address of a mirror, in the place of the publisher's host.
        accepts_licence: whether licences for research only were read and accepted.
        replace: fetch what is stored already, too.
        patience: how long a server is waited for.
    """

    mirror: str | None = None
    accepts_licence: bool = False
    replace: bool = False
    patience: Patience = field(default_factory=Patience)


def fetch_each(store: WeightStore, names: Sequence[str], settings: FetchSettings) -> Iterator[EncoderCard]:
    """The cards of the named encoders, each after it was downloaded and stored; what is stored already is passed over.

    Nothing is downloaded before all names are found to be right.

    Raises:
        ConfigurationError: names that cannot be fetched, or licences that were not accepted: all of them at once.
        DownloadFailed: the network does not give a file.
        IntegrityFailure: a file is not the publisher's; it is removed.
    """
    cards = _wanted(names, stored=store.names())
    here = [] if settings.replace else [card for card in cards if card.name in store.names()]
    for card in here:
        say(f"{card.name} is stored already; --replace fetches it again.")
    missing = [card for card in cards if card not in here]
    addresses = {card.name: mirrored(card.download_url or "", settings.mirror) for card in missing}
    _refuse_unaccepted([card for card in missing if card.research_only and not settings.accepts_licence])
    for card in missing:
        yield _fetched(store, card, addresses[card.name], settings)


def _wanted(names: Sequence[str], *, stored: Sequence[str]) -> tuple[EncoderCard, ...]:
    fetchable = {card.name: card for card in known_encoders() if card.download_url is not None}
    own = list(dict.fromkeys(split_name(name)[1] for name in names))
    faults = [_fault_of(name, tuple(fetchable), stored=stored) for name in own if name not in fetchable]
    if faults:
        raise ConfigurationError(
            f"Nothing was fetched. {' '.join(faults)} Those that can be fetched: {', '.join(fetchable)}.",
            faults=tuple(faults),
        )
    return tuple(fetchable[name] for name in own)


def _fault_of(name: str, fetchable: tuple[str, ...], *, stored: Sequence[str]) -> str:
    known = {card.name: card for card in known_encoders()}
    if name in known and known[name].needs_weights:
        return (
            f"{name} is not on Hugging Face, where medtl fetches from: it is at {known[name].source}. Import it with "
            f"medtl weights import FILE --as {name}."
        )
    if name in known:
        return f"{name} needs no file: it starts from chance."
    if name in stored:
        return f"{name} is an encoder of your own, which no publisher has."
    hint = did_you_mean(name, fetchable, before=" (", most=CLOSE_MATCHES)
    return f"{name!r} is not in the catalogue{hint}{')' * bool(hint)}."


def _refuse_unaccepted(cards: Sequence[EncoderCard]) -> None:
    if cards:
        listed = "; ".join(f"{card.name}: {card.licence}, from {card.source}" for card in cards)
        raise ConfigurationError(
            f"Nothing was fetched: the licence allows research only, or no commercial use ({listed}). Read it at the "
            "source; if your use is allowed, give the command again with --accept-licence.",
            names=[card.name for card in cards],
        )


def _fetched(store: WeightStore, card: EncoderCard, url: str, settings: FetchSettings) -> EncoderCard:
    say(f"{card.name}: from {card.source}; licence: {card.licence}.")
    folder = _private_folder(store, card)
    refusal = f"Another process is fetching the encoder {card.name}. Wait for it and give the command again."
    with exclusive(folder / "lock", refusal=refusal):
        partial = PartialFile(folder / PurePosixPath(urlsplit(url).path).name)
        try:
            download(url, partial, what=card.name, patience=settings.patience)
        except DownloadFailed as error:
            raise DownloadFailed(f"{card.name} was not fetched. {error} {_way_out(card)}", encoder=card.name) from error
        try:
            _refuse_other_bytes(card, partial.path)
            source = card.source if settings.mirror is None else f"{card.source}, by way of a mirror"
            stored = store.import_file(partial.path, card.name, source=source, replace=settings.replace)
        except (IntegrityFailure, ConfigurationError):
            shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)
    if not stored.licence.startswith(card.licence):
        say(
            f"{card.name}: the file states another licence than its publisher's page ({card.licence}): "
            f"{stored.licence}. That of the file is on the card. Find out which is right before you use it."
        )
    if card.published_sha256 is None:
        say(
            f"{card.name}: the publisher's sha256 is not known to medtl, so only the tensors' names and shapes and the "
            f"number of classes were checked. The file that came has the sha256 {stored.original_sha256}."
        )
    return stored


def _private_folder(store: WeightStore, card: EncoderCard) -> Path:
    """A folder of this user and this encoder beside the stored ones, which nobody else reads."""
    inherit_rights(store.folders[0], shared=store.folders[0])
    private = store.folders[0] / f".fetch-{os.getuid()}"
    for folder in (private, private / card.name):
        folder.mkdir(mode=0o700, exist_ok=True)
    return private / card.name


def _refuse_other_bytes(card: EncoderCard, path: Path) -> None:
    with path.open("rb") as stream:
        kind = other_kind(stream.read(HEAD_BYTES))
    sha256 = sha256_of_file(path)
    if card.published_sha256 in (None, sha256) and kind is None:
        return
    expected = f"the publisher's file with the sha256 {card.published_sha256}" if card.published_sha256 else "weights"
    raise IntegrityFailure(
        f"What came for {card.name} is not what was expected: expected {expected}, got {path.stat().st_size:,} bytes "
        f"with the sha256 {sha256}{f' ({kind[0]})' if kind else ''}. It was removed and nothing was stored. "
        f"{kind[1] + '. ' if kind else ''}Give the command again; if the same comes again, a proxy or a mirror has "
        "another file.",
        encoder=card.name,
        expected=card.published_sha256,
        got=sha256,
    )


def _way_out(card: EncoderCard) -> str:
    return (
        f"Without internet: on a machine that has it, medtl weights fetch {card.name} and medtl weights pack FILE; "
        f"carry FILE here, then medtl weights unpack FILE. Or download {card.download_url} there, and here give "
        f"medtl weights import FILE --as {card.name}. A mirror is named by --from or MEDTL_WEIGHTS_MIRROR, a proxy by "
        "HTTPS_PROXY."
    )
