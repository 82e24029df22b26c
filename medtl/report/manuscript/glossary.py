"""The words of a page that a reader from another field may not know, only those that this page uses.

In: a run. Out: a word and a sentence each.
"""

from __future__ import annotations

from medtl.policies import policy_of
from medtl.record.run import Run
from medtl.report.html.theme import look_of

EVIDENCE = "Where in the scan the evidence for a class lies: at each position of the last feature maps, "
METHODS = {
    "HiResCAM": f"{EVIDENCE}activation times the gradient of the class's score, added up over channels.",
    "LayerCAM": f"{EVIDENCE}activation times the positive part of the gradient of the class's score, added up over "
    "channels.",
    "Grad-CAM++": f"{EVIDENCE}activations weighted by the positive gradients of their channels, added up.",
    "EigenCAM": "What dominates the last feature maps: their first principal component. It belongs to no class.",
}
"""What a map shows, by the name of its method (sources: the methods' rooms in explanation)."""


def glossary(run: Run) -> tuple[tuple[str, str], ...]:
    """Words and what they mean, in the order in which a reader meets them."""
    several = len(run.planned_folds) > 1
    rows = [
        (
            run.outcome.primary_metric,
            "How well patients are ranked: the probability that a patient with the condition is given a higher score "
            "than one without. 0.5 is chance, 1 is perfect."
            if run.outcome.positive_class is not None
            else "The mean over the classes of the AUROC of each against the others. 0.5 is chance, 1 is perfect.",
        ),
        (
            "95 % CI",
            "Confidence interval: made so that in 95 of 100 studies like this one it holds the true value. It is about "
            "drawing other patients of the same kind, not about other hospitals.",
        ),
    ]
    if several:
        rows.append(
            ("Out of fold", "Predicted by the model of a fold that had not seen the patient, in training or in tuning.")
        )
    for model in run.models:
        policy = policy_of(model)
        if policy is not None:
            rows.append((look_of(model, run.models).name, f"{policy.methods[0].upper()}{policy.methods[1:]}."))
    rows.append(
        (
            "Reference standard",
            "What the study takes as the truth for a case, as its manifest gives it.",
        )
    )
    if run.controls is not None:
        rows.append(
            (
                "Control",
                "A model that should do no better than chance, such as one trained on exchanged labels or on "
                "thumbnails. Where it does, the labels can be guessed without the finding.",
            )
        )
    if run.seal is not None or run.held_out:
        rows.append(
            (
                "Sealed",
                "Kept away from training, tuning and selection, and opened once the study changes no more. Every "
                "opening is counted.",
            )
        )
    if any(record.saliency for record in run.folds) and run.map_method in METHODS:
        rows.append((run.map_method, METHODS[run.map_method]))
    return tuple(rows)
