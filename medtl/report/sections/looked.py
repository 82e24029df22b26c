"""Where it looked: the gallery of saliency maps with their checks, and which slices of a volume counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from medtl.report.figures.attention import attention_drawn
from medtl.report.figures.gallery import GalleryRow, colour_bar, gallery, has_viewers, has_volumes
from medtl.report.html.blocks import Block, Figure, Prose, Subheading
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
    def has_viewers(self) -> bool:
        """Whether a case has a viewer of its volume."""
        return has_viewers(self.rows)


def _blocks(view: View) -> Iterator[Block | None]:
    run, fold = view.run, view.fold
    what = "run" if fold is None else "fold"
    if fold is None:
        rows = gallery(run, folds=[record.fold for record in run.folds], judged=view.judged, up="fold_{}/")
    else:
        rows = gallery(run, folds=(fold,), judged=view.judged, viewers=run.study.viewers)
    if not rows:
        no_maps = f"This {what} has no maps: the study did not ask for them, or no network was left to explain."
        yield Prose((no_maps,), kind="")
        return
    checks = checks_blocks(run) if fold is None else fold_checks_blocks(run, fold=fold)
    yield Gallery(rows, has_volumes(rows), checks, run.map_method, colour_bar())
    yield Prose(checks.sentences)
    yield checks.table
    attention = attention_drawn(run, rows) if fold is not None else None
    if attention is not None:
        yield Subheading("Which slices counted")
        yield Figure(attention)


LOOKED = Section("looked", "Where it looked", _blocks)
