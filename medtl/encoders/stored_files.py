"""The files of a stored encoder, read and verified: `weights.safetensors`, `card.json`, `source_features.safetensors`.

The last is there where the card has statistics of the source's features.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from medtl.encoders.card import EncoderCard, SourceFeatures
from medtl.encoders.feature_statistics import ANEW, FeatureStatistics, statistics_in
from medtl.errors import ConfigurationError, IntegrityFailure

WEIGHTS_FILE: Final = "weights.safetensors"
CARD_FILE: Final = "card.json"
ENVIRONMENT_VARIABLE: Final = "MEDTL_WEIGHTS"
STATISTICS_FILE: Final = "source_features.safetensors"


def read_card(folder: Path) -> EncoderCard:
    """The card in the folder of a stored encoder.

    Raises:
        IntegrityFailure: it cannot be read, or is that of another encoder.
    """
    path = folder / CARD_FILE
    try:
        card = EncoderCard.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError, OSError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it is not JSON"
        reason = str(error.strerror) if isinstance(error, OSError) else reason
        raise IntegrityFailure(
            f"The card {path} cannot be read: {reason}. Import the weights again with --replace.", file=str(path)
        ) from error
    if card.name != folder.name or card.sha256 is None:
        raise IntegrityFailure(
            f"The card {path} is for {card.name}, sha256 {card.sha256}; expected one for {folder.name} with a sha256. "
            "Was the folder renamed or the card edited? Import the weights again with --replace."
        )
    return card


def read_statistics(folder: Path, summary: SourceFeatures) -> FeatureStatistics:
    """The statistics in the folder of a stored encoder, as its card's summary vouches for.

    Raises:
        IntegrityFailure: the file is missing, or is not as the card says.
    """
    path = folder / STATISTICS_FILE
    if not path.is_file():
        raise IntegrityFailure(
            f"The card of {folder.name} has statistics of its source, but {path} is not there. {ANEW}", file=str(path)
        )
    return statistics_in(path.read_bytes(), summary, file=str(path))


def text_of_card(card: EncoderCard) -> str:
    """The text of a card's file; without statistics it is that of an earlier medtl, which can read it."""
    without = {"source_features"} if card.source_features is None else None
    values = card.model_dump(mode="json", exclude=without)
    return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def weights_absent(card: EncoderCard, folders: Sequence[Path]) -> ConfigurationError:
    """The error for an encoder of the catalogue whose weights are not in the store."""
    looked = ", ".join(str(folder / card.name) for folder in folders)
    fetch = f"With internet: medtl weights fetch {card.name}. Without" if card.download_url else "To get them"
    return ConfigurationError(
        f"The weights of the encoder {card.name} are not on this machine. Looked for: {looked} "
        f"({ENVIRONMENT_VARIABLE} names other folders). {fetch}: medtl weights pack FILE on a machine that has "
        f"them, medtl weights unpack FILE here; or get the file from {card.source} (licence: {card.licence}), "
        f"then: medtl weights import FILE --as {card.name}",
        encoder=card.name,
        folders=[str(folder) for folder in folders],
    )


def weights_gone(path: Path, card: EncoderCard) -> IntegrityFailure:
    """The error for a card whose weights file is missing."""
    return IntegrityFailure(
        f"The card of {card.name} is there, but {path} is not. Import the weights again: "
        f"medtl weights import FILE --as {card.name} --replace",
        file=str(path),
    )


def refuse_other_sha256(path: Path, card: EncoderCard, *, got: str) -> None:
    """Refuse a weights file whose sha256 is not the card's.

    Raises:
        IntegrityFailure: they differ.
    """
    if got != card.sha256:
        raise IntegrityFailure(
            f"{path} is damaged or was exchanged: expected sha256 {card.sha256}, got {got}. It was not used. "
            f"Import the weights again: medtl weights import FILE --as {card.name} --replace",
            file=str(path),
            expected=card.sha256,
            got=got,
        )
