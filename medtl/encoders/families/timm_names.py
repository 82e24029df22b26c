"""How timm names networks of inverted residual blocks; the families that have such networks share these names."""

from __future__ import annotations

import re
from typing import Final

from medtl.encoders.families.family import Layout


def _as_it_is(inside: str) -> str:
    return inside


BY_TIMM: Final = Layout(
    "timm network of inverted residuals",
    re.compile(r"(?P<prefix>(?:.*\.)?)blocks\.0\.0\.conv_dw\.weight"),
    re.compile(r"conv_stem|bn1|blocks|conv_head|bn2"),
    _as_it_is,
)


def stages(*rows: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    """Five stages, cut where the resolution halves: the stem with the first rows of blocks, and so on to the head."""
    first, *middle, last = [tuple(f"blocks.{row}" for row in together) for together in rows]
    return {
        "stem": ("conv_stem", "bn1", "act1", *first),
        **{f"stage{number}": parts for number, parts in enumerate(middle, start=1)},
        f"stage{len(rows) - 1}": (*last, "conv_head", "bn2", "act2"),
    }
