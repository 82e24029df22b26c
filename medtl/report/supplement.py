"""What lies beside the study page: the model card, the references, and the form for what only the authors can say.

In: a run, its numbers and its last sections. Out: files in the run folder, the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl import run_folder as names
from medtl.files import write_atomically
from medtl.report.concern import Concern
from medtl.report.judged import Judged
from medtl.report.model_card import model_card
from medtl.report.references import bibtex
from medtl.report.review import Review
from medtl.report.run_folder import RunFolder
from medtl.report.statements import Statements, write_form


def write_supplement(
    run: RunFolder, judged: Judged, concerns: Sequence[Concern], statements: Statements, review: Review
) -> None:
    """Write them; a form that is there already is left as it is."""
    write_form(run.folder)
    write_atomically(run.folder / names.REFERENCES, bibtex(review.references))
    write_atomically(run.folder / names.MODEL_CARD, model_card(run, judged, concerns, statements))
