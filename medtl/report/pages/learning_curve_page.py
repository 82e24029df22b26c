"""The page of a learning curve: how many cases a question needs, as `medtl learning-curve` answers it.

In: a folder with curve.json and curve.csv. Out: curve.html in it with its figures and tables, the same bytes each time;
without torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medtl.files import write_atomically
from medtl.findings import Severity, by_severity
from medtl.record.learning_curve import CURVE, CURVE_CSV, CURVE_PAGE, LearningCurve, ModelCurve, read_learning_curve
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.figures.learning_curve import learning_curve_figure
from medtl.report.findings.verdict import Verdict, VerdictBlock
from medtl.report.html.blocks import Block, Bullets, Figure, Prose
from medtl.report.html.numbers import UNDEFINED, count, in_words, interval, joined, plain
from medtl.report.html.page import Badge, Bounds, Cell, Drawn, Heading, Link, Row, Table
from medtl.report.html.result_folder import claimed, clear, refuse_occupied
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.html.theme import look_of
from medtl.report.pages.figure_files import write_page_files
from medtl.report.pages.fine_tuned_draws import fine_tuned_blocks

VERB = "learning-curve"


def refuse_other_results(out: Path) -> None:
    """Refuse a folder with files that `medtl learning-curve` did not write, before anything is computed."""
    refuse_occupied(out, sign=CURVE, verb=VERB)


def claimed_folder(out: Path) -> Path:
    """The folder for a learning curve, without the figures and tables of an earlier one."""
    folder = claimed(out, sign=CURVE, verb=VERB)
    clear(folder)
    return folder


def write_learning_curve_page(folder: Path) -> Path:
    """Write curve.html from the curve.json of a folder; gives its path."""
    curve = read_learning_curve(folder)
    head = _heading(curve)
    page = Page(
        head=head,
        opening=(VerdictBlock(_verdict(curve), "AUROC"),),
        sections=shown(SECTIONS, curve),
        origin=Origin(f"Written by medtl {head.version} by medtl {VERB}; fingerprint"),
    )
    write_page_files(page, folder)
    write_atomically(folder / CURVE_PAGE, page.as_html())
    return folder / CURVE_PAGE


def _verdict(curve: LearningCurve) -> Verdict:
    first = curve.models[0]
    against = (
        "The bands are about which patients are learnt from. The tested patients stay the same, and with others the "
        "whole curve moves"
    )
    whole = first.whole
    if whole is not None and whole.value is not None and whole.low is not None:
        found = in_words(whole.value, whole.low, whole.high, reason=whole.reason)
        against = f"{against}: with the whole training part {first.phrase} reaches AUROC {found}"
    grave = [one.title for one in by_severity(curve.cohort.findings) if one.severity >= Severity.VALIDITY]
    return Verdict((), (first.needed.sentence, curve.test_sentence), " ".join([*grave[:1], f"{against}."]))


def _heading(curve: LearningCurve) -> Heading:
    return Heading(
        title=f"Learning curve of {curve.study} · medtl",
        kind="Learning curve",
        heading=curve.study,
        question=curve.question or "How many cases does this question need?",
        date="",
        facts=(
            ("Patients", f"{curve.cohort.patients:,}"),
            ("Cases", f"{curve.cohort.cases:,}"),
            ("Folds", f"{curve.folds}"),
            ("Draws of each size", f"{curve.repeats}"),
            ("Encoder", curve.encoder),
            ("Fingerprint", curve.fingerprint),
        ),
        badges=tuple(_badges(curve.cohort)),
        links=(Link(CURVE_CSV, CURVE_CSV), Link(CURVE, CURVE)),
        version=curve.version,
        fingerprint=curve.fingerprint,
        positive=(f"The positive class is {curve.cohort.positive_class}.",)
        if curve.cohort.positive_class is not None
        else (),
    )


def _badges(cohort: StudiedCohort) -> Iterator[Badge]:
    if cohort.is_phantom:
        yield Badge("Phantom data", "The data are phantoms made by a computer; nothing here is about patients.")
    if cohort.limited:
        yield Badge("Limited run", f"Not the whole cohort was studied: {cohort.limited}.")


def _who(curve: LearningCurve) -> Iterator[Block | None]:
    cohort = curve.cohort
    excluded = cohort.files - cohort.cases
    were = "was" if excluded == 1 else "were"
    rest = f"; {excluded:,} of the {cohort.files:,} in the manifest {were} left out:" if excluded else "."
    yield Prose((f"{count(cohort.cases, 'case')} of {count(cohort.patients, 'patient')} were studied{rest}",))
    if curve.left_out:
        yield Bullets(curve.left_out)
    yield Prose(cohort.notes, "note")


def _curve(curve: LearningCurve) -> Iterator[Block | None]:
    first = curve.models[0]
    start, end = first.points[0], first.points[-1]
    finding = (
        f"{first.label}: median AUROC {plain(start.median, digits=2)} with {start.patients} patients a class, "
        f"{plain(end.median, digits=2)} with {end.patients}."
    )
    caption = (
        f"{finding} Dots are medians over {curve.repeats} draws, the coloured band holds 95 % of draws. The dashed "
        f"line is the power law. The dotted line is the wanted AUROC of {curve.reach:g}."
    )
    if first.whole is not None:
        caption += (
            f" Open diamonds are the whole training part with its 95 % interval by patient, drawn at its rarest class "
            f"({count(first.whole.patients, 'patient')})."
        )
    if curve.fine_tuned is not None:
        caption += f" {curve.fine_tuned.label}: a dot for each of its few draws, a line through their medians."
    drawn = learning_curve_figure(curve, name="learning-curve", finding=finding)
    yield Figure(Drawn(drawn, caption, (Link(CURVE_CSV, CURVE_CSV),)))
    yield _table(curve)


def _table(curve: LearningCurve) -> Table:
    models = [one.model for one in curve.models]
    sizes = [point.patients for point in curve.models[0].points]
    heads = ["Model", *(f"{size} a class" for size in sizes)]
    has_whole = curve.models[0].whole is not None
    rows = []
    for one in curve.models:
        cells = [_cell(point.median, point.low, point.high) for point in one.points]
        if one.whole is not None:
            cells.append(_cell(one.whole.value, one.whole.low, one.whole.high))
        rows.append(Row(one.label, tuple(cells), colour=look_of(one.model, models).colour))
    notes = [
        f"Below a size: the median of {curve.repeats} draws, and the band of the middle 95 % of draws. A further draw "
        "of patients lies in it 95 times in 100. It is about who is learnt from; the tested patients stay the same."
    ]
    if has_whole:
        heads.append("Whole part")
        notes.append("Whole part: one fit in each fold, with the 95 % interval by patient that a study gives.")
        reasons = {one.whole.reason for one in curve.models if one.whole is not None and one.whole.reason}
        notes += [f"{reason[0].upper()}{reason[1:]}." for reason in sorted(reasons)]
    return Table("AUROC by patients learnt from", tuple(heads), tuple(rows), tuple(notes), name="learning_curve")


def _cell(value: float | None, low: float | None, high: float | None) -> Cell:
    if value is None:
        return Cell(UNDEFINED)
    return Cell(plain(value, digits=2), beside=interval(low, high, digits=2), bounds=Bounds(value, low, high))


def _needed(curve: LearningCurve) -> Iterator[Block | None]:
    yield Prose(tuple(one.needed.sentence for one in curve.models))
    laws = [one for one in curve.models if one.law is not None]
    if laws:
        rows = tuple(_law_row(one) for one in laws)
        heads = ("Model", "a", "b", "c", "Backtest: medians inside")
        notes = (
            "AUROC(n) = a - b n^-c by least squares to the medians of the drawn sizes. The bands come from drawing the "
            "repeats of each size again and fitting anew: they say how far other draws move the law, and leave out "
            "that other patients would be tested.",
            _backtest_note(laws[0]),
        )
        yield Table("The power law", heads, rows, notes, name="power_law")
    else:
        sizes = len(curve.models[0].points)
        yield Prose((f"No power law was fitted: {sizes} sizes were drawn, and three numbers need at least 4.",), "note")


def _law_row(one: ModelCurve) -> Row:
    law = one.law
    if law is None:
        return Row(one.label, ())
    return Row(
        one.label,
        (
            _cell(law.ceiling, law.ceiling_low, law.ceiling_high),
            Cell(plain(law.scale, digits=2)),
            Cell(plain(law.exponent, digits=2)),
            Cell(f"{law.backtest_covered} of {len(law.backtest_predicted)}"),
        ),
    )


def _backtest_note(one: ModelCurve) -> str:
    law = one.law
    if law is None:
        return ""
    fitted, predicted = ([str(size) for size in sizes] for sizes in (law.backtest_fitted, law.backtest_predicted))
    return (
        f"Backtest: the law was fitted to {joined(fitted)} patients a class alone, and the medians at "
        f"{joined(predicted)} were held against the band that it foretold. With fewer than half of them inside, "
        "no number of patients is given."
    )


def _testing(curve: LearningCurve) -> Iterator[Block | None]:
    yield Prose((curve.test_sentence,))
    yield Prose(
        ("By Hanley and McNeil (Radiology 1982;143:29), at the AUROC of the whole training part, or of the largest "
         "size where that was not fitted, and at these data's share of positive patients.",), "note",
    )  # fmt: skip


def _draws(curve: LearningCurve) -> Iterator[Block | None]:
    counts = zip(curve.cohort.classes, curve.patients_of_class, strict=True)
    yield Bullets(
        (
            f"Of {count(curve.cohort.patients, 'patient')} ({joined([f'{n} {name}' for name, n in counts])}), those "
            "of a "
            f"fold's training part were drawn: {curve.repeats} draws of each size in each of "
            f"{count(curve.folds, 'fold')}, without replacement, as many patients of each class, with all their "
            "images. A patient with images of several classes counts for each.",
            f"Each draw has a seed of its own, named by the study's seed ({curve.seed}), fold, size and repeat; no two "
            "draws of a fold are alike while others are possible. The closer a size comes to the whole training part, "
            "the more the draws overlap, and the narrower the band is for that reason alone.",
            "Every draw was fitted on frozen features, which were computed once, and predicted the fold's test "
            "patients, whom no draw contains. The AUROC of a repeat is pooled over the folds, by patient.",
            "The frozen probe is an L2-penalised logistic regression. Up to 8 patients a class it has a fixed penalty; "
            "above, inner folds of the first draw of each fold and size choose it, and the other draws take it over.",
            "The nearest centroid compares centred features of unit length with each class's mean (SimpleShot). The "
            "nearest neighbours vote by cosine, 5 of them or as many as there are patients a class.",
            "The headline speaks of the frozen probe, whichever model is best on these patients.",
        )
    )


SECTIONS: tuple[Section[LearningCurve], ...] = (
    Section("curve", "The curve", _curve),
    Section("fine-tuned", "Fine-tuned on a few draws", fine_tuned_blocks),
    Section("needed", "How many patients to learn from", _needed),
    Section("testing", "How many patients to test on", _testing),
    Section("who", "Who was studied", _who),
    Section("draws", "How the draws were made", _draws),
)
