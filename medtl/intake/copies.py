"""Copies of a collection inside itself: `chest_xray/train/a.png` beside `train/a.png`, with the same bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from medtl.files import sha256_of_file
from medtl.intake.finding import refused_file
from medtl.intake.offer import Refusal

COPY = (
    "The same file lies in this collection once more, under the same path with fewer folders above; that one is used."
)


def nested_copies(paths: Sequence[Path], root: Path) -> tuple[Refusal, ...]:
    """A refusal for each file whose path ends as another's whole path does, and whose bytes are the same.

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
    """How many there are."""
    if not copies:
        return ()
    return (
        f"The collection holds a copy of itself, or of a part of it: {len(copies):,} files under the same path in a "
        "further folder, with the same bytes, were refused as copies.",
    )


def _is_below(copy: Path, other: Path) -> bool:
    return len(copy.parts) > len(other.parts) and copy.parts[-len(other.parts) :] == other.parts


def _are_equal(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and sha256_of_file(one) == sha256_of_file(other)
    except OSError:
        return False
