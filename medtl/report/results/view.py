"""What the sections of a page look at: a run, its numbers, and one fold or all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medtl.findings import Finding
from medtl.record.run import Run
from medtl.report.results.judged import Judged


@dataclass(frozen=True)
class View:
    """A run and its numbers; `fold` is None for all folds. `titles` are those of the page's sections by anchor.

    `is_study` is false where only a table of predictions is known.
    """

    run: Run
    judged: Judged
    fold: int | None = None
    findings: tuple[Finding, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    is_study: bool = True
