"""The weight store: encoders on this machine, `<folder>/<name>/weights.safetensors` and `card.json` beside it.

Some have statistics of their source's features in `source_features.safetensors`. The folders are named by
MEDTL_WEIGHTS; they are searched in order and the first one is written to. Files are checked against the card's sha256
whenever they are loaded. Nothing here reaches for a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from medtl import environment
from medtl.encoders.account import Account
from medtl.encoders.card import Architecture, EncoderCard
from medtl.encoders.catalogue import find_encoder, known_encoders, unknown_encoder
from medtl.encoders.encoder_fit import account_of_tensors
from medtl.encoders.encoder_names import is_name, refuse_other_name, refuse_reserved_name
from medtl.encoders.lifting import LIFTINGS, lifted, split_name
from medtl.encoders.stored_files import (
    CARD_FILE,
    ENVIRONMENT_VARIABLE,
    STATISTICS_FILE,
    WEIGHTS_FILE,
    read_card,
    read_statistics,
    refuse_other_sha256,
    text_of_card,
    weights_absent,
    weights_gone,
)
from medtl.encoders.weight_import import ImporterStatements, read_for_import
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import inherit_rights, sha256_of, sha256_of_file, write_atomically
from medtl.locks import exclusive
from medtl.progress import say

if TYPE_CHECKING:
    import torch

    from medtl.encoders.feature_statistics import FeatureStatistics

USUAL_FOLDER: Final = "~/.local/share/medtl/weights"
OWN_LAYOUT: Final = "medtl"


@dataclass(frozen=True)
class WeightStore:
    """Weights on disk, by name. `folders` are searched in order; the first one is written to."""

    folders: tuple[Path, ...]

    @classmethod
    def from_environment(cls) -> Self:
        """The store that MEDTL_WEIGHTS names (several folders are separated as in PATH), or the usual one."""
        named = environment.folders_named(ENVIRONMENT_VARIABLE)
        return cls(named or (Path(USUAL_FOLDER).expanduser().absolute(),))

    def names(self) -> tuple[str, ...]:
        """Every name that is stored, sorted; nothing is opened."""
        found = {card.parent.name for folder in self.folders for card in folder.glob(f"*/{CARD_FILE}")}
        return tuple(sorted(name for name in found if is_name(name)))

    def list(self) -> tuple[EncoderCard, ...]:
        """The cards of everything stored, by name; one that cannot be read is reported and skipped."""
        found = []
        for name in self.names():
            try:
                found.append(self.card(name))
            except IntegrityFailure as error:
                say(f"{error} Other encoders are not affected.")
        return tuple(found)

    def card(self, name: str) -> EncoderCard:
        """The stored card, or the catalogue's for an architecture that needs no weights.

        Needs neither torch nor the weights, so a study calls it before it starts.

        Raises:
            ConfigurationError: an unknown name, with close matches; or absent weights, with where they were looked for.
            IntegrityFailure: the card cannot be read.
        """
        folder = self._folder_of(name)
        if folder is not None:
            return read_card(folder)
        lifting, base = split_name(name)
        if lifting is not None:
            return lifted(self.card(base), lifting)
        if name not in {card.name for card in known_encoders()}:
            raise unknown_encoder(name, also=self.names())
        card = find_encoder(name)
        if card.needs_weights:
            raise weights_absent(card, self.folders)
        return card

    def catalogue(self) -> tuple[tuple[EncoderCard, bool], ...]:
        """Every encoder that can be named, known ones first, and whether it is here or starts from chance.

        An encoder for pictures is followed by what it is for volumes, which is here when it is.
        """
        stored = {card.name: card for card in self.list()}
        own = {**{card.name: card for card in known_encoders()}, **stored}
        listed = []
        for card in own.values():
            family = [card, *(lifted(card, lifting) for lifting in LIFTINGS if card.dimensions == 2)]
            is_here = card.name in stored or not card.needs_weights
            listed += [(member, is_here) for member in family]
        return tuple(listed)

    def own_name(self, name: str) -> str:
        """The name under which the weights lie: `slices-`, `inflated-` and `acs-` use another encoder's."""
        return name if self._folder_of(name) is not None else split_name(name)[1]

    def path(self, name: str) -> Path:
        """The weights file of a stored encoder.

        Raises:
            ConfigurationError: it is unknown, absent, or an architecture without weights.
        """
        card = self.card(name)
        folder = self._folder_of(self.own_name(name))
        if folder is None:
            raise ConfigurationError(
                f"The encoder {card.name} has no weights file: it is an architecture and starts from chance."
            )
        return folder / WEIGHTS_FILE

    def verify(self, name: str) -> EncoderCard:
        """Read each file once and compare its sha256 with the card's; returns the card when they agree.

        Raises:
            IntegrityFailure: a file is missing or has another sha256.
        """
        path, card = self.path(name), self.card(name)
        if not path.is_file():
            raise weights_gone(path, card)
        refuse_other_sha256(path, card, got=sha256_of_file(path))
        self.statistics(name)
        return card

    def statistics(self, name: str) -> FeatureStatistics | None:
        """The statistics of the source's features, None where the card has none.

        Raises:
            IntegrityFailure: their file is missing or has another sha256.
        """
        card, folder = self.card(name), self._folder_of(name)
        return None if folder is None or card.source_features is None else read_statistics(folder, card.source_features)

    def load(self, name: str) -> dict[str, torch.Tensor]:
        """The stored tensors by MONAI's names, the old classifier's among them, as the card's sha256 vouches for.

        The bytes that are hashed are the bytes that are used.

        Raises:
            IntegrityFailure: the file is missing or has another sha256.
        """
        from safetensors.torch import load

        return load(self.read(name))

    def read(self, name: str) -> bytes:
        """The bytes of the weights file, as the card's sha256 vouches for.

        Raises:
            IntegrityFailure: the file is missing or has another sha256.
        """
        path, card = self.path(name), self.card(name)
        if not path.is_file():
            raise weights_gone(path, card)
        data = path.read_bytes()
        refuse_other_sha256(path, card, got=sha256_of(data))
        return data

    def import_file(
        self,
        path: Path,
        name: str,
        *,
        architecture: Architecture | None = None,
        like: str | None = None,
        take: str | None = None,
        trained_on: str | None = None,
        licence: str | None = None,
        source: str | None = None,
        replace: bool = False,
    ) -> EncoderCard:
        """Take a published weights file into the store, every tensor accounted for.

        Args:
            path: a safetensors or PyTorch file with an encoder in a layout of `key_maps`, under any prefix.
            name: a catalogue name, which says what is expected, or a new name together with `like`.
            architecture: refuse the file when it is another network than this.
            like: the known encoder whose pixel range, mean and std the new name shares.
            take: which of several encoders in the file, by (part of) the way to it, such as state_dict_ema.
            trained_on: what the importer says the weights were trained on; pages call it unknown when nobody does.
            licence: overrides what the file, or else the catalogue, states.
            source: overrides what the file, or else the catalogue, states.
            replace: allow an encoder of this name to be replaced.
        """
        self.require_free(name, replace=replace)
        imported = read_for_import(
            path,
            name,
            architecture=architecture,
            like=like,
            take=take,
            statements=ImporterStatements(trained_on, licence, source),
        )
        return self._write(imported.tensors, imported.card, imported.account)

    def save(
        self,
        tensors: Mapping[str, torch.Tensor],
        card: EncoderCard,
        *,
        statistics: FeatureStatistics | None = None,
        replace: bool = False,
    ) -> EncoderCard:
        """Store an encoder of one's own: `Encoder.tensors()` and a card; returns the card with its sha256.

        What the card says of a file that was imported once, or of a source, is dropped: these are other weights.

        Raises:
            ConfigurationError: the tensors are not those of the card's network, or the name is taken.
        """
        self.require_free(card.name, replace=replace)
        account = account_of_tensors(tensors, card=card)
        if not account.complete:
            raise ConfigurationError(
                f"These tensors are not the {card.architecture} of the card {card.name}: {account.complaint()}. "
                "Expected Encoder.tensors() of the encoder that the card describes. Nothing was stored."
            )
        of_the_file = ("original_sha256", "published_sha256", "source_classes", "download_url")
        own = {"layout": OWN_LAYOUT, "source_features": statistics and statistics.summary, **dict.fromkeys(of_the_file)}
        beside = None if statistics is None else statistics.as_bytes()
        return self._write(tensors, card.model_copy(update=own), account, statistics=beside)

    def _write(
        self,
        tensors: Mapping[str, torch.Tensor],
        card: EncoderCard,
        account: Account,
        *,
        statistics: bytes | None = None,
    ) -> EncoderCard:
        from safetensors.torch import save

        data = save(
            {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}, {"format": "pt"}
        )
        stored = EncoderCard.model_validate(
            card.model_dump() | {"sha256": sha256_of(data), "account": account.summary, "needs_weights": True}
        )
        self.put(data, stored, statistics=statistics)
        return stored

    def put(self, data: bytes, card: EncoderCard, *, statistics: bytes | None = None) -> None:
        """Write weights, statistics and their card, whose sha256 they have; whatever had the name is replaced."""
        if card.sha256 != sha256_of(data):
            raise ValueError(f"the weights of {card.name} do not have the sha256 of its card")
        if (card.source_features and card.source_features.sha256) != (statistics and sha256_of(statistics)):
            raise ValueError(f"the statistics of {card.name} do not have the sha256 of its card")
        folder = self.folders[0] / card.name
        inherit_rights(folder, shared=self.folders[0])
        refusal = f"Another process is storing the encoder {card.name}. Wait for it and give the command again."
        with exclusive(
            self.folders[0] / f".{card.name}.lock", refusal=refusal, mode=self.folders[0].stat().st_mode & 0o666
        ):
            write_atomically(folder / WEIGHTS_FILE, data, shared=self.folders[0])
            if statistics is not None:
                write_atomically(folder / STATISTICS_FILE, statistics, shared=self.folders[0])
            write_atomically(folder / CARD_FILE, text_of_card(card), shared=self.folders[0])

    def _folder_of(self, name: str) -> Path | None:
        refuse_other_name(split_name(name)[1])
        return next((folder / name for folder in self.folders if (folder / name / CARD_FILE).is_file()), None)

    def require_free(self, name: str, *, replace: bool = False) -> None:
        """Refuse a name that weights cannot have, or that is taken; called before hours of pretraining.

        Raises:
            ConfigurationError: the name stands for something else, or an encoder of this name is stored.
        """
        folder = self._folder_of(name)
        refuse_reserved_name(name)
        if folder is not None and not replace:
            raise ConfigurationError(
                f"An encoder {name} is stored already in {folder}. Choose another name, or replace it on purpose "
                "(--replace)."
            )
