"""Which maps a page shows, by a fixed rule: the surest of each kind, so that nobody picks the prettiest.

In: a run and one model. Out: rows of pictures with what stands below each. Only out-of-fold cases have maps.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from medtl.errors import IntegrityFailure
from medtl.outcomes import Outcome
from medtl.predictions import PredictionTable
from medtl.record.run import Run
from medtl.record.saliency import PairFiles, SaliencyCase
from medtl.report.figures.volumes import VolumeShown, volume_shown, with_viewer
from medtl.report.html.embedded_picture import Picture, data_uri, picture
from medtl.report.html.numbers import plain
from medtl.report.results.judged import Judged

CASES_PER_ROW = 2
"""Cases in each row of the gallery: pairs of scan and map stay large enough to be read on paper."""


@dataclass(frozen=True)
class Pair:
    """The scan beside its map."""

    scan: Picture
    overlay: Picture


@dataclass(frozen=True)
class GalleryCase:
    """One case in the gallery. `probability` is that of the target class for this image."""

    case_id: str
    fold: int
    truth: str
    decision: str
    target_class: str
    probability: float
    strength: float
    resolution: str
    window: str
    pictures: Pair | VolumeShown

    @property
    def volume(self) -> VolumeShown | None:
        """What is shown of a volume, None for a picture."""
        return self.pictures if isinstance(self.pictures, VolumeShown) else None

    @property
    def pair(self) -> Pair | None:
        """What is shown of a picture, None for a volume."""
        return self.pictures if isinstance(self.pictures, Pair) else None

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
    shown: tuple[GalleryCase, ...]


def gallery(
    run: Run, *, folds: Sequence[int], judged: Judged, up: str = "", viewers: int = 0
) -> tuple[GalleryRow, ...]:
    """Four rows for two classes (right and wrong, positive and negative); two rows for more. Empty without maps.

    Called is what the fold's declared threshold calls the image, and surest what lies furthest from it.
    `up` leads from the page to a fold's folder, with `{}` for the fold. `viewers` volumes get an interactive viewer.
    """
    cases = [case for record in run.folds if record.fold in folds for case in record.saliency]
    spoken = run.chosen_model if any(case.model == run.chosen_model for case in cases) else None
    model = spoken or (cases[0].model if cases else None)
    decided = [
        (case, *_decision(run.predictions, run.outcome, run.classes, judged, case))
        for case in cases
        if case.model == model
    ]
    if not decided:
        return ()
    rows = [
        GalleryRow(
            kind.title,
            kind.explanation,
            _surest([item for item in decided if (item[0].truth, item[1]) in kind.pairs], up=up),
        )
        for kind in run.outcome.decision_kinds()
    ]
    return _with_viewers(rows, at_most=viewers)


def _decision(
    predictions: PredictionTable, outcome: Outcome, classes: tuple[str, ...], judged: Judged, case: SaliencyCase
) -> tuple[str, float]:
    """What one image is called at the declared threshold of its fold, and how sure that is."""
    rows = predictions.rows
    match = rows[(rows["case_id"] == case.case_id) & (rows["fold"] == case.fold) & (rows["model"] == case.model)]
    if match.empty:
        raise IntegrityFailure(
            f"fold_{case.fold}/saliency/saliency.csv maps case {case.case_id}, which predictions.csv does not know. "
            "The files are from different runs; restore them, or run again with --resume.",
            case_id=case.case_id,
        )
    answer = match[list(outcome.columns)].to_numpy(dtype=float)[:1]
    threshold = judged.of(case.model, fold=case.fold).threshold
    called = outcome.decide(answer, threshold)
    return classes[int(called[0])], float(outcome.certainty(answer, threshold)[0])


def _with_viewers(rows: Sequence[GalleryRow], *, at_most: int) -> tuple[GalleryRow, ...]:
    """The first case of each row, right and wrong in turn, then the second: a rule, so that nobody picks."""
    halves = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    in_turn = [row for pair in zip(*halves, strict=True) for row in pair] if len(rows) > 2 else list(rows)
    named = [(index, row.title) for index in range(CASES_PER_ROW) for row in in_turn if index < len(row.shown)]
    chosen = set(named[:at_most])
    return tuple(
        replace(row, shown=tuple(_opened(case) if (index, row.title) in chosen else case for index, case in cases))
        for row in rows
        for cases in [list(enumerate(row.shown))]
    )


def _opened(case: GalleryCase) -> GalleryCase:
    return case if case.volume is None else replace(case, pictures=with_viewer(case.volume, fold=case.fold))


def has_volumes(rows: Sequence[GalleryRow]) -> bool:
    """Whether the gallery shows volumes; a study holds either pictures or volumes."""
    return any(case.volume is not None for row in rows for case in row.shown)


def has_viewers(rows: Sequence[GalleryRow]) -> bool:
    """Whether a case of the gallery has a viewer, so that its page needs the script."""
    return any(case.volume is not None and case.volume.viewer is not None for row in rows for case in row.shown)


def _surest(items: Iterable[tuple[SaliencyCase, str, float]], *, up: str) -> tuple[GalleryCase, ...]:
    ranked = sorted(items, key=lambda item: (-item[2], item[0].case_id, item[0].fold))
    return tuple(_shown(case, decision, up=up) for case, decision, _ in ranked[:CASES_PER_ROW])


def _shown(case: SaliencyCase, decision: str, *, up: str) -> GalleryCase:
    return GalleryCase(
        case_id=case.case_id,
        fold=case.fold,
        truth=case.truth,
        decision=decision,
        target_class=case.target_class,
        probability=case.probability,
        strength=case.strength,
        resolution=case.resolution,
        window=case.window,
        pictures=_pictures(case, up=up),
    )


def _pictures(case: SaliencyCase, *, up: str) -> Pair | VolumeShown:
    if isinstance(case.files, PairFiles):
        scan, overlay = (picture(path, fold=case.fold) for path in (case.files.scan_png, case.files.overlay_png))
        return Pair(scan, overlay)
    return volume_shown(case.files, fold=case.fold, up=up.format(case.fold))


def colour_bar() -> Markup:
    """The colours of the maps from 0 to 1 as a picture, so that it prints like the maps themselves."""
    import numpy as np
    from matplotlib import colormaps
    from PIL import Image

    row = (colormaps["inferno"](np.linspace(0, 1, 256))[None, :, :3] * 255).round().astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, format="PNG")
    return data_uri(stream.getvalue())
