"""The two files of a stored encoder, `weights.safetensors` and `card.json`: read and verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from medtl.encoders.card import EncoderCard
from medtl.errors import IntegrityFailure

WEIGHTS_FILE: Final = "weights.safetensors"
CARD_FILE: Final = "card.json"


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


def text_of_card(card: EncoderCard) -> str:
    """The text of a card's file."""
    return json.dumps(card.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


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
