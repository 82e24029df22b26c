"""The tables of the page that compares sources: the ranking, the pairs, the transferability scores, the distances.

In: a comparison as the record keeps it. Out: tables, each a CSV beside the page too.
"""

from __future__ import annotations

from medtl.record.sources import SourceComparison, SourcePair
from medtl.report.figures.sources import by_auroc, colour_of
from medtl.report.html.numbers import UNDEFINED, interval, joined, p_value, percent, plain
from medtl.report.html.page import Bounds, Cell, Row, Table
from medtl.report.results.distance_words import number_of
from medtl.report.results.judged import metric_name
from medtl.report.results.source_words import MILLION, is_distinguishable


def metric_of(found: SourceComparison) -> str:
    """The primary metric as a heading names it."""
    metric = metric_name(found.cohort.classes)
    return metric[0].upper() + metric[1:]


def ranking_table(found: SourceComparison) -> Table:
    """Every candidate with its AUROC, its cost, how often the inner folds choose it, and its source."""
    rows = []
    for one in by_auroc(found):
        own = one.auroc
        chosen = UNDEFINED if one.is_random else f"{found.choice.chosen.count(one.name)} of {found.folds}"
        cells = (
            Cell(plain(own.value, digits=2), interval(own.low, own.high, digits=2),
                 bounds=Bounds(own.value, own.low, own.high)),
            Cell(f"{one.parameters / MILLION:.1f} M"),
            Cell(f"{one.seconds:.3f} s"),
            Cell(chosen),
            Cell(one.trained_on.partition(":")[0], is_text=True),
        )  # fmt: skip
        name = f"{one.name} ({one.architecture})" if one.is_random else one.name
        rows.append(Row(name, cells, colour=colour_of(one)))
    heads = ("Source", metric_of(found), "Parameters", "A case", "Chosen in", "Trained on")
    notes = [
        f"A case: seconds of one forward pass on this machine ({found.device}). Chosen in: folds in which the inner "
        "folds of the training part alone prefer it, by log loss.",
    ]
    licences: dict[str, list[str]] = {}
    for one in found.candidates:
        if not one.is_random:
            licences.setdefault(one.licence, []).append(one.name)
    stated = "; ".join(f"{licence} ({joined(names)})" for licence, names in licences.items())
    notes.append(f"Licences: {stated}.")
    only = [one.name for one in found.candidates if one.is_research_only]
    if only:
        notes.append(f"For research only, by licence: {joined(only)}.")
    reasons = {one.auroc.reason for one in found.candidates if one.auroc.reason}
    notes += [f"{reason[0].upper()}{reason[1:]}." for reason in sorted(reasons)]
    return Table("Sources by AUROC", heads, tuple(rows), tuple(notes), name="sources")


def pairs_table(found: SourceComparison, pairs: list[SourcePair]) -> Table:
    """These pairs with their differences, p values and whether they can be told apart."""
    rows = []
    for pair in pairs:
        tested = UNDEFINED if pair.adjusted is None else p_value(pair.adjusted)
        bounds = interval(pair.low, pair.high)
        cells = (
            Cell(plain(pair.value), f"({bounds})" if bounds else "", bounds=Bounds(pair.value, pair.low, pair.high)),
            Cell(f"{pair.wins} of {pair.folds}"),
            Cell(tested),
            Cell("yes" if is_distinguishable(pair) else "no"),
        )
        rows.append(Row(f"{pair.model} − {pair.reference}", cells))
    heads = ("Pair", f"{metric_of(found)} difference", "Higher in", "p, Holm", "Told apart")
    notes = [
        f"Each source against the one with the highest AUROC, against ImageNet ({found.imagenet or 'not compared'}) "
        f"and against random weights. p values are corrected for all {len(found.pairs)} pairs of "
        f"{len(found.candidates)} rows, since the best was found on the same patients. Intervals are of single pairs.",
    ]
    reasons = {pair.reason.removeprefix("no interval: ") for pair in pairs if pair.reason}
    notes += [f"No interval where {reason}." for reason in sorted(reasons)]
    return Table("Differences between sources", heads, tuple(rows), tuple(notes), name="source_pairs")


def scores_table(found: SourceComparison) -> Table:
    """Every score of every candidate, and its agreement with the probe."""
    ranked = by_auroc(found)
    rows = []
    for one in ranked:
        values = [score.of(one.name).value for score in found.scores]
        cells = [Cell(plain(one.auroc.value, digits=2)), *(Cell(plain(value)) for value in values)]
        rows.append(Row(one.name, tuple(cells), colour=colour_of(one)))
    taus = [Cell(UNDEFINED), *(Cell(plain(score.tau, digits=2)) for score in found.scores)]
    rows.append(Row("Agreement with the probe (weighted tau)", tuple(taus)))
    heads = ("Source", "Probe", *(score.label for score in found.scores))
    notes = [
        "Exploratory: higher promises more. Each is worked out on the training part of each fold alone, and the mean "
        "over folds is shown; scores of networks with other numbers of features are hard to compare. The agreement is "
        "over the sources without random weights, 1 for the same order as the probe, -1 for the reverse.",
        f"{'; '.join(f'{score.label}: {score.paper}' for score in found.scores)}.",
    ]
    missing: dict[str, list[str]] = {}
    for score in found.scores:
        for value in score.values:
            if value.reason:
                missing.setdefault(f"{score.label}, {value.reason}", []).append(value.candidate)
    notes += [f"No {what}: {joined(names)}." for what, names in missing.items()]
    return Table("Transferability scores", heads, tuple(rows), tuple(notes), name="scores")


def distances_table(found: SourceComparison) -> Table:
    """How far the target lies from the source of every candidate whose card knows it."""
    of_candidate = {one.candidate: one for one in found.distances}
    rows = []
    for one in by_auroc(found):
        own = of_candidate.get(one.name)
        if own is None:
            continue
        far = own.found
        if far is None:
            cells = (Cell("not known"), Cell(UNDEFINED), Cell(UNDEFINED), Cell(UNDEFINED), Cell(UNDEFINED))
        else:
            cells = (
                Cell(number_of(far.frechet)),
                Cell(number_of(far.of_draws), f"(up to {number_of(far.largest_of_draws)})"),
                Cell(percent(far.outside, far.cases)),
                Cell(percent(far.held_out_outside, far.held_out_cases) if far.held_out_cases else UNDEFINED),
                Cell(f"{far.source_cases:,}"),
            )
        rows.append(Row(one.name, cells, colour=colour_of(one)))
    heads = ("Source", "Fréchet distance", "Of two samples", "Outside", "Held-out outside", "Source images")
    notes = [
        "Exploratory. Fréchet distance between the features of the images that an encoder was trained on and of these "
        "(Heusel et al., NeurIPS 2017, arXiv 1706.08500), one image of each patient. Chance makes it larger the fewer "
        "images there are. Of two samples: the mean (and the largest) of 20 pairs of Gaussian samples of the source "
        "itself, as large as both sides are. The unit is that of an encoder's features: read each row by itself. A "
        "near source need not be a good one: the probe says how well it serves.",
        "Outside: images whose Mahalanobis distance from the source (covariance shrunk by Ledoit and Wolf 2004) is "
        "above the 95th percentile of the source's own images, each measured from those of other patients; 5 % are "
        "expected of images of the source's kind. Held-out outside: the same of images of the source that the encoder "
        "did not learn from; what is above 5 % there comes from training.",
    ]
    return Table("Distance from the source", heads, tuple(rows), tuple(notes), name="distances")
