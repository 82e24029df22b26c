"""How narrow an interval this number of patients can give, in a sentence.

In: an appraisal. Out: a sentence, empty with more than two classes.
"""

from __future__ import annotations

from medtl.evaluation import Appraisal
from medtl.report.html.numbers import count, joined, plain


def precision_sentence(found: Appraisal) -> str:
    """The half-width at typical AUROCs."""
    if not found.precision:
        return ""
    widths = [f"{plain(one.half_width)} at an AUROC of {one.auroc:g}" for one in found.precision]
    one = found.precision[0]
    return (
        f"With {one.positives:,} positive and {count(one.negatives, 'negative patient')}, a 95 % interval of the AUROC "
        f"reaches about {joined(widths)} to each side (Hanley and McNeil). Two models on the same patients can be "
        "compared "
        "more finely, by their paired difference."
    )
