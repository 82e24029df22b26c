"""Which maps a page shows, by a fixed rule: the surest of each kind, so that nobody picks the prettiest.

In: a run and one model. Out: rows of pictures with what stands below each. Only out-of-fold cases have maps.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.report.fold_record import SaliencyCase
from medtl.report.numbers import plain
from medtl.report.run_folder import RunFolder

PAIRS_PER_ROW = 2
"""Pairs of scan and map in each row of the gallery: large enough to be read on paper."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
NARROWEST_FRAME, WIDEST_FRAME = 0.7, 1.5
LARGEST_PICTURE_BYTES = 4_000_000
"""A picture of 512 by 512 in colour has less than 0.8 MB; a larger file is not one that the run wrote."""


@dataclass(frozen=True)
class Picture:
    """A picture inside the page: its data URI and its true shape as width to height, spacing respected."""

    uri: Markup
    aspect: float

    @property
    def frame(self) -> float:
        """The black frame's width to height: the picture's own, unless it is a strip."""
        return max(NARROWEST_FRAME, min(WIDEST_FRAME, self.aspect))


@dataclass(frozen=True)
class Shown:
    """One case in the gallery: the scan beside its map. `probability` is that of the target class for this image."""

    case_id: str
    fold: int
    truth: str
    decision: str
    target_class: str
    probability: float
    strength: float
    resolution: str
    window: str
    scan: Picture
    overlay: Picture

    @property
    def probability_text(self) -> str:
        """The probability of the target class with two digits."""
        return plain(self.probability, digits=2)

    @property
    def strength_text(self) -> str:
        """The raw maximum of the map with three significant digits."""
        return f"{self.strength:.3g}"


@dataclass(frozen=True)
class GalleryRow:
    """Cases of one kind, the surest first; empty when no case with a map is of that kind."""

    title: str
    explanation: str
    shown: tuple[Shown, ...]


def gallery(run: RunFolder, *, folds: Sequence[int]) -> tuple[GalleryRow, ...]:
    """Four rows for two classes (right and wrong, positive and negative); two rows for more. Empty without maps."""
    cases = [case for record in run.folds if record.fold in folds for case in record.saliency]
    spoken = run.chosen_model if any(case.model == run.chosen_model for case in cases) else None
    model = spoken or (cases[0].model if cases else None)
    decided = [(case, *_decision(run, case)) for case in cases if case.model == model]
    if not decided:
        return ()
    if len(run.classes) == 2:
        negative, positive = run.classes
        kinds = [
            (f"Confident and right: {positive}", f"Called {positive}, and the reference standard agrees.",
             [item for item in decided if item[0].truth == positive == item[1]]),
            (f"Confident and right: {negative}", f"Called {negative}, and the reference standard agrees.",
             [item for item in decided if item[0].truth == negative == item[1]]),
            (f"Confident and wrong: called {positive}", f"The reference standard says {negative}: false positives.",
             [item for item in decided if item[0].truth == negative and item[1] == positive]),
            (f"Confident and wrong: called {negative}", f"The reference standard says {positive}: false negatives.",
             [item for item in decided if item[0].truth == positive and item[1] == negative]),
        ]  # fmt: skip
    else:
        kinds = [
            ("Confident and right", "The most probable class is the reference standard's.",
             [item for item in decided if item[0].truth == item[1]]),
            ("Confident and wrong", "The most probable class is another than the reference standard's.",
             [item for item in decided if item[0].truth != item[1]]),
        ]  # fmt: skip
    return tuple(GalleryRow(title, explanation, _surest(items)) for title, explanation, items in kinds)


def _decision(run: RunFolder, case: SaliencyCase) -> tuple[str, float]:
    """The most probable class of one image, which its map explains, and that class's probability."""
    rows = run.predictions.rows
    match = rows[(rows["case_id"] == case.case_id) & (rows["fold"] == case.fold) & (rows["model"] == case.model)]
    if match.empty:
        raise IntegrityFailure(
            f"fold_{case.fold}/saliency/saliency.csv maps case {case.case_id}, which predictions.csv does not know. "
            "The files are from different runs; restore them, or run again with --resume.",
            case_id=case.case_id,
        )
    said = {label: float(match[f"p_{label}"].iloc[0]) for label in run.classes}
    called = max(said, key=lambda label: said[label])
    return called, said[called]


def _surest(items: Iterable[tuple[SaliencyCase, str, float]]) -> tuple[Shown, ...]:
    ranked = sorted(items, key=lambda item: (-item[2], item[0].case_id, item[0].fold))
    return tuple(_shown(case, decision) for case, decision, _ in ranked[:PAIRS_PER_ROW])


def _shown(case: SaliencyCase, decision: str) -> Shown:
    return Shown(
        case_id=case.case_id,
        fold=case.fold,
        truth=case.truth,
        decision=decision,
        target_class=case.target_class,
        probability=case.probability,
        strength=case.strength,
        resolution=case.resolution,
        window=case.window,
        scan=picture(case.scan_png, spacing_mm=case.spacing_mm, fold=case.fold),
        overlay=picture(case.overlay_png, spacing_mm=case.spacing_mm, fold=case.fold),
    )


def picture(path: Path, *, spacing_mm: tuple[float, float] | None, fold: int) -> Picture:
    """A PNG as a data URI; a file that is missing, huge or no PNG is refused by its name."""
    name = f"fold_{fold}/saliency/{path.name}"
    if not path.is_file():
        raise ConfigurationError(
            f"{name} is missing: saliency.csv names it. If the run was copied, copy it whole.", file=path.name
        )
    size = path.stat().st_size
    data = path.read_bytes() if size <= LARGEST_PICTURE_BYTES else b""
    if not data.startswith(PNG_SIGNATURE) or len(data) < 24:
        raise IntegrityFailure(
            f"{name} is not a PNG of at most {LARGEST_PICTURE_BYTES:,} bytes ({size:,} bytes): it was changed after "
            "the run wrote it. Restore it, or run again with --resume.",
            file=path.name,
        )
    width, height = struct.unpack(">II", data[16:24])
    row_mm, column_mm = spacing_mm or (1.0, 1.0)
    aspect = (width * column_mm) / max(height * row_mm, 1e-9)
    return Picture(uri=_data_uri(data), aspect=round(aspect, 4))


def colour_bar() -> Markup:
    """The colours of the maps from 0 to 1 as a picture, so that it prints like the maps themselves."""
    import numpy as np
    from matplotlib import colormaps
    from PIL import Image

    row = (colormaps["inferno"](np.linspace(0, 1, 256))[None, :, :3] * 255).round().astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, format="PNG")
    return _data_uri(stream.getvalue())


def _data_uri(data: bytes) -> Markup:
    return Markup("data:image/png;base64,{}").format(base64.b64encode(data).decode("ascii"))
