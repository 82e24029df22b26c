"""A searched study: the chosen setting alone is kept, and it is the study that was run with that setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medtl.files import read_csv
from medtl.record.inventory import unknown_files

pytestmark = pytest.mark.usefixtures("own_places")

SEARCH = {"recipe": {"epochs": [3], "small_data": {"label_smoothing": [0.2]}}}


def rows(run: Path, model: str, *, fold: int) -> pd.DataFrame:
    table = read_csv(run / "predictions.csv", text_columns=("case_id",))
    own = table[(table["model"] == model) & (table["fold"] == fold)]
    return own.drop(columns="model").reset_index(drop=True)


def test_a_search_keeps_the_chosen_setting_and_its_numbers_are_those_of_that_study(
    new_cohort: Callable[[Path], Any], medtl: Callable[..., Any], tmp_path: Path
) -> None:
    cohort = new_cohort(tmp_path / "data")
    for number, row in enumerate(cohort.rows):
        row["official"] = "test" if number >= len(cohort.rows) - 8 else "train"
    common: dict[str, Any] = {
        "folds": {"count": 2, "seed": 7, "sealed": "official"},
        "adaptation": {"policy": ["lp_ft"]},
        "recipe": {"epochs": 1, "batch_size": 8, "learning_rate": 0.002},
    }
    done = medtl("run", cohort.write(**common, selection={"search": SEARCH}), "--out", tmp_path / "searched")
    assert done.code == 0, done.err
    run = tmp_path / "searched"
    assert unknown_files(run) == ()
    assert set(read_csv(run / "predictions.csv")["model"]) == {"selected", "lp_ft", "probe", "centroid"}
    chosen = {}
    for fold in range(2):
        choice = json.loads((run / f"fold_{fold}" / "selection.json").read_text())
        losses = {one["model"]: one["log_loss"] for one in choice["candidates"]}
        assert set(losses) == {
            "lp_ft", "probe", "lp_ft@epochs-3", "lp_ft@label_smoothing-0.2", "lp_ft@epochs-3-label_smoothing-0.2"
        }  # fmt: skip
        chosen[fold] = choice["chosen"]
        assert losses[chosen[fold]] == min(losses.values())
        kept = {path.name for path in (run / f"fold_{fold}").iterdir() if path.is_dir()} - {"saliency", "figures"}
        own = chosen[fold].partition("@")[2]
        assert kept - {"tables"} == ({own} if own else set()), "only the chosen setting's weights are kept"
    assert any("@" in one for one in chosen.values()), "else this test asks nothing"
    for fold, model in chosen.items():
        if "@" not in model:
            continue
        values = {"epochs": 3 if "epochs" in model else 1}
        if "smoothing" in model:
            values["small_data"] = {"label_smoothing": 0.2}
        plain = {**common, "recipe": {**common["recipe"], **values}}
        out = tmp_path / f"plain-{fold}"
        assert medtl("run", cohort.write(**plain), "--out", out).code == 0
        pd.testing.assert_frame_equal(rows(run, "selected", fold=fold), rows(out, "lp_ft", fold=fold))
    page = (run / "report.html").read_text()
    assert "In each fold 5 candidates were looked at, on 2 validation patients or more." in page
    assert "LP-FT, epochs-3-label_smoothing-0.2 in 1 fold and LP-FT, epochs-3 in 1 fold" in page
    assert "Beside the study&#39;s own values, epochs 3 and label smoothing 0.2 were searched as a grid." in page
    opened = medtl("unseal", run)
    assert opened.code == 0, opened.err
    held = read_csv(run / "held_out" / "sealed" / "predictions.csv")
    assert set(held["model"]) == {"selected", "lp_ft", "probe", "centroid"}


@pytest.mark.parametrize(
    ("selection", "adaptation", "message"),
    [
        ({"search": SEARCH}, {"policy": "probe"}, "selection.search is for lp_ft or full, but adaptation.policy names"),
        (
            {"search": {"recipe": {"learning_rate": [0.1]}}, "learning_rates": [0.2]},
            {"policy": "full"},
            "selection.learning_rates and search.recipe.learning_rate name rates: use one of them",
        ),
        (
            {"search": {"recipe": {"small_data": {"head_dropout": [0.2]}}}},
            {"policy": "full"},
            "recipe.small_data.head_dropout is for heads that start from the probe",
        ),
        ({"search": {"recipe": {"size": [3]}}}, {"policy": "full"}, "search.recipe.size cannot be searched"),
    ],
)
def test_a_search_that_a_study_cannot_have_is_refused(
    selection: dict[str, Any],
    adaptation: dict[str, Any],
    message: str,
    new_cohort: Callable[[Path], Any],
    medtl: Callable[..., Any],
    tmp_path: Path,
) -> None:
    cohort = new_cohort(tmp_path / "data")
    study = cohort.write(selection=selection, adaptation=adaptation, recipe={"epochs": 1, "batch_size": 8})
    done = medtl("run", study, "--out", tmp_path / "run")
    assert done.code != 0
    assert message in done.err
    assert not (tmp_path / "run").exists()
