"""How long it takes to judge predictions and to write pages: 5,000 patients, 5 folds, 5 models, 2,000 draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

PATIENTS, FOLDS, MODELS = 5000, 5, 5


def predictions(path: Path) -> Path:
    """Predictions of models that differ a little, with validation rows, site, sex and age."""
    chance = np.random.default_rng(7)
    truth = chance.random(PATIENTS) < 0.3
    fold, site = np.arange(PATIENTS) % FOLDS, chance.integers(0, 4, PATIENTS)
    common = chance.normal(0, 1, PATIENTS)
    parts = []
    for model in range(MODELS):
        for role, shift in (("test", 0), ("validation", 1)):
            logit = 2.2 * truth - 1.6 + common + chance.normal(0, 0.5 + 0.1 * model, PATIENTS)
            risk = 1 / (1 + np.exp(-logit))
            rows = {
                "case_id": [f"c{n}" for n in range(PATIENTS)],
                "patient_id": [f"p{n}" for n in range(PATIENTS)],
                "fold": (fold + shift) % FOLDS,
                "role": role,
                "model": f"model-{model}",
                "truth": np.where(truth, "ill", "well"),
                "p_well": 1 - risk,
                "p_ill": risk,
                "site": [f"site-{number}" for number in site],
                "sex": np.where(np.arange(PATIENTS) % 2, "F", "M"),
                "age_years": 20.0 + np.arange(PATIENTS) % 60,
            }
            parts.append(pd.DataFrame(rows))
    pd.concat(parts).to_csv(path, index=False)
    return path


@pytest.mark.benchmark
def test_judging_and_comparing_five_thousand_patients(table: Any, fresh: Callable[..., Any], folder: Path) -> None:
    path = predictions(folder / "predictions.csv")
    judged = fresh("-m", "medtl", "evaluate", path, "--out", folder / "judged")
    table.add(
        "evaluate 5,000 patients, 5 folds, 5 models, 2,000 draws, with its page", f"{judged.seconds:.0f} s",
        f"{judged.peak_bytes / 1e9:.2f} GB", "", "< 60 s, 1 GB",
    )  # fmt: skip
    compared = fresh(
        "-m", "medtl", "compare", path, path.parent / "judged" / "predictions.csv", "--out", folder / "compared",
        "--model", "model-0", "--model", "model-1",
    )  # fmt: skip
    table.add("compare 4 of those models, 6 pairs", f"{compared.seconds:.0f} s", f"{compared.peak_bytes / 1e9:.2f} GB")
    bare = fresh("-c", "import medtl.evaluation as e, sys; e.evaluate; assert 'torch' not in sys.modules")
    table.add("import medtl.evaluation", f"{bare.seconds:.2f} s", "", "", "< 1.5 s, without torch")
