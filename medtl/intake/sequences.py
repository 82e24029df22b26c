"""Several sequences or views of one patient: t1, t2 and flair are three images of one, and never three patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medtl.errors import ConfigurationError
from medtl.intake.folder_levels import Level
from medtl.intake.name_parts import is_sequence, parts_of
from medtl.intake.offer import Offer, Refusal

OTHER = "other_sequence"


@dataclass(frozen=True)
class Unit:
    """What a file is an image of: its folders and name without those that name its sequence."""

    folders: tuple[str, ...]
    name: str
    sequence: str

    @property
    def whole(self) -> tuple[str, ...]:
        """The parts of the path without its sequence; a file called by its sequence alone is its folder."""
        return (*self.folders, self.name) if self.name else self.folders or (".",)

    @property
    def last(self) -> str:
        """The last part of the path without its sequence."""
        return self.whole[-1]


def units_of(paths: Sequence[str], levels: Sequence[Level]) -> tuple[Unit, ...]:
    """The units of paths without an ending. Where all files are of one sequence, its name stays a part of theirs."""
    named = [level.number - 1 for level in levels if level.kind == "sequence"]
    silent = {level.number - 1 for level in levels if level.kind in ("sequence", "image")}
    units = [_unit(path.split("/"), named, silent) for path in paths]
    if len({unit.sequence for unit in units if unit.sequence}) > 1:
        return tuple(units)
    return tuple(Unit(unit.folders, path.rpartition("/")[2], "") for unit, path in zip(units, paths, strict=True))


def _unit(path: Sequence[str], named: Sequence[int], silent: set[int]) -> Unit:
    *folders, stem = path
    kept = tuple(folder for index, folder in enumerate(folders) if index not in silent)
    words = [folders[index] for index in named if index < len(folders)]
    parts = parts_of(stem)
    own = [part for part in parts if is_sequence(part)]
    rest = [part for part in parts if not is_sequence(part)]
    return Unit(kept, "_".join(rest) if own else stem, "_".join(word.casefold() for word in [*words, *own]))


def with_sequences(
    offers: Sequence[Offer], units: Sequence[Unit], *, wanted: str | None
) -> tuple[tuple[Offer, ...], tuple[Refusal, ...], tuple[str, ...]]:
    """The offers with the covariate `sequence`, the refusals of all but the wanted one, and notes.

    Raises:
        ConfigurationError: no file is of the wanted sequence.
    """
    counts = Counter(unit.sequence for unit in units if unit.sequence)
    if wanted is None:
        labelled = [_with_sequence(offer, unit) for offer, unit in zip(offers, units, strict=True)]
        return tuple(labelled), (), _note(counts)
    if wanted.casefold() not in counts:
        found = ", ".join(f"{name} ({number:,})" for name, number in sorted(counts.items())) or "none"
        raise ConfigurationError(
            f"--sequence {wanted}: no image is called so. Sequences that the names tell of: {found}. "
            "Name one of them, or leave the option out; nothing was written."
        )
    kept, refused = list[Offer](), list[Refusal]()
    for offer, unit in zip(offers, units, strict=True):
        if unit.sequence == wanted.casefold():
            kept.append(_with_sequence(offer, unit))
        else:
            what = unit.sequence or "no sequence that its name tells of"
            refused.append(_refusal(offer, f"It is {what}, not {wanted}."))
    return tuple(kept), tuple(refused), ()


def _with_sequence(offer: Offer, unit: Unit) -> Offer:
    if not unit.sequence:
        return offer
    return replace(offer, covariates={**offer.covariates, "sequence": unit.sequence})


def _refusal(offer: Offer, sentence: str) -> Refusal:
    return Refusal(key=offer.key, patient="", files=offer.files, reason=OTHER, sentence=sentence, origin=offer.origin)


def _note(counts: Counter[str]) -> tuple[str, ...]:
    if not counts:
        return ()
    found = ", ".join(f"{name} ({number:,})" for name, number in sorted(counts.items()))
    return (
        f"The images are of several sequences or views: {found}. A case holds one image, so each is a case of its "
        "patient, with its name in the column sequence. For one case of each patient keep one: --sequence NAME; the "
        "others are then refused by name.",
    )
