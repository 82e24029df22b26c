"""Whether black margins could give the label away: how much of the prepared grid lies within each scan.

A grid that reaches beyond its scan is black there, so a network sees how large the scan was. Crops that were cut around
an organ differ in size with the organ, and then the margin is a shortcut.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import roc_auc_score

from medtl.cohort import Cohort
from medtl.findings import Finding, reassurance

WHOLE = 1.0 - 1e-9


def margin_findings(cohort: Cohort, covered: Mapping[str, float], *, grid: str) -> tuple[Finding, ...]:
    """Findings on the black margins.

    Args:
        cohort: the cases that are studied.
        covered: by case id, the share of the prepared grid that lies within the scan, 0 to 1.
        grid: the grid in words, such as "31 x 40 x 24 mm".
    """
    shares = np.array([covered[case.case_id] for case in cohort.cases])
    reaching = int((shares < WHOLE).sum())
    if not reaching:
        return (
            reassurance(
                "black margins",
                f"The prepared grid of {grid} lies within every scan: no black margin is left that could show how "
                f"large "
                "a scan was.",
            ),
        )
    labels = np.array([case.label for case in cohort.cases])
    by_class = ", ".join(f"{name} {100 * shares[labels == name].mean():.1f} %" for name in cohort.classes)
    note = (
        f"The prepared grid of {grid} reaches beyond {reaching} of {len(shares)} scans and is black there; on average "
        f"a scan covers of it: {by_class}."
    )
    positive = cohort.outcome.positive_class
    if positive is not None:
        area = roc_auc_score(labels == positive, shares)
        note += (
            f" The covered share alone tells {positive} from {cohort.classes[0]} with an AUROC of {area:.2f} "
            "(0.5: not at all): a network may use it. A smaller extent_mm that every scan covers takes it away."
        )
    return (size_finding("black margins", note),)


def size_finding(kind: str, title: str) -> Finding:
    """A finding that the scans differ in size, which a network may see."""
    return Finding(
        kind,
        title,
        question="Does the size of the scan give the label away?",
        advice="Look at the control without scans; choose a grid that lies within every scan, or bring the sizes "
        "together.",
    )
