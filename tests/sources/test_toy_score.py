"""A transferability score is one room and one line: a toy score is in the record like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from medtl.evaluation.estimate import Undefined
from medtl.sources import score_table
from medtl.sources.curve_data import CurveData
from medtl.sources.scores.score import TrainingFeatures, TransferScore


def width(data: TrainingFeatures) -> float | Undefined:
    """The toy's room: how many features there are; none where there are eight."""
    count = data.features.shape[1]
    return Undefined("eight is too few") if count == 8 else float(count)


def test_a_toy_score_is_worked_out_for_each_candidate_and_held_against_the_probe(
    make_data: Callable[..., CurveData], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_table, "SCORES", (TransferScore("toy", "Toy", width, "a test"),))
    sources = {f"w{count}": make_data(patients=24, features=count, folds=2) for count in (4, 8, 16, 32, 64)}
    aurocs = {"w8": 0.9, "w16": 0.6, "w32": 0.7, "w64": 0.8}
    (found,) = score_table.score_sources(sources, {}, aurocs)
    assert [one.value for one in found.values] == [4.0, None, 16.0, 32.0, 64.0]
    assert found.of("w8").reason == "eight is too few"
    assert found.tau == pytest.approx(1.0)
    (reverse,) = score_table.score_sources(sources, {}, {"w16": 0.8, "w32": 0.7, "w64": 0.6})
    assert reverse.tau == pytest.approx(-1.0)
    (two,) = score_table.score_sources(sources, {}, {"w16": 0.8, "w32": 0.7})
    assert two.tau is None


def test_an_encoder_whose_features_do_not_vary_has_no_score_and_stops_no_other(
    make_data: Callable[..., CurveData],
) -> None:
    alive = make_data(patients=48, features=16, folds=2)
    dead = replace(alive, last_stage=np.full_like(alive.last_stage, 0.1))
    for score in score_table.score_sources({"alive": alive, "dead": dead}, {}, {}):
        assert score.of("dead").value is None
        assert score.of("dead").reason == "the features of a training part do not vary"
        assert (score.of("alive").value is None) == (score.name == "leep")
