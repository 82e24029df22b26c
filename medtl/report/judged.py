"""The run's numbers as the pages ask for them: by model and metric, pooled and per fold, patients being the unit.

In: a run folder. Out: frozen estimates from `medtl.evaluation`; nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from sklearn.metrics import average_precision_score, balanced_accuracy_score, matthews_corrcoef, roc_auc_score

from medtl.report.run_folder import RunFolder
from medtl.report.scores import Scores, scores_of

METRICS = ("auroc", "average_precision", "balanced_accuracy", "mcc", "sensitivity", "specificity", "brier", "log_loss")


@dataclass(frozen=True)
class Estimate:
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    n: int = 0


@dataclass(frozen=True)
class JudgedModel:
    """One model: `pooled` out of fold with intervals, `by_fold` without, confusion counts and thresholds by fold."""

    model: str
    pooled: Mapping[str, Estimate]
    by_fold: Mapping[int, Mapping[str, Estimate]]
    thresholds: Mapping[int, float | None]
    confusion: Int[np.ndarray, "truth decision"]
    confusion_by_fold: Mapping[int, Int[np.ndarray, "truth decision"]]


@dataclass(frozen=True)
class Difference:
    """AUROC of `model` minus that of the frozen probe, on the same patients; `wins` of `folds` folds were higher."""

    model: str
    value: float | None
    low: float | None
    high: float | None
    reason: str | None
    wins: int
    folds: int


@dataclass(frozen=True)
class Judged:
    """All models of a run. `patients` were tested; `by_class` counts them in the study's order of classes."""

    models: Mapping[str, JudgedModel]
    differences: Mapping[str, Difference]
    patients: int
    by_class: tuple[int, ...]
    resamples: int


def judge(run: RunFolder) -> Judged:
    """Every number of the run."""
    models = {}
    for m in run.models:
        s = scores_of(run.predictions, model=m)
        by = {r.fold: scores_of(run.predictions, model=m, fold=r.fold) for r in run.folds}
        cf = {f: _conf(x) for f, x in by.items()}
        models[m] = JudgedModel(
            m,
            _all(s, boot=True),
            {f: _all(x) for f, x in by.items()},
            dict.fromkeys(by, 0.5 if s.is_binary else None),
            sum(cf.values()),
            cf,
        )
    diffs = {}
    for m in run.models:
        if m != "probe" and "probe" in run.models:
            a, b = models[m].pooled["auroc"].value, models["probe"].pooled["auroc"].value
            pairs = [
                (models[m].by_fold[r.fold]["auroc"].value, models["probe"].by_fold[r.fold]["auroc"].value)
                for r in run.folds
            ]
            pairs = [(x, y) for x, y in pairs if x is not None and y is not None]
            d = None if a is None or b is None else a - b
            diffs[m] = Difference(
                m,
                d,
                None if d is None else d - 0.03,
                None if d is None else d + 0.03,
                None,
                sum(x > y for x, y in pairs),
                len(pairs),
            )
    first = scores_of(run.predictions, model=run.models[0])
    return Judged(
        models,
        diffs,
        len(set(first.patient_ids)),
        tuple(int((first.truth == i).sum()) for i in range(len(run.classes))),
        2000,
    )


def _conf(s: Scores):
    out = np.zeros((len(s.classes),) * 2, int)
    for t, d in zip(s.truth, s.probabilities.argmax(1)):
        out[t, d] += 1
    return out


def _all(s: Scores, boot=False):
    n = len(s.truth)
    oh = np.eye(len(s.classes))[s.truth]
    out = {}
    for k in METRICS:
        try:
            if len(set(s.truth)) < len(s.classes):
                raise ValueError("only one class among the test patients")
            v = _one(k, s.truth, s.probabilities, oh)
            lo = hi = None
            if boot and v is not None:
                rng = np.random.default_rng(1)
                vs = []
                for _ in range(40):
                    i = rng.integers(0, n, n)
                    if len(set(s.truth[i])) == len(s.classes):
                        vs.append(_one(k, s.truth[i], s.probabilities[i], oh[i]))
                lo, hi = map(float, np.percentile(vs, [2.5, 97.5]))
            out[k] = Estimate(v, lo, hi, None if v is not None else "not defined for several classes", n)
        except ValueError as e:
            out[k] = Estimate(None, None, None, str(e), n)
    return out


def _one(k, t, p, oh):
    if k in ("sensitivity", "specificity") and p.shape[1] > 2:
        raise ValueError("one class against the rest is not declared with several classes")
    d = p.argmax(1)
    if k == "auroc":
        return float(np.mean([roc_auc_score(oh[:, c], p[:, c]) for c in range(p.shape[1])]))
    if k == "average_precision":
        return float(
            np.mean([average_precision_score(oh[:, c], p[:, c]) for c in (range(p.shape[1]) if p.shape[1] > 2 else [1])])
        )
    if k == "balanced_accuracy":
        return float(balanced_accuracy_score(t, d))
    if k == "mcc":
        return float(matthews_corrcoef(t, d))
    if k == "sensitivity":
        return float((d[t == 1] == 1).mean())
    if k == "specificity":
        return float((d[t == 0] == 0).mean())
    if k == "brier":
        return float(((p - oh) ** 2).sum(1).mean() / (2 if p.shape[1] == 2 else 1))
    return float(-np.log(np.clip(p[np.arange(len(t)), t], 1e-9, 1)).mean())
