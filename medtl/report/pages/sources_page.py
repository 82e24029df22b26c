"""The page of a comparison of sources: which pretrained encoder to take, as `medtl sources` answers it.

In: a folder with sources.json. Out: sources.html in it with its figures and tables, the same bytes each time; without
torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medtl.files import write_atomically
from medtl.findings import Severity, by_severity
from medtl.record.run_folder import PREDICTIONS
from medtl.record.sources import SOURCES, SOURCES_CSV, SOURCES_PAGE, SourceComparison, SourcePair, read_sources
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.figures.differences import PairPoint, differences_figure
from medtl.report.figures.sources import by_auroc, colour_of, sources_figure
from medtl.report.findings.verdict import Headline, Verdict, VerdictBlock
from medtl.report.html.blocks import Block, Bullets, Figure, Prose
from medtl.report.html.numbers import count, duration, interval, joined, plain
from medtl.report.html.page import Badge, Drawn, Heading, Link
from medtl.report.html.result_folder import claimed, clear, refuse_occupied
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.pages.figure_files import write_page_files
from medtl.report.pages.source_cases import disagreement_blocks
from medtl.report.pages.source_tables import distances_table, metric_of, pairs_table, ranking_table, scores_table
from medtl.report.results.distance_words import distance_sentences
from medtl.report.results.source_words import (
    agreement_sentence,
    choice_sentence,
    harm_sentences,
    helps_sentence,
    is_distinguishable,
    pair_of,
    radimagenet_sentences,
    ranking_sentence,
    sources_of,
    standing_of,
    too_high,
)

VERB = "sources"
LONGEST_NAME = 28
"""Letters of a source in the figure of pairs."""


def refuse_other_results(out: Path) -> None:
    """Refuse a folder with files that `medtl sources` did not write, before anything is computed."""
    refuse_occupied(out, sign=SOURCES, verb=VERB)


def claimed_folder(out: Path) -> Path:
    """The folder for a comparison, without the figures and tables of an earlier one."""
    folder = claimed(out, sign=SOURCES, verb=VERB)
    clear(folder)
    return folder


def write_sources_page(folder: Path) -> Path:
    """Write sources.html from the sources.json of a folder; gives its path."""
    found = read_sources(folder)
    head = _heading(found)
    page = Page(
        head=head,
        opening=(VerdictBlock(_verdict(found), metric_of(found)),),
        sections=shown(sections_of(folder), found),
        origin=Origin(f"Written by medtl {head.version} by medtl {VERB}; fingerprint"),
    )
    write_page_files(page, folder)
    write_atomically(folder / SOURCES_PAGE, page.as_html())
    return folder / SOURCES_PAGE


def _verdict(found: SourceComparison) -> Verdict:
    standing = standing_of(found)
    shown_first = dict.fromkeys((standing.advised.name, standing.best.name, standing.random.name))
    headlines = []
    for name in shown_first:
        one = found.of(name)
        bounds = interval(one.auroc.low, one.auroc.high)
        reason = (one.auroc.reason or "").removeprefix("no interval: ")
        interval_words = f"95 % CI {bounds}" if bounds else f"no interval: {reason}"
        headlines.append(Headline(name, colour_of(one), plain(one.auroc.value), interval_words))
    sentences = [ranking_sentence(found), helps_sentence(found), *harm_sentences(found)]
    if len(sources_of(found)) > 1:
        sentences.append(choice_sentence(found))
    grave = [one.title for one in by_severity(found.cohort.findings) if one.severity >= Severity.VALIDITY]
    return Verdict(tuple(headlines), tuple(sentences), " ".join([*grave[:1], f"{too_high(found)}."]))


def _heading(found: SourceComparison) -> Heading:
    cohort = found.cohort
    return Heading(
        title=f"Sources for {found.study} · medtl",
        kind="Comparison of sources",
        heading=found.study,
        question=found.question or "Which pretrained encoder serves this question?",
        date="",
        facts=(
            ("Patients", f"{cohort.patients:,}"),
            ("Cases", f"{cohort.cases:,}"),
            ("Folds", f"{found.folds}"),
            ("Sources", f"{len(sources_of(found))}"),
            ("Fingerprint", found.fingerprint),
        ),
        badges=tuple(_badges(cohort)),
        links=tuple(Link(name, name) for name in (SOURCES_CSV, PREDICTIONS, SOURCES)),
        version=found.version,
        fingerprint=found.fingerprint,
        positive=(f"The positive class is {cohort.positive_class}.",) if cohort.positive_class is not None else (),
    )


def _badges(cohort: StudiedCohort) -> Iterator[Badge]:
    if cohort.is_phantom:
        yield Badge("Phantom data", "The data are phantoms made by a computer; nothing here is about patients.")
    if cohort.limited:
        yield Badge("Limited run", f"Not the whole cohort was studied: {cohort.limited}.")


def _ranking(found: SourceComparison) -> Iterator[Block | None]:
    ranked = by_auroc(found)
    numbers = [f"{one.name} {plain(one.auroc.value, digits=2)}" for one in ranked]
    finding = f"{metric_of(found)}: {joined(numbers)}."
    caption = (
        "The frozen probe of each source on the same folds, with 95 % intervals by patient; the ticks below are single "
        "folds, the dotted line is chance. Overlapping intervals say little about a difference: see the pairs below."
    )
    drawing = sources_figure(found, metric=metric_of(found), name="sources", finding=finding)
    yield Figure(Drawn(drawing, caption, (Link(SOURCES_CSV, SOURCES_CSV),)))
    yield ranking_table(found)
    yield Prose(radimagenet_sentences(found), "notice") if radimagenet_sentences(found) else None
    if found.left_out_candidates:
        yield Prose(("Not compared:",), "note")
        yield Bullets(found.left_out_candidates)


def _pairs(found: SourceComparison) -> Iterator[Block | None]:
    pairs = _pairs_shown(found)
    distinguished = [pair for pair in pairs if is_distinguishable(pair)]
    finding = f"{len(distinguished)} of {count(len(pairs), 'pair')} can be told apart after correction."
    points = [
        PairPoint(pair.model, pair.reference, pair.value, pair.low, pair.high, is_distinguishable(pair))
        for pair in pairs
    ]
    drawing = differences_figure(
        points, metric=metric_of(found), name="differences", finding=finding, longest=LONGEST_NAME
    )
    caption = (
        "Differences on the same patients with DeLong's paired 95 % intervals. Filled: told apart after Holm's "
        "correction; open: not."
    )
    yield Figure(Drawn(drawing, caption, (Link(PREDICTIONS, PREDICTIONS),)))
    yield pairs_table(found, pairs)


def _pairs_shown(found: SourceComparison) -> list[SourcePair]:
    """Each with the best, each with ImageNet, each with random weights; every pair once."""
    standing = standing_of(found)
    references = [standing.best.name, *([found.imagenet] if found.imagenet else []), standing.random.name]
    pairs = [
        pair_of(found, reference, one.name)
        for reference in references
        for one in by_auroc(found)
        if one.name != reference
    ]
    return list({frozenset((pair.model, pair.reference)): pair for pair in pairs}.values())


def _choosing(found: SourceComparison) -> Iterator[Block | None]:
    if len(sources_of(found)) < 2:
        return
    yield Prose(
        (
            f"{choice_sentence(found)} No test patient had a part in this choice, so this number may be reported; the "
            "AUROC of whichever source came first above may not. A study chooses in this way by itself with "
            "selection: {encoders: [...]}.",
        )
    )


def _scores(found: SourceComparison) -> Iterator[Block | None]:
    if not found.scores:
        return
    yield Prose((agreement_sentence(found),))
    yield scores_table(found)
    if found.distances:
        yield Prose(distance_sentences(found))
        yield distances_table(found) if any(one.found for one in found.distances) else None


def _who(found: SourceComparison) -> Iterator[Block | None]:
    cohort = found.cohort
    excluded = cohort.files - cohort.cases
    were = "was" if excluded == 1 else "were"
    rest = f"; {excluded:,} of the {cohort.files:,} in the manifest {were} left out:" if excluded else "."
    yield Prose((f"{count(cohort.cases, 'case')} of {count(cohort.patients, 'patient')} were studied{rest}",))
    if found.left_out:
        yield Bullets(found.left_out)
    yield Prose(cohort.notes, "note")


def _methods(found: SourceComparison) -> Iterator[Block | None]:
    several = " (those of the first repeat)" if found.repeats > 1 else ""
    seconds = sum(one.seconds for one in found.candidates) * found.cohort.cases
    yield Bullets(
        (
            f"Every source saw each scan once, frozen ({len(found.candidates)} forward passes a scan, about "
            f"{duration(seconds)} in all). On its features an L2-penalised logistic regression was fitted in each of "
            f"{count(found.folds, 'fold')}{several}, its penalty chosen in inner folds by patient, and predicted the "
            "fold's test patients. Probabilities of a patient's images were averaged.",
            "Random weights have the network and the normalisation of the source named beside them, with weights drawn "
            f"from the study's seed ({found.seed}).",
            "Intervals are DeLong's by patient, for these fitted probes; those of differences are widened for the "
            "training patients that folds share.",
            "A source is called better than another only after Holm's correction for all pairs; everything else cannot "
            "be told apart on these patients, which does not mean that it is equal.",
            "Frozen features say little of fine-tuning with many patients, in which sources come closer to each other.",
        )
    )


def sections_of(folder: Path) -> tuple[Section[SourceComparison], ...]:
    """The sections of the page; the pictures lie in the folder."""
    disputed = Section[SourceComparison](
        "disputed", "Where two sources disagree", lambda found: disagreement_blocks(found.disagreement, folder)
    )
    return (*SECTIONS[:3], disputed, *SECTIONS[3:])


SECTIONS: tuple[Section[SourceComparison], ...] = (
    Section("ranking", "Which source", _ranking),
    Section("pairs", "Can they be told apart", _pairs),
    Section("choosing", "If you choose among them", _choosing),
    Section("scores", "Exploratory: scores without a probe", _scores),
    Section("who", "Who was studied", _who),
    Section("methods", "How they were compared", _methods),
)
