"""Learning curves over draws of patients, pooled out of fold, with a power law and what follows from it.

In: frozen features, folds and settings. Out: the AUROC of every draw as a table, and the curve as the record keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from medtl.adaptation import probe
from medtl.evaluation import Estimate, evaluate
from medtl.predictions import concatenate
from medtl.progress import track
from medtl.record.learning_curve import CurvePoint, LawPoint, ModelCurve, PowerLaw, WholePart
from medtl.sources.advice import Reached, patients_to_reach, patients_to_test
from medtl.sources.curve_data import CurveData, CurveFold, PooledPatients, Positions
from medtl.sources.curve_settings import CurveSettings
from medtl.sources.draws import distinct_draws
from medtl.sources.few_case_models import MODELS, NEIGHBOURS, centroid_probabilities, neighbour_probabilities
from medtl.sources.power_law import FEWEST_SIZES, Backtest, FittedLaw, Values, backtest, fit_law
from medtl.training.seeding import seed_for

UNCHOSEN_UP_TO = 8
"""Patients of each class up to which the probe takes its default C: inner folds of so few choose by chance."""
RESAMPLES = 100
"""The interval is DeLong's and rests on none; the table of metrics wants some."""
BAND = (0.025, 0.975)
LAW_POINTS = 40

Probabilities = Float[np.ndarray, "case class"]
Rows = list[tuple[int, str, int, float]]


@dataclass(frozen=True, eq=False)
class DrawnCurve:
    """The AUROC of every draw by model and size, and of the whole training part by model."""

    drawn: Mapping[str, Values]
    whole: Mapping[str, Estimate]
    whole_size: int

    def as_table(self) -> pd.DataFrame:
        """A row for each draw: n (patients of each class, or `all`), model, repeat, auroc."""
        rows: list[tuple[str, str, int, float | None]] = [
            (str(size), model, repeat, float(value))
            for model, values in self.drawn.items()
            for size, repeats in values.items()
            for repeat, value in enumerate(repeats)
        ]
        rows += [("all", model, 0, found.value) for model, found in self.whole.items()]
        return pd.DataFrame(rows, columns=["n", "model", "repeat", "auroc"])


def draw_curve(data: CurveData, settings: CurveSettings) -> DrawnCurve:
    """Fit every model to every draw of every size, and predict the folds' test patients.

    Up to 8 patients of each class the probe takes its default C; above, the inner folds of a fold's first draw choose C
    and readout, which the other draws of that fold and size take over. The whole part is fitted as a study does it.

    Raises:
        ConfigurationError: a size is larger than a fold's training part gives.
    """
    data.refuse_larger(settings.sizes)
    tested = PooledPatients.of(data)
    drawn: dict[str, dict[int, np.ndarray]] = {model.name: {} for model in MODELS}
    for size in track(settings.sizes, what="draws of patients", total=len(settings.sizes)):
        parts = [list(_of_draws(data, fold, size=size, repeats=settings.repeats)) for fold in data.folds]
        for model in MODELS:
            pooled = (
                np.concatenate([part[repeat][model.name] for part in parts]) for repeat in range(settings.repeats)
            )
            drawn[model.name][size] = np.array([tested.auroc(values) for values in pooled])
    whole = _whole(data) if settings.has_whole else {}
    return DrawnCurve(drawn, whole, data.largest_size)


def _of_draws(data: CurveData, fold: CurveFold, *, size: int, repeats: int) -> Iterator[dict[str, Probabilities]]:
    for own, fitted in drawn_probes(data, fold, size=size, repeats=repeats):
        yield _predicted(data, fold, own, fitted=fitted, neighbours=min(NEIGHBOURS, size))


def drawn_probes(
    data: CurveData, fold: CurveFold, *, size: int, repeats: int
) -> Iterator[tuple[Positions, probe.Probe]]:
    """The cases of each draw with the probe that is fitted to them; the first of many draws are those of few."""
    classes = data.outcome.head_width
    labels = data.labels[fold.training]
    draws = distinct_draws(
        data.patients(fold.training), labels, size=size, classes=classes, repeats=repeats,
        names=(data.seed, "learning curve", fold.number),
    )  # fmt: skip
    c, width = probe.UNCHOSEN_C, min(data.widths.values())
    for repeat, positions in enumerate(draws):
        own = fold.training[positions]
        if repeat == 0 and size > UNCHOSEN_UP_TO:
            chosen = _fitted_probe(data, own, seed=seed_for(data.seed, "learning curve", "inner folds", fold.number))
            c, width = chosen.c, data.widths[chosen.readout]
        yield own, probe.fit_probe_at(data.features[own][:, :width], data.labels[own], c=c, classes=classes)


def _whole(data: CurveData) -> dict[str, Estimate]:
    parts = []
    for fold in data.folds:
        fitted = _fitted_probe(data, fold.training, seed=seed_for(data.seed, "inner folds", fold.number))
        parts.append(_predicted(data, fold, fold.training, fitted=fitted, neighbours=NEIGHBOURS))
    found = {}
    for model in MODELS:
        folds = zip(data.folds, parts, strict=True)
        table = concatenate([data.test_table(fold, part[model.name]) for fold, part in folds])
        (judged,) = evaluate(table, resamples=RESAMPLES, seed=data.seed).models
        found[model.name] = judged.patient.pooled.metrics.primary
    return found


def _fitted_probe(data: CurveData, own: Positions, *, seed: int) -> probe.Probe:
    return probe.fit_probe(
        data.features[own], data.labels[own], groups=[data.groups[position] for position in own],
        classes=data.outcome.head_width, seed=seed, readouts=data.widths,
    )  # fmt: skip


def _predicted(
    data: CurveData, fold: CurveFold, own: Positions, *, fitted: probe.Probe, neighbours: int
) -> dict[str, Probabilities]:
    classes, labels = data.outcome.head_width, data.labels[own]
    known, tested = data.last_stage[own], data.last_stage[fold.test].astype(np.float64)
    values = (
        fitted.probabilities(data.features[fold.test].astype(np.float64)),
        centroid_probabilities(known, labels, tested, classes=classes),
        neighbour_probabilities(known, labels, tested, classes=classes, neighbours=neighbours),
    )
    return dict(zip((model.name for model in MODELS), values, strict=True))


def model_curves(curve: DrawnCurve, settings: CurveSettings, *, labels: int, seed: int) -> tuple[ModelCurve, ...]:
    """The curve of each model with its power law; `labels` counts the patients of the study."""
    return tuple(
        _model_curve(
            model.name, curve, settings, labels=labels, seed=seed_for(seed, "power law", model.name),
            label=model.label, phrase=model.phrase,
        )
        for model in MODELS
    )  # fmt: skip


def _model_curve(
    model: str, curve: DrawnCurve, settings: CurveSettings, *, labels: int, seed: int, label: str, phrase: str
) -> ModelCurve:
    values = curve.drawn[model]
    law = fit_law(values, seed=seed) if len(values) >= FEWEST_SIZES else None
    points = tuple(curve_point(size, values[size]) for size in sorted(values))
    tried = None if law is None else backtest(values, seed=seed)
    medians = {point.patients: point.median for point in points}
    whole = curve.whole.get(model)
    return ModelCurve(
        model=model,
        label=label,
        phrase=phrase,
        points=points,
        whole=None
        if whole is None
        else WholePart(
            patients=curve.whole_size, value=whole.value, low=whole.low, high=whole.high, reason=whole.reason
        ),
        law=None if law is None or tried is None else _power_law(law, tuple(sorted(values)), tried),
        needed=patients_to_reach(law, Reached(settings.reach, labels, medians, tried), phrase=phrase),
    )


def curve_point(size: int, values: Float[np.ndarray, "repeat"]) -> CurvePoint:
    """The median of a size's draws with the band in which a further draw lies 95 times in 100 (order statistics)."""
    low, high = np.quantile(values, BAND, method="weibull")
    return CurvePoint(patients=size, repeats=len(values), median=float(np.median(values)), low=low, high=high)


def _power_law(law: FittedLaw, drawn: tuple[int, ...], tried: Backtest) -> PowerLaw:
    ceiling, low, high = law.ceiling
    sizes = np.unique(np.geomspace(min(drawn), max(drawn), LAW_POINTS).round().astype(int))
    along = [(int(size), *law.at(float(size))) for size in sizes]
    return PowerLaw(
        ceiling=ceiling,
        ceiling_low=low,
        ceiling_high=high,
        scale=float(law.law[1]),
        exponent=float(law.law[2]),
        points=tuple(LawPoint(patients=n, value=value, low=least, high=most) for n, value, least, most in along),
        backtest_fitted=tried.fitted,
        backtest_predicted=tried.predicted,
        backtest_covered=tried.covered,
    )


def testing_advice(
    curves: tuple[ModelCurve, ...], settings: CurveSettings, *, share: float | None
) -> tuple[int | None, str]:
    """How many test patients the wanted half-width needs at the AUROC of the first model, and the sentence.

    `share` is that of positive patients; None with more than two classes.
    """
    first = curves[0]
    width = f"{settings.half_width:g}"
    if share is None:
        return None, "How many test patients an interval needs is worked out for two classes, and there are more."
    whole = first.whole
    reached = first.points[-1].median if whole is None or whole.value is None else whole.value
    found = patients_to_test(reached, width=settings.half_width, share=share)
    if found is None:
        return None, (
            f"How many test patients a half-width of {width} needs cannot be worked out from an AUROC of {reached:.3f}."
        )
    positives = round(found * share)
    sentence = (
        f"To know an AUROC of {reached:.2f} to within {width} on each side (95 % interval), you need about {found} "
        f"test patients, {positives} of them of the positive class as in these data"
    )
    low = whole.low if whole is not None else None
    if low is None or not 0.5 <= low < reached:
        return found, f"{sentence}."
    more = patients_to_test(low, width=settings.half_width, share=share)
    return found, f"{sentence}; {more} if it is no better than {low:.2f}."
