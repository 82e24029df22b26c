"""Which names an encoder can have: they become folders, and some stand for something else."""

from __future__ import annotations

import re

from medtl.encoders.card import LONGEST_NAME, NAME_PATTERN
from medtl.encoders.catalogue import known_encoders
from medtl.encoders.lifting import split_name
from medtl.errors import ConfigurationError


def is_name(name: str) -> bool:
    """Whether it can be the name of a folder of the store."""
    return len(name) <= LONGEST_NAME and re.fullmatch(NAME_PATTERN[1:-1], name) is not None


def refuse_other_name(name: str) -> None:
    """Refuse what is no name.

    Raises:
        ConfigurationError: it has other characters, or too many.
    """
    if not is_name(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of an encoder: expected lower-case letters and digits, joined by single "
            f"dots, dashes or underscores, at most {LONGEST_NAME} characters, such as resnet18-imagenet."
        )


def refuse_reserved_name(name: str) -> None:
    """Refuse a name that weights cannot have since it stands for something else.

    Raises:
        ConfigurationError: it is that of a derived encoder, or of an architecture without weights.
    """
    lifting, base = split_name(name)
    if lifting is not None:
        raise ConfigurationError(
            f"The name {name} stands for {base or 'an encoder'} taken to volumes by {lifting}; weights need a "
            f"name that begins otherwise, such as my-{name}."
        )
    if name in {card.name for card in known_encoders() if not card.needs_weights}:
        raise ConfigurationError(
            f"The name {name} stands for the untrained architecture; weights need another name, such as my-{name}."
        )
