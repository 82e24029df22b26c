"""What cannot be judged is answered with the rule, the model or the metric that is missing, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from medtl.errors import IntegrityFailure
from medtl.evaluation import StudyMetrics, evaluate
from medtl.evaluation.metrics import known
from medtl.evaluation.settings import EvaluationSettings, ThresholdRule
from medtl.evaluation.study_metrics import Metrics


@pytest.fixture
def metrics(make_table: Callable[..., Any]) -> StudyMetrics:
    return evaluate(make_table(patients=12, folds=2), resamples=0, seed=1)


def test_a_rule_with_another_rules_number_is_answered_with_both_ways_out() -> None:
    with pytest.raises(ValidationError, match="rule youden takes no at_least; leave it out, or choose another rule"):
        ThresholdRule(rule="youden", at_least=0.9)


def test_a_rule_on_sensitivity_without_its_number_is_answered_with_one() -> None:
    with pytest.raises(ValidationError, match=r"the rule sensitivity needs at_least, such as 0\.9"):
        EvaluationSettings(threshold="sensitivity")


def test_a_rule_on_costs_without_their_ratio_is_answered_with_one() -> None:
    with pytest.raises(ValidationError, match=r"the rule cost_ratio needs cost_ratio, such as 10"):
        ThresholdRule(rule="cost_ratio")


def test_a_fixed_threshold_without_its_value_is_answered_with_one() -> None:
    with pytest.raises(ValidationError, match=r"the rule fixed needs at, such as 0\.5"):
        ThresholdRule(rule="fixed")


def test_a_model_that_was_not_judged_is_answered_with_what_to_do(metrics: StudyMetrics) -> None:
    with pytest.raises(IntegrityFailure, match=r"no model 'full'; there is probe, lp_ft\. Evaluate the run again"):
        metrics.of("full")


def test_metrics_with_one_faulty_key_name_it_and_the_table_they_are_made_from(metrics: StudyMetrics) -> None:
    with pytest.raises(
        IntegrityFailure,
        match=r"medtl wrote \(1 fault\):\n  - accuracy: Extra inputs.*\nRebuild metrics\.json from predictions\.csv",
    ):
        StudyMetrics.from_json({**metrics.to_json(), "accuracy": 0.9})


def test_a_metric_that_is_missing_and_one_that_is_not_known_are_both_named(metrics: StudyMetrics) -> None:
    first, *others = known.METRICS
    values = {metric.name: {"value": None, "reason": "too few", "n": 3} for metric in others}
    with pytest.raises(
        ValidationError, match=rf"expected the metrics {first.name}, .*; missing: {first.name}; not known: kappa"
    ):
        Metrics.model_validate({**values, "kappa": values[others[0].name]})
