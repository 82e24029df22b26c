"""What lies beside the study page: the model card, the references, and the form for what only the authors can say.

In: a run, its numbers and its last sections. Out: files in the run folder, the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.files import write_atomically
from medtl.findings import Concern
from medtl.record import run_folder as names
from medtl.record.run import Run
from medtl.report.manuscript.model_card import model_card
from medtl.report.manuscript.references import bibtex
from medtl.report.manuscript.review import Review
from medtl.report.manuscript.statements import Statements, write_form
from medtl.report.results.judged import Judged


def write_supplement(
    run: Run, judged: Judged, concerns: Sequence[Concern], statements: Statements, review: Review
) -> None:
    """Write them; a form that is there already is left as it is."""
    write_form(run.folder)
    write_atomically(run.folder / names.REFERENCES, bibtex(review.references))
    write_atomically(run.folder / names.MODEL_CARD, model_card(run, judged, concerns, statements))
