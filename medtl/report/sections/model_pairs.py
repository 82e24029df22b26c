"""Pairs of models in words: which may be called better on these patients, and which not.

In: numbers of pairs. Out: tables and sentences by fixed rules; what may be claimed of a pair is decided in `claim`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtl.evaluation import StudyMetrics
from medtl.report.html.numbers import interval, joined, p_value, plain
from medtl.report.html.page import Bounds, Cell, Row, Table, text_cells
from medtl.report.results.claim import NOISY_THRESHOLDS, Claim, Difference, claim_of, numbers_of
from medtl.report.results.compared_models import ComparedModel
from medtl.report.results.judged import differences_of


@dataclass(frozen=True)
class ModelPair:
    """AUROC of `model` minus that of `reference`: `found`.

    `decided` counts patients: all, both right, only the first, only the second.
    """

    model: ComparedModel
    reference: ComparedModel
    found: Difference
    decided: tuple[int, int, int, int] | None = None
    mcnemar: float | None = None
    order_false: float | None = None
    undecided: str | None = None

    @property
    def claim(self) -> Claim:
        """What may be claimed of the pair."""
        return claim_of(self.found, reference=self.reference.name)

    @property
    def is_distinguishable(self) -> bool:
        """Whether one of the two may be called better."""
        return self.claim.side != "none"

    @property
    def simpler(self) -> ComparedModel | None:
        """The simpler of the two by its policy, None where neither is or where it is not known."""
        first, second = self.model.simplicity, self.reference.simplicity
        if first is None or second is None or first == second:
            return None
        return self.model if first < second else self.reference


def pairs_of(models: Sequence[ComparedModel], metrics: StudyMetrics) -> tuple[ModelPair, ...]:
    """Every comparison of the metrics, in its order."""
    by_name = {one.name: one for one in models}
    decided = {} if metrics.appraisal is None else {
        (one.model, one.reference): one.decisions for one in metrics.appraisal.decisions
    }  # fmt: skip
    pairs = []
    for one, found in zip(metrics.comparisons, differences_of(metrics), strict=True):
        decisions = decided.get((one.model, one.reference))
        counts = None
        if decisions is not None and decisions.both is not None:
            counts = (decisions.patients, decisions.both, decisions.only_model or 0, decisions.only_reference or 0)
        pairs.append(
            ModelPair(
                model=by_name[one.model],
                reference=by_name[one.reference],
                found=found,
                decided=counts,
                mcnemar=None if decisions is None else decisions.p_value,
                order_false=None if decisions is None else decisions.order_false,
                undecided=None if decisions is None else decisions.reason,
            )
        )
    return tuple(pairs)


def in_words(pair: ModelPair, *, metric: str) -> str:
    """What a pair shows, with the rule of simplicity where it holds."""
    first, second, found, claim = pair.model.name, pair.reference.name, pair.found, pair.claim
    value = found.difference.value
    if value is None:
        return f"{first} and {second}: the difference is not defined ({found.difference.reason})."
    wins = f", higher in {found.wins} of {found.folds} folds" if found.folds > 1 else ""
    numbers = f"{metric} difference {numbers_of(found)}{wins}"
    if claim.side != "none":
        better = (first, second) if claim.side == "better" else (second, first)
        words = (
            f"{better[0]} ranked these patients better than {better[1]} ({numbers}, {p_value(found.p_value or 0.0)})"
        )
    else:
        words = f"{first} is not distinguishable from {second} ({numbers}): the difference {claim.conclusion}"
        if pair.simpler is not None:
            words += f"; by the rule of simplicity {pair.simpler.name} is enough until more patients say otherwise"
    return " ".join((f"{words}.", *claim.remarks))


def pairs_table(pairs: Sequence[ModelPair], *, metric: str) -> Table:
    """Differences with their intervals and tests."""
    heads = ["Pair", f"{metric} difference", "Higher in", "Over folds, Holm"]
    shared = any(pair.found.folds > 1 for pair in pairs)
    if not shared:
        heads = heads[:2]
    rows, notes = [], []
    for pair in pairs:
        own = pair.found
        found = own.difference
        bounds = interval(found.low, found.high)
        cells = [
            Cell(
                plain(found.value),
                beside=f"({bounds})" if bounds else "",
                bounds=Bounds(found.value, found.low, found.high),
            )
        ]
        if shared:
            adjusted = "–" if own.p_value is None else p_value(own.p_value)
            cells += text_cells((f"{own.wins} of {own.folds} folds", adjusted))
        rows.append(
            Row(
                f"{pair.model.name} - {pair.reference.name}",
                tuple(cells),
                kind="chosen" if pair.is_distinguishable else "",
            )
        )
        if own.difference.low is None:
            notes.append(f"{pair.model.name} - {pair.reference.name}: {own.difference.reason}.")
    note = (
        "DeLong's paired intervals by patient: both models of a pair are judged on the same patients. They are about "
        "these fitted models in other patients, not about training again"
        + (", and are widened for the training patients that folds share." if shared else ".")
    )
    if shared:
        note += (
            " Over folds: t test whose variance is corrected for the training patients that folds share (Nadeau and "
            f"Bengio), after Holm’s correction for {len(pairs)} {'pairs' if len(pairs) > 1 else 'pair'}."
        )
    return Table("Every pair on the same patients", tuple(heads), tuple(rows), (note, *notes), name="pairs")


def decisions_table(pairs: Sequence[ModelPair]) -> Table | None:
    """Who called whom rightly, pair by pair; None where no pair made decisions on the same patients."""
    rows, reasons = [], []
    for pair in pairs:
        name = f"{pair.model.name} - {pair.reference.name}"
        if pair.decided is None or pair.mcnemar is None:
            if pair.undecided:
                reasons.append(f"{name}: not compared, because {pair.undecided}.")
            continue
        false = "as often right" if pair.order_false is None else plain(pair.order_false)
        rows.append(Row(name, text_cells((*(f"{n:,}" for n in pair.decided), p_value(pair.mcnemar), false))))
    if not rows:
        return None
    heads = ("Pair", "Patients", "Both right", "Only the first", "Only the second", "McNemar", "Ranking wrong")
    note = (
        "Decisions at each model’s own thresholds. McNemar: exact test of equal error rates. Ranking wrong: the "
        f"probability that the apparent ranking by accuracy is wrong. Read them with care: {NOISY_THRESHOLDS}."
    )
    return Table("Decisions, pair by pair", heads, tuple(rows), (note, *reasons), name="decision-pairs")


def verdict_sentences(pairs: Sequence[ModelPair], *, metric: str, patients: str, models: int) -> tuple[str, ...]:
    """The finding in at most three sentences: one pair in full, several by their count."""
    if len(pairs) == 1:
        return (f"On {patients} that both models were tested on: {in_words(pairs[0], metric=metric)}",)
    claimed = [pair for pair in pairs if pair.is_distinguishable]
    words = [f"{models} models were compared on {patients} that all of them were tested on."]
    if not claimed:
        words.append(f"None of the {len(pairs)} pairs is distinguishable.")
    else:
        words.append(f"{len(claimed)} of {len(pairs)} pairs {'is' if len(claimed) == 1 else 'are'} distinguishable.")
        better = dict.fromkeys((pair.model if pair.claim.side == "better" else pair.reference).name for pair in claimed)
        words.append(f"Ranked better than at least one other: {joined(tuple(better))}.")
    return tuple(words)
