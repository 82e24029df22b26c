"""A new policy is one room and one line: the probe's start, held near it by a penalty, named and drawn on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import Tensor

from medtl.policies import Look, known
from medtl.policies.lp_ft import LP_FT

pytestmark = pytest.mark.usefixtures("own_places", "without_states")


def _distance(start: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Tensor:
    return 0.1 * sum((now[name] - start[name]).square().sum() for name in start)  # type: ignore[return-value]


TETHERED = replace(
    LP_FT, name="tethered", label="Tethered", short="Tethered", phrase="the tethered network",
    methods="fine-tuning that is held near its start", look=Look("#123456", "--", "x"), rank=9, beside=9,
    penalty=_distance,
)  # fmt: skip


def test_a_toy_policy_with_a_penalty_is_studied_and_stands_on_the_page(
    tiny: Any, new_run: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "POLICIES", (*known.POLICIES, TETHERED))
    for room in ("medtl.adaptation.policy", "medtl.training.fold", "medtl.report.findings.verdict"):
        monkeypatch.setattr(f"{room}.POLICIES", known.POLICIES)
    policies = ["tethered", "lp_ft"]
    study = tiny.write(adaptation={"policy": policies}, recipe={"epochs": 2, "batch_size": 8})
    answer = medtl("run", study, "--out", new_run)
    assert answer.code == 0, answer.err
    page = " ".join((new_run / "report.html").read_text().split())
    assert "The tethered network ranked" in page
    assert "fine-tuning that is held near its start" in page
    rows = pd.read_csv(new_run / "predictions.csv")
    scores = rows[rows["role"] == "test"].pivot(index="case_id", columns="model", values="p_ill")
    assert (scores["tethered"] - scores["lp_ft"]).abs().max() > 1e-6  # the penalty was felt
