"""What lies beside the study page: the model card, the references, and the form for what only the authors can say.

In: a run and its numbers. Out: files in the run folder, the same bytes each time.
"""

from __future__ import annotations

from medtl.files import write_atomically
from medtl.record import run_folder as names
from medtl.report.manuscript.model_card import model_card
from medtl.report.manuscript.references import bibtex, references_of
from medtl.report.manuscript.statements import read_statements, write_form
from medtl.report.results.view import View


def write_supplement(view: View) -> None:
    """Write them; a form that is there already is left as it is."""
    run, folder = view.run, view.run.folder
    card = model_card(run, view.judged, view.findings, read_statements(folder))
    write_form(folder)
    write_atomically(folder / names.REFERENCES, bibtex(references_of(run, view.judged)))
    write_atomically(folder / names.MODEL_CARD, card)
