"""Where it looked: the gallery of saliency maps with their checks, and which slices of a volume counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from medtl.report.figures.attention import attention_drawn
from medtl.report.figures.gallery import GalleryRow, colour_bar, gallery, has_viewers, has_volumes
from medtl.report.html.blocks import Block, Figure, Prose, Subheading, folded
from medtl.report.html.section import Section
from medtl.report.results.view import View
from medtl.report.sections.saliency_checks import ChecksBlocks, checks_blocks, fold_checks_blocks


@dataclass(frozen=True)
class Gallery:
    """Rows of cases with their maps; a page with viewers among them needs the script."""

    macro: ClassVar[str] = "gallery"
    rows: tuple[GalleryRow, ...]
    of_volumes: bool
    checks: ChecksBlocks
    method: str
    bar: Markup

    @property
    def has_more(self) -> bool:
        """Whether a kind has more cases than the first, which is in sight."""
        return any(len(row.shown) > 1 for row in self.rows)

    @property
    def scripts(self) -> tuple[str, ...]:
        """What the page has to run: the viewer, where a case has one of its volume."""
        return ("viewer.js",) if has_viewers(self.rows) else ()


def gallery_of(view: View) -> Gallery | None:
    """The gallery of a run or of one fold; None without maps."""
    run, fold = view.run, view.fold
    if fold is None:
        rows = gallery(run, folds=[record.fold for record in run.folds], judged=view.judged, up="fold_{}/")
    else:
        rows = gallery(run, folds=(fold,), judged=view.judged, viewers=run.study.viewers)
    if not rows:
        return None
    checks = checks_blocks(run.saliency_checks) if fold is None else fold_checks_blocks(run.saliency_checks, fold=fold)
    return Gallery(rows, has_volumes(rows), checks, run.map_method, colour_bar())


def _blocks(view: View) -> Iterator[Block | None]:
    run, fold, found = view.run, view.fold, gallery_of(view)
    what = "run" if fold is None else "fold"
    if found is None:
        no_maps = f"This {what} has no maps: the study did not ask for them, or no network was left to explain."
        yield Prose((no_maps,), kind="")
        return
    yield found
    yield Prose(found.checks.sentences)
    yield folded("How the maps were checked", (found.checks.table,))
    attention = attention_drawn(run.chosen_model, run.models, found.rows) if fold is not None else None
    if attention is not None:
        yield Subheading("Which slices counted")
        yield Figure(attention)


LOOKED = Section("looked", "Where it looked", _blocks)
