"""What the options for small data do on real X-rays: each against the plain recipe, on the same folds.

    PYTHONPATH=. python tests/recipe_options.py ../shared/data [--patients 60] [--side 96] [--epochs 6] [NAME ...]

Bacterial or viral pneumonia, ResNet-18 with ImageNet weights, three folds, one seed. Prints a table in Markdown: the
out-of-fold AUROC and the Brier score by patient, the paired difference in AUROC to the plain recipe with its 95 %
interval, and the CKA of the last stage. Classes are as frequent as each other here, so class_balance is not in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from real_study import arguments, fitted_folds, interval, predictions_of

from medtl.evaluation import evaluate
from medtl.predictions import PredictionTable, concatenate
from medtl.study.settings import Study

TRIED: dict[str, dict[str, Any]] = {
    "plain": {},
    "label_smoothing: 0.1": {"options": {"label_smoothing": 0.1}},
    "head_dropout: 0.2": {"options": {"head_dropout": 0.2}},
    "mixup: 0.2": {"options": {"mixup": 0.2}},
    "cutmix: 1.0": {"options": {"cutmix": 1.0}},
    "swa_from: 0.5": {"options": {"swa_from": 0.5}},
    "test_time: [shifts]": {"options": {"test_time": ("shifts",)}},
    "augmentation.strength: strong": {"augmentation": {"strength": "strong"}},
    "policy: auto_rgn": {"policy": "auto_rgn"},
    "policy: lora": {"policy": "lora"},
}


def study_of(given: argparse.Namespace, name: str) -> Study:
    """The study in which one thing is tried."""
    tried = TRIED[name]
    return Study.model_validate(
        {
            "name": "options", "manifest": given.data / "kermany_cxr_224/manifest.csv", "label_column": "label3",
            "classes": ("virus", "bacteria"), "leave_out_labels": ("normal",), "limit_patients": given.patients,
            "folds": {"count": 3, "seed": 7}, "encoder": given.encoder, "identifiers": "as_in_manifest",
            "preparation": {"preset": "radiograph", "size_px": (given.side, given.side)}, "resamples": 1000,
            "adaptation": {"policy": tried.get("policy", "lp_ft")},
            "augmentation": tried.get("augmentation", {}),
            "recipe": {"epochs": given.epochs, "small_data": tried.get("options")},
        }
    )  # fmt: skip


def tried(given: argparse.Namespace, name: str) -> tuple[PredictionTable, float, int]:
    """Out-of-fold predictions under the name of what is tried, the CKA of the last stage, and how many patients."""
    study = study_of(given, name)
    folds, patients = fitted_folds(study)
    changed = [fold.parts[0][1].changed for fold in folds]
    alike = [one.stages[-1].cka for found in changed if found is not None for one in found.models]
    rows = predictions_of(folds).rows
    models = {study.adaptation.primary: name} | ({"probe": "probe"} if name == "plain" else {})
    kept = rows[rows["model"].isin(models)]
    table = PredictionTable(kept.assign(model=kept["model"].map(models)))
    return table, fmean(alike), patients


def lines(given: argparse.Namespace) -> Iterator[str]:
    """The rows of the table, each as soon as it is known."""
    plain, alike, patients = tried(given, "plain")
    yield f"{patients} patients\n\n| tried | AUROC | Brier | difference in AUROC | CKA |\n|---|---|---|---|---|"
    for name in ("plain", "probe", *(given.names or [one for one in TRIED if one != "plain"])):
        tables = [plain]
        if name not in ("plain", "probe"):
            found, alike, _ = tried(given, name)
            tables.append(found)
        judged = evaluate(concatenate(tables), resamples=1000, seed=7, pairs=[(name, "plain")] * (name != "plain"))
        metrics = judged.of(name).patient.pooled.metrics
        gain = interval(judged.comparisons[0].difference) if name != "plain" else ""
        shown = "1" if name == "probe" else f"{alike:.3f}"
        yield f"| {name} | {interval(metrics['auroc'])} | {metrics['brier'].value:.3f} | {gain} | {shown} |"


def main() -> None:
    """Print the table."""
    given = arguments(__doc__, named="NAME", patients=60, epochs=6)
    for line in lines(given):
        print(line, flush=True)


if __name__ == "__main__":
    main()
