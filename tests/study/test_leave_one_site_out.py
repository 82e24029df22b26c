"""Folds by site: each site is tested by models that saw nobody of it, and the page says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.usefixtures("own_places")


def test_each_site_is_tested_unseen_and_named_on_the_page(
    tmp_path: Path, new_cohort: Callable[[Path], Any], medtl: Callable[..., Any]
) -> None:
    cohort = new_cohort(tmp_path / "data")
    for number, row in enumerate(cohort.rows):
        row["site"] = ("north", "south", "west")[number // 2 % 3]
    study = cohort.write(folds={"from_column": "site"}, classes=["well", "ill"])
    answer = medtl("run", study, "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    folds = pd.read_csv(tmp_path / "run" / "folds.csv")
    sites = pd.read_csv(tmp_path / "run" / "predictions.csv").drop_duplicates("case_id").set_index("case_id")["site"]
    for _, own in folds.groupby("fold"):
        by_role = {role: set(sites[rows["case_id"]]) for role, rows in own.groupby("role")}
        assert len(by_role["test"]) == 1
        assert not by_role["test"] & (by_role["training"] | by_role["validation"])
    page = (tmp_path / "run" / "report.html").read_text().replace("\u00a0", " ")
    assert "leave-one-site-out, 3 folds" in page
    for fold, site in enumerate(("north", "south", "west")):
        assert f"Fold {fold} ({site})" in page
    assert "Each site was tested unseen" in page
