"""Findings on images that are equal, or nearly: under two labels, under two patient numbers, within one patient.

In: a sentence that names them. Out: the finding with the question that a reviewer asks, the same for exact and near
copies, so that both stand in one entry.
"""

from __future__ import annotations

from medtl.findings import Finding


def copies_of_other_label(title: str, *, cases: tuple[str, ...] = ()) -> Finding:
    """Equal images, of which one label has to be wrong."""
    return Finding(
        "copies with different labels",
        title,
        question="Are the labels right, if equal images have different ones?",
        advice="Look at the pairs side by side and correct the wrong label, or leave both out.",
        cases=cases,
    )


def copies_across_patients(title: str, *, cases: tuple[str, ...] = ()) -> Finding:
    """Equal images of patients who may be one person."""
    return Finding(
        "copies across patients",
        title,
        question="Could one patient be in training and in test?",
        advice="Ask the source whether they are the same people. Exact duplicates share a fold already; near ones do "
        "with "
        "--tie-duplicates.",
        cases=cases,
    )


def copies_within_patient(title: str, *, cases: tuple[str, ...] = ()) -> Finding:
    """Equal images of one patient, which weigh no more than one."""
    return Finding(
        "copies within a patient",
        title,
        question="Do repeated images count more than once?",
        advice="Nothing has to be done: the patient is the unit, and the images of a patient are averaged.",
        cases=cases,
    )
