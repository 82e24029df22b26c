"""What a run can say itself on the items of CLAIM and TRIPOD+AI, each with its place on the study page.

In: a run and its numbers. Out: answers by item number. An answer states what was done and found; where an item asks for
more than a run can know, `still` says what is left for the authors. Which items a run can answer at all is argued in
the guidelines' own terms: what was computed, not why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from medtl.record.run import Run
from medtl.report.manuscript import answers_on_methods as methods
from medtl.report.manuscript import answers_on_results as results
from medtl.report.manuscript.answer import Answer
from medtl.report.manuscript.checklist_items import Guideline
from medtl.report.results.judged import Judged

Teller = Callable[[Run, Judged], Answer | None]


def answers_of(run: Run, judged: Judged) -> Mapping[Guideline, Mapping[str, Answer]]:
    """Every answer that this run can give."""
    found: dict[Guideline, dict[str, Answer]] = {"claim": {}, "tripod_ai": {}}
    for numbers, teller in TELLERS:
        answer = teller(run, judged)
        if answer is None:
            continue
        for section in numbers.split():
            guideline, _, number = section.partition(":")
            found["claim" if guideline == "C" else "tripod_ai"][number] = answer
    return found


TELLERS: tuple[tuple[str, Teller], ...] = (
    ("C:9 T:7", methods.preparation),
    ("C:10", methods.subsets),
    ("C:12 T:11", methods.missing),
    ("C:19 T:12a", methods.assignment),
    ("C:20", methods.disjoint),
    ("C:21 T:10", results.size),
    ("C:22 T:12c T:22", methods.network),
    ("C:23 T:18f", methods.software),
    ("C:24", methods.beginning),
    ("C:25", methods.training),
    ("C:26", methods.selection),
    ("C:27", methods.ensembling),
    ("T:12g", methods.calculated),
    ("C:28 T:12e", methods.measures),
    ("C:29", methods.uncertainty),
    ("C:30", results.robustness),
    ("C:31", methods.explained),
    ("C:32", results.internal),
    ("C:33", results.external),
    ("C:35 T:20a", results.flow),
    ("C:36 T:20b", results.characteristics),
    ("C:37 T:23a", results.performance),
    ("C:38", results.diagnostic),
    ("C:39", results.failures),
    ("C:43", methods.availability),
    ("T:13", results.balance),
    ("T:15", methods.output),
    ("T:20c T:21", results.counts),
    ("T:12d", methods.sites),
    ("T:27a", methods.unreadable),
)
"""Which items each answer serves: C for CLAIM, T for TRIPOD+AI."""
