"""Pairs of models in words: which are distinguishable on these patients, and which are not.

In: numbers of pairs. Out: tables and sentences by fixed rules. Distinguishable means that the pooled interval of the
difference leaves out zero and, where the folds are shared, that the test over folds agrees after Holm's correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtl.evaluation import StudyMetrics
from medtl.report.compared_models import ComparedModel
from medtl.report.numbers import interval, joined, p_value, plain
from medtl.report.page import Cell, Row, Table, text_cells
from medtl.report.verdict import DOUBTFUL_P


@dataclass(frozen=True)
class Pair:
    """AUROC of `model` minus that of `reference`; `wins` of `folds` are None where the folds are not shared."""

    model: ComparedModel
    reference: ComparedModel
    value: float | None
    low: float | None
    high: float | None
    reason: str | None
    wins: int
    folds: int
    adjusted: float | None
    decided: tuple[int, int, int, int] | None
    mcnemar: float | None
    order_false: float | None
    undecided: str | None

    @property
    def is_apart(self) -> bool:
        """Whether the two are distinguishable."""
        if self.low is None or self.high is None or self.low <= 0.0 <= self.high:
            return False
        return self.adjusted is None or self.adjusted <= DOUBTFUL_P

    @property
    def simpler(self) -> ComparedModel | None:
        """The simpler of the two by its policy, None where neither is or where it is not known."""
        first, second = self.model.simplicity, self.reference.simplicity
        if first is None or second is None or first == second:
            return None
        return self.model if first < second else self.reference


def pairs_of(models: Sequence[ComparedModel], metrics: StudyMetrics) -> tuple[Pair, ...]:
    """Every comparison of the metrics, in its order."""
    by_name = {one.name: one for one in models}
    decided = {} if metrics.appraisal is None else {
        (one.model, one.reference): one.decisions for one in metrics.appraisal.decisions
    }  # fmt: skip
    found = []
    for one in metrics.comparisons:
        decisions = decided.get((one.model, one.reference))
        counts = None
        if decisions is not None and decisions.both is not None:
            counts = (decisions.patients, decisions.both, decisions.only_model or 0, decisions.only_reference or 0)
        found.append(
            Pair(
                model=by_name[one.model],
                reference=by_name[one.reference],
                value=one.difference.value,
                low=one.difference.low,
                high=one.difference.high,
                reason=one.difference.reason,
                wins=one.over_folds.wins,
                folds=one.over_folds.folds,
                adjusted=one.adjusted,
                decided=counts,
                mcnemar=None if decisions is None else decisions.p_value,
                order_false=None if decisions is None else decisions.order_false,
                undecided=None if decisions is None else decisions.reason,
            )
        )
    return tuple(found)


def in_words(pair: Pair, *, metric: str) -> str:
    """What a pair shows, with the rule of simplicity where it holds."""
    first, second = pair.model.name, pair.reference.name
    if pair.value is None:
        return f"{first} and {second}: the difference is not defined ({pair.reason})."
    bounds = f"{metric} difference {plain(pair.value)}"
    bounds += f", 95 % CI {interval(pair.low, pair.high)}" if pair.low is not None else ""
    if pair.folds > 1:
        bounds += f", higher in {pair.wins} of {pair.folds} folds"
        bounds += "" if pair.adjusted is None else f", {p_value(pair.adjusted)} over the folds"
    if pair.low is None:
        return f"{first} and {second}: {bounds}; without an interval nothing can be said."
    if pair.is_apart:
        better = (first, second) if pair.value > 0 else (second, first)
        return f"{better[0]} ranked these patients better than {better[1]} ({bounds})."
    told = f"{first} is not distinguishable from {second} ({bounds})"
    if pair.low > 0.0 or (pair.high is not None and pair.high < 0.0):
        told += "; the pooled interval leaves out zero, the test over the folds does not confirm it"
    if pair.simpler is not None:
        told += f"; by the rule of simplicity {pair.simpler.name} is enough until more patients say otherwise"
    return f"{told}."


def pairs_table(pairs: Sequence[Pair], *, metric: str) -> Table:
    """Differences with their intervals and tests."""
    heads = ["Pair", f"{metric} difference", "Higher in", "Over folds, Holm"]
    shared = any(pair.folds > 1 for pair in pairs)
    if not shared:
        heads = heads[:2]
    rows, notes = [], []
    for pair in pairs:
        bounds = interval(pair.low, pair.high)
        cells = [Cell(plain(pair.value), beside=f"({bounds})" if bounds else "")]
        if shared:
            adjusted = "–" if pair.adjusted is None else p_value(pair.adjusted)
            cells += text_cells((f"{pair.wins} of {pair.folds} folds", adjusted))
        rows.append(
            Row(f"{pair.model.name} - {pair.reference.name}", tuple(cells), kind="chosen" if pair.is_apart else "")
        )
        if pair.value is None:
            notes.append(f"{pair.model.name} - {pair.reference.name}: {pair.reason}.")
    note = "Paired bootstrap of patients: the same patients are drawn for both models of a pair."
    if shared:
        note += (
            " Over folds: t test whose variance is corrected for the training patients that folds share (Nadeau and "
            f"Bengio), after Holm’s correction for {len(pairs)} {'pairs' if len(pairs) > 1 else 'pair'}."
        )
    return Table("Every pair on the same patients", tuple(heads), tuple(rows), (note, *notes), name="pairs")


def decisions_table(pairs: Sequence[Pair]) -> Table | None:
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
    heads = ("Pair", "Patients", "Both right", "Only the first", "Only the second", "McNemar", "Order false")
    note = (
        "Decisions at each model’s own thresholds. McNemar: exact test of equal error rates. Order false: the "
        "probability that the one that was right more often is not the more accurate one."
    )
    return Table("Decisions, pair by pair", heads, tuple(rows), (note, *reasons), name="decision-pairs")


def verdict_sentences(pairs: Sequence[Pair], *, metric: str, patients: str, models: int) -> tuple[str, ...]:
    """The finding in at most three sentences: one pair in full, several by their count."""
    if len(pairs) == 1:
        return (f"On {patients} that both models were tested on: {in_words(pairs[0], metric=metric)}",)
    apart = [pair for pair in pairs if pair.is_apart]
    told = [f"{models} models were compared on {patients} that all of them were tested on."]
    if not apart:
        told.append(f"None of the {len(pairs)} pairs is distinguishable.")
    else:
        told.append(f"{len(apart)} of {len(pairs)} pairs {'is' if len(apart) == 1 else 'are'} distinguishable.")
        better = dict.fromkeys((pair.model if (pair.value or 0) > 0 else pair.reference).name for pair in apart)
        told.append(f"Ranked better than at least one other: {joined(tuple(better))}.")
    return tuple(told)
