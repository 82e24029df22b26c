"""Copies of a collection inside itself.

`chest_xray/train/a.png` or `train (copy)/a.png` beside `train/a.png`, with the same bytes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from medtl.files import sha256_of_file
from medtl.intake.folder_contents import refused_file
from medtl.intake.offer import Refusal

COPY_WORDS = re.compile(
    r"[\s_-]*(?:copy|kopie|copia|copie|backup|bak|old|\(\d+\))(?:[\s_()\d-]|copy|of|von|de)*", re.IGNORECASE
)
"""What computers and people put before or behind the name of a folder that they copy."""

COPY = "The same file lies in this collection once more, under a shorter path; that one is used."


def nested_copies(paths: Sequence[Path], root: Path) -> tuple[Refusal, ...]:
    """A refusal for each file with the bytes of another whose path is the end of its own, or its own without `copy`.

    Equal files elsewhere, such as in two classes or in both parts of a split, are no copies of a folder: `medtl check`
    names them.
    """
    called: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        called[path.name].append(path.relative_to(root))
    copies = [
        copy
        for same in called.values()
        if len(same) > 1
        for copy in same
        if any(_is_below(copy, other) and _are_equal(root / copy, root / other) for other in same)
    ]
    return tuple(refused_file(root / copy, root, reason="copy", sentence=COPY) for copy in sorted(copies))


def copies_note(copies: Sequence[Refusal]) -> tuple[str, ...]:
    """A note on how many copies were refused, if any."""
    if not copies:
        return ()
    return (
        f"The collection holds a copy of itself, or of a part of it: {len(copies):,} files under the same path in "
        "another folder, with the same bytes, were refused as copies.",
    )


def _is_below(copy: Path, other: Path) -> bool:
    if len(copy.parts) == len(other.parts):
        pairs = [(one, same) for one, same in zip(copy.parts, other.parts, strict=True) if one != same]
        return len(pairs) == 1 and _is_called_copy(*pairs[0])
    return len(copy.parts) > len(other.parts) and copy.parts[-len(other.parts) :] == other.parts


def _is_called_copy(name: str, other: str) -> bool:
    """Whether a folder's name is the other's with a word for a copy before or behind it."""
    if name.casefold().startswith(other.casefold()):
        return COPY_WORDS.fullmatch(name[len(other) :]) is not None
    return name.casefold().endswith(other.casefold()) and COPY_WORDS.fullmatch(name[: -len(other)]) is not None


def _are_equal(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and sha256_of_file(one) == sha256_of_file(other)
    except OSError:
        return False
