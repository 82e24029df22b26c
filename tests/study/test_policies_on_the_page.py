"""Every policy in one small study: each is trained, drawn, described in the Methods and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medtl.policies import POLICIES

pytestmark = pytest.mark.usefixtures("own_places", "without_states")


def test_every_policy_of_a_study_stands_on_its_page_with_its_work(
    tiny: Any, new_run: Path, medtl: Callable[..., Any]
) -> None:
    names = [one.name for one in POLICIES if one.is_trained and one.is_choosable]
    study = tiny.write(adaptation={"policy": names, "last_stages": 1}, recipe={"epochs": 1, "batch_size": 8})
    answer = medtl("run", study, "--out", new_run)
    assert answer.code == 0, answer.err
    page = " ".join((new_run / "report.html").read_text().replace("&#39;", "'").split())
    for one in POLICIES:
        if one.name in names:
            assert one.methods.split(" (")[0][:60] in page, one.name
    works = (new_run / "references.bib").read_text()
    for work in ("howard2018", "li2018", "frankle2021", "yosinski2014"):
        assert work in works
    rows = pd.read_csv(new_run / "predictions.csv")
    assert set(names) <= set(rows["model"])
    assert rows.groupby("model")["p_ill"].nunique().min() > 1
