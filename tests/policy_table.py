"""Every policy on real scans, each against the frozen probe on the same folds.

    PYTHONPATH=. python tests/policy_table.py ../shared/data [SET ...] [--patients 100] [--side 96] [--epochs 4]

Prints a table in Markdown for each set: the out-of-fold AUROC and Brier score by patient, and the paired difference in
AUROC to the probe with its 95 % interval. ResNet-18 with ImageNet weights, three folds, one seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from probe_readouts import studies
from real_study import arguments, fitted_folds, interval, predictions_of

from medtl.evaluation import evaluate
from medtl.policies import POLICIES
from medtl.predictions import PredictionTable
from medtl.study.settings import Study

NAMES = [one.name for one in POLICIES if one.is_choosable]


def smaller(study: Study, given: argparse.Namespace) -> Study:
    """The study with every policy, on few patients and small scans."""
    values = study.model_dump(mode="json", exclude_none=True)
    values |= {"adaptation": {"policy": NAMES}, "recipe": {"epochs": given.epochs}, "folds": {"count": 3, "seed": 7}}
    values["limit_patients"] = given.patients
    if study.preparation.is_volume:
        values["preparation"] |= {"spacing_mm": (1.0, 1.0, 2.0)}
    else:
        values["preparation"] |= {"size_px": (given.side, given.side)}
    return Study.model_validate(values | {"manifest": study.manifest, "data_root": study.data_root})


def rows(table: PredictionTable) -> Iterator[str]:
    """A row for the probe, and one for each other model."""
    others = [model for model in table.models if model != "probe"]
    judged = evaluate(table, resamples=1000, seed=7, pairs=[(model, "probe") for model in others])
    gains = {one.model: one.difference for one in judged.comparisons}
    for model in ("probe", *others):
        found = judged.of(model).patient.pooled.metrics
        gain = interval(gains[model]) if model in gains else ""
        yield f"| `{model}` | {interval(found['auroc'])} | {found['brier'].value:.3f} | {gain} |"


def main() -> None:
    """Print the tables."""
    given = arguments(__doc__, named="SET", patients=100, epochs=4)
    for name, study in studies(given.data, given.encoder).items():
        if given.names and not any(one in name for one in given.names):
            continue
        folds, patients = fitted_folds(smaller(study, given))
        print(f"\n{name}, {patients} patients\n\n| model | AUROC | Brier | minus the probe |\n|---|---|---|---|")
        print("\n".join(rows(predictions_of(folds))), flush=True)


if __name__ == "__main__":
    main()
