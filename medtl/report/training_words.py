"""How the training went, in words: the probe's choice of C, and what has no curve.

In: finished folds. Out: sentences below the curves.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.report.fold_record import FoldRecord
from medtl.report.numbers import count, joined


def training_sentences(folds: Sequence[FoldRecord]) -> tuple[str, ...]:
    """Sentences on the probe and on absent curves."""
    sentences = []
    if not any(record.history is not None for record in folds):
        sentences.append("No network was trained by epochs, so there are no training curves.")
    probes = [(record.fold, record.probe) for record in folds if record.probe is not None]
    if probes:
        chosen = joined([f"{probe.penalty_inverse:g} (fold {fold})" for fold, probe in probes])
        first = probes[0][1]
        tried = f" from {count(len(first.tried), 'value')} between {min(first.tried):g} and {max(first.tried):g}" if first.tried else ""
        inner = f" by log loss in {count(first.inner_folds, 'inner fold')} of training patients" if first.inner_folds else ""
        sentences.append(f"The frozen probe's C was chosen{tried}{inner}: {chosen}.")
        stuck = [str(fold) for fold, probe in probes if not probe.converged]
        sentences.append(
            f"The probe did not converge in {'fold' if len(stuck) == 1 else 'folds'} {joined(stuck)}."
            if stuck
            else "The probe converged in every fold."
            if len(probes) > 1
            else "The probe converged."
        )
    return tuple(sentences)
