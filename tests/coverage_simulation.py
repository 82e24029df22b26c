"""How often the intervals of medtl hold the truth, tried on cohorts that are drawn and studied as a study would.

A cohort: patients with a binary (or three-class) label at a given share, ten features per image of which some carry the
label, correlated within a patient. Five folds by patient; in each a logistic regression is fitted on the images of the
training patients, its threshold is chosen on the validation patients, and the test patients are scored. `fitted=False`
takes one fixed model for all folds instead.

The truth: fresh patients of the same kind, each scored by the model of one fold drawn at random, with that fold's
threshold. So an interval is asked to hold what these fitted models do in other patients. It is not asked to hold what
models trained again on other patients would do: `of_algorithm` counts that too, and it is lower (docs/coverage.md).

    python tests/coverage_simulation.py --cohorts 250
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sklearn.metrics as oracle
from scipy.special import expit

from medtl.evaluation.calibration_line import calibration_line
from medtl.evaluation.classification_metrics import classification_metrics
from medtl.evaluation.clusters import too_few
from medtl.evaluation.curves import reliability_curve, roc_curve
from medtl.evaluation.delong import difference_estimate
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.auroc import auroc
from medtl.evaluation.net_benefit import RISKS, decision_curve
from medtl.evaluation.operating_points import predictive_values, proportions, readings
from medtl.evaluation.resampling import Resampling, resample_patients
from medtl.evaluation.thresholds import Decisions, choose_threshold
from medtl.evaluation.units import Units
from medtl.predictions import PredictionTable

FEATURES, INFORMATIVE, FOLDS = 10, 3, 5
WITHIN = 0.3
"""Share of the variance of a feature that differs between the images of a patient."""

FRESH = 40
"""Fresh patients for the truth per patient of the cohort (6,000 at least): its variance is 2.5 % of an estimate's."""

FEWEST_TOLD = 30
"""Intervals printed in a cell from which its share is told."""

RESAMPLES = 300
PREVALENCE = 0.1
BENEFIT_AT = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
BAND_AT = (0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Cell:
    """A kind of cohort; `apart` is the distance of the classes in standard deviations."""

    patients: int
    share: float
    images: int = 1
    apart: float = 1.5
    fitted: bool = True
    classes: int = 2

    @property
    def short(self) -> str:
        """The head of its column: patients, share of the condition, images of a patient."""
        words = [f"{self.patients}, {self.share:.0%}", *([f"{self.images} im."] if self.images > 1 else [])]
        words += ["strong"] * (self.apart > 2) + ["fixed"] * (not self.fitted)
        return ", ".join([*words, *([f"{self.classes} classes"] if self.classes > 2 else [])])


PLAIN = tuple(Cell(n, share, images) for n in (40, 100, 300) for share in (0.5, 0.15) for images in (1, 3))
CELLS = (
    *PLAIN,
    *(Cell(n, share, apart=2.8) for n, share in ((40, 0.5), (100, 0.15), (300, 0.15))),
    *(Cell(n, share, images, fitted=False) for n, share, images in ((40, 0.5, 1), (100, 0.15, 3), (300, 0.5, 1))),
    Cell(150, 1 / 3, 2, classes=3),
)


@dataclass(frozen=True)
class Trial:
    """One interval against the truth."""

    name: str
    low: float | None
    high: float | None
    truth: float


@dataclass(frozen=True, eq=False)
class _Drawn:
    label: np.ndarray
    features: np.ndarray  # (image, feature), the images of a patient in a row


def trials_of(cell: Cell, *, seed: int) -> Iterator[Trial]:
    """Every interval of one cohort."""
    chance = np.random.default_rng([cell.patients, round(100 * cell.share), cell.images, round(10 * cell.apart), seed])
    cohort, fresh = _draw(cell, cell.patients, chance), _draw(cell, max(6_000, FRESH * cell.patients), chance)
    many = len(fresh.label)
    fold_of = _folds(cohort.label, chance)
    scored_by = chance.integers(FOLDS, size=many)
    fixed = None if cell.fitted else _fit(_draw(cell, 300, np.random.default_rng(7)), np.arange(300), cell)
    seen = np.zeros((2, cell.patients * cell.images, cell.classes))
    unseen = np.zeros((2, many * cell.images, cell.classes))
    called, called_fresh = np.zeros(cell.patients, dtype="int64"), np.zeros(many, dtype="int64")
    for fold in range(FOLDS):
        test, validation = fold_of == fold, fold_of == (fold + 1) % FOLDS
        training = np.flatnonzero(~test & ~validation)
        here = np.repeat(scored_by == fold, cell.images)
        for model, kept in enumerate((FEATURES, FEATURES // 2)):
            line = _fit(cohort, training, cell, kept=kept) if fixed is None else fixed[:, : kept + 1]
            seen[model, np.repeat(test, cell.images)] = _said(line, cohort.features[np.repeat(test, cell.images)])
            unseen[model, here] = _said(line, fresh.features[here])
            if model == 0:
                judged = _by_patient(_said(line, cohort.features), cell.images)
                threshold = choose_threshold(_units(judged[validation], cohort.label[validation], cell)).value
                called[test] = _called(judged[test], threshold)
                new = scored_by == fold
                called_fresh[new] = _called(_by_patient(unseen[model, here], cell.images), threshold)
    own, other = (_units(_by_patient(said, cell.images), cohort.label, cell) for said in seen)
    true, true_other = (_units(_by_patient(said, cell.images), fresh.label, cell) for said in unseen)
    decided = Decisions(own.patients, cohort.label, called, own.classes)
    decided_fresh = Decisions(true.patients, fresh.label, called_fresh, own.classes)
    resampling = resample_patients(own, resamples=RESAMPLES, seed=seed, scope="x")
    yield from _metrics(own, decided, resampling, true, decided_fresh)
    if cell.classes == 2:
        yield from _of_two_classes(own, decided, resampling, true, decided_fresh, seed=seed)
        gap = [auroc(one) for one in (own, other, true, true_other)]
        if not any(isinstance(one, Undefined) for one in gap):
            first, second, first_true, second_true = (float(one) for one in gap)  # type: ignore[arg-type]
            shared = 1.0 / (FOLDS - 2)  # tested to trained patients of a fold
            found = difference_estimate(own, other, value=first - second, reason=too_few(own), test_to_training=shared)
            yield _trial("AUROC, difference of two models", found, first_true - second_true)
    if cell.images > 1:
        images, fresh_images = (
            _units(said, drawn.label, cell) for said, drawn in ((seen[0], cohort), (unseen[0], fresh))
        )
        again = resample_patients(images, resamples=RESAMPLES, seed=seed, scope="x")
        decided = Decisions(images.patients, images.truth, _called(seen[0], cell.share), images.classes)
        of_fresh = Decisions(fresh_images.patients, fresh_images.truth, _called(unseen[0], cell.share), images.classes)
        for one in _metrics(images, decided, again, fresh_images, of_fresh):
            yield Trial(f"{one.name}, per image", one.low, one.high, one.truth)


def _metrics(
    own: Units, decided: Decisions, resampling: Resampling, true: Units, decided_fresh: Decisions
) -> Iterator[Trial]:
    found, truth = (
        classification_metrics(own, decided, resampling),
        classification_metrics(true, decided_fresh, _none(true)),
    )
    many = "" if own.outcome.positive_class else ", mean of classes"
    for metric in known.METRICS:
        yield _trial(metric.label + many, found[metric.name], truth[metric.name].value)


def _of_two_classes(
    own: Units, decided: Decisions, resampling: Resampling, true: Units, decided_fresh: Decisions, *, seed: int
) -> Iterator[Trial]:
    found, truth = proportions(decided), proportions(decided_fresh)
    assert not isinstance(found, Undefined)
    assert not isinstance(truth, Undefined)
    for key, name in (
        ("positive_predictive_value", "PPV"),
        ("negative_predictive_value", "NPV"),
        ("accuracy", "Accuracy"),
    ):
        yield _trial(name, getattr(found, key), getattr(truth, key).value)
    ours, theirs = (
        predictive_values(one, of, prevalence=PREVALENCE) for one, of in ((found, resampling), (truth, _none(true)))
    )
    assert not isinstance(ours, Undefined)
    assert not isinstance(theirs, Undefined)
    yield _trial("PPV at a stated prevalence", ours.positive, theirs.positive.value)
    yield _trial("NPV at a stated prevalence", ours.negative, theirs.negative.value)
    lines = [
        calibration_line(*one.against_the_rest(1), one.patients, reason=why)
        for one, why in ((own, resampling.reason), (true, "truth"))
    ]
    yield _trial("Calibration intercept", lines[0].intercept, lines[1].intercept.value)
    yield _trial("Calibration slope", lines[0].slope, lines[1].slope.value)
    fixed = (0.9, 0.95)
    for one, other in zip(
        readings(own, resampling, at_least=fixed), readings(true, _none(true), at_least=fixed), strict=True
    ):
        against = "specificity" if one.of == "sensitivity" else "sensitivity"
        yield _trial(f"{one.of.capitalize()} at {one.at_least:.0%} {against}", one.value, other.value.value)
    curve, fresh = decision_curve(own, resampling), decision_curve(true, _none(true))
    for risk in BENEFIT_AT:
        place = RISKS.index(risk)
        yield Trial(f"Net benefit at {risk:.0%}", curve.low[place], curve.high[place], fresh.model[place])
    table = _table(own)
    roc = roc_curve(table, resamples=RESAMPLES, seed=seed)
    false_rate, true_rate, _ = oracle.roc_curve(*true.against_the_rest(1))
    for rate in BAND_AT:
        place = round(100 * rate)
        height = float(np.interp(rate, false_rate, true_rate))
        low, high = (None, None) if roc.band.reason else (roc.band.low[place], roc.band.high[place])
        yield Trial(f"ROC band at {rate:.0%} false positives", _number(low), _number(high), height)
    bins = reliability_curve(table)
    score, have = true.probabilities[:, 1], true.truth == 1
    bin_of = np.searchsorted(bins.edges[1:-1], score, side="left")
    for place, (low, high) in enumerate(zip(bins.low, bins.high, strict=True)):
        if (bin_of == place).sum() > 50 and len(bins.low) == len(bins.edges) - 1:
            yield Trial("Reliability bin", float(low), float(high), float(have[bin_of == place].mean()))


def _trial(name: str, found: Estimate, truth: float | None) -> Trial:
    return Trial(name, found.low, found.high, float("nan") if truth is None else truth)


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _none(units: Units) -> Resampling:
    return resample_patients(units, resamples=0, seed=0, scope="truth")


def _draw(cell: Cell, patients: int, chance: np.random.Generator) -> _Drawn:
    shares = [1.0 - cell.share, cell.share] if cell.classes == 2 else [1.0 / cell.classes] * cell.classes
    label = chance.choice(cell.classes, size=patients, p=shares)
    middle = np.zeros((cell.classes, FEATURES))
    if cell.classes == 2:
        middle[1, :INFORMATIVE] = cell.apart / np.sqrt(INFORMATIVE)
    else:
        middle[np.arange(cell.classes), np.arange(cell.classes)] = cell.apart
    own = middle[label] + chance.normal(size=(patients, FEATURES)) * np.sqrt(1.0 - WITHIN)
    noise = chance.normal(size=(patients * cell.images, FEATURES)) * np.sqrt(WITHIN)
    return _Drawn(label, np.repeat(own, cell.images, axis=0) + noise)


def _folds(label: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    fold_of = np.empty(len(label), dtype="int64")
    for own in np.unique(label):
        members = chance.permutation(np.flatnonzero(label == own))
        fold_of[members] = (np.arange(len(members)) + chance.integers(FOLDS)) % FOLDS
    return fold_of


def _fit(drawn: _Drawn, patients: np.ndarray, cell: Cell, *, kept: int = FEATURES) -> np.ndarray:
    """A logistic regression with unit penalty by Newton steps; with more classes one against the rest for each."""
    images = (patients[:, None] * cell.images + np.arange(cell.images)).ravel()
    design = np.c_[np.ones(len(images)), drawn.features[images, :kept]]
    penalty = np.diag([1e-8, *[1.0] * kept])
    targets = (1,) if cell.classes == 2 else range(cell.classes)
    lines = np.zeros((len(targets), kept + 1))
    for row, of in enumerate(targets):
        truth = np.repeat(drawn.label[patients], cell.images) == of
        for _ in range(12):
            said = expit(design @ lines[row])
            curvature = (design * (said * (1.0 - said))[:, None]).T @ design + penalty
            step = np.linalg.solve(curvature, design.T @ (truth - said) - penalty @ lines[row])
            lines[row] += step
            if np.abs(step).max() < 1e-6:
                break
    return lines


def _said(lines: np.ndarray, features: np.ndarray) -> np.ndarray:
    said = expit(lines[:, 0] + features[:, : lines.shape[1] - 1] @ lines[:, 1:].T)
    return np.c_[1.0 - said, said] if len(lines) == 1 else said / said.sum(axis=1, keepdims=True)


def _by_patient(said: np.ndarray, images: int) -> np.ndarray:
    return said.reshape(-1, images, said.shape[1]).mean(axis=1)


def _called(said: np.ndarray, threshold: float | None) -> np.ndarray:
    if said.shape[1] > 2 or threshold is None:
        return said.argmax(axis=1)
    return (said[:, 1] >= threshold).astype("int64")


def _units(said: np.ndarray, label: np.ndarray, cell: Cell) -> Units:
    repeated = len(said) // len(label)
    return Units(
        ids=tuple(map(str, range(len(said)))),
        patients=tuple(map(str, np.repeat(np.arange(len(label)), repeated))),
        truth=np.repeat(label, repeated),
        probabilities=said,
        classes=("no", "yes") if cell.classes == 2 else tuple("abc"),
    )


def _table(units: Units) -> PredictionTable:
    columns = {"case_id": units.ids, "patient_id": units.patients, "fold": 0, "role": "test", "model": "m"}
    rows = pd.DataFrame(columns)
    rows["truth"] = [units.classes[place] for place in units.truth]
    for index, name in enumerate(units.classes):
        rows[f"p_{name}"] = units.probabilities[:, index]
    return PredictionTable(rows)


@dataclass(frozen=True)
class Coverage:
    """Of `tried` intervals the number and share printed; of those the shares that hold, lie above and below the truth.

    `of_algorithm` is the share that held the mean truth over all cohorts of the cell.
    """

    tried: int
    number: int
    printed: float
    covered: float
    too_high: float
    too_low: float
    of_algorithm: float


def coverage(cell: Cell, *, cohorts: int, first: int = 0) -> dict[str, Coverage]:
    """Every interval's coverage in a cell."""
    found: dict[str, list[Trial]] = defaultdict(list)
    for seed in range(first, first + cohorts):
        for trial in trials_of(cell, seed=seed):
            found[trial.name].append(trial)
    return {name: summary(trials) for name, trials in found.items()}


def summary(trials: list[Trial]) -> Coverage:
    """The shares over trials of one interval."""
    ends = [(one.low, one.high, one.truth) for one in trials if one.low is not None and not np.isnan(one.truth)]
    if not ends:
        return Coverage(len(trials), 0, 0.0, np.nan, np.nan, np.nan, np.nan)
    low, high, truth = np.array(ends, dtype="float64").T
    middle = truth.mean()
    return Coverage(
        tried=len(trials),
        number=len(ends),
        printed=len(ends) / len(trials),
        covered=float(((low <= truth) & (truth <= high)).mean()),
        too_high=float((low > truth).mean()),
        too_low=float((high < truth).mean()),
        of_algorithm=float(((low <= middle) & (middle <= high)).mean()),
    )


def as_table(found: dict[Cell, dict[str, Coverage]]) -> str:
    """Markdown: a row per interval, a column per cell with the share in per cent that held the truth; then all cells
    together, and the share that held the mean truth of all cohorts of a cell ("recipe")."""
    lines = ["| interval |" + "".join(f" {cell.short} |" for cell in found) + " all | recipe |"]
    lines.append("|---" * (len(found) + 3) + "|")
    for name in dict.fromkeys(name for told in found.values() for name in told):
        told = [own.get(name) for own in found.values()]
        cells = [f"{100 * one.covered:.0f}" if one and one.number >= FEWEST_TOLD else "–" for one in told]
        kept = [one for one in told if one and one.number]
        total = sum(one.number for one in kept)
        if total < FEWEST_TOLD:
            continue
        for share in ("covered", "of_algorithm"):
            cells.append(f"{100 * sum(one.number * getattr(one, share) for one in kept) / total:.1f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables of docs/coverage.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cohorts", type=int, default=250)
    asked = parser.parse_args()
    found = {cell: coverage(cell, cohorts=asked.cohorts) for cell in CELLS}
    for several in (True, False):
        print(as_table({cell: told for cell, told in found.items() if (cell in PLAIN) == several}), end="\n\n")


if __name__ == "__main__":
    sys.exit(main())
