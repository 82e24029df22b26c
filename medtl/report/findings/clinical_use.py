"""What speaks against using the probabilities or preferring a model: rules on the appraisal.

In: a run and its numbers. Out: findings.
"""

from __future__ import annotations

from medtl.evaluation import Appraisal
from medtl.findings import Finding, Severity
from medtl.policies import policy_of
from medtl.record.run import Run
from medtl.report.html.numbers import DIGITS, in_table, joined, p_value, plain
from medtl.report.html.theme import look_of
from medtl.report.results.judged import Judged

SIGNIFICANT = 0.05
UNCERTAIN_ORDER = 0.05
"""From this probability that the claimed order is false on, more studies like this one would often turn it around."""


def use_findings(run: Run, judged: Judged) -> tuple[Finding, ...]:
    """What was found, the strongest first."""
    if judged.appraisal is None:
        return ()
    found = [
        _subgroups(run.chosen_model, judged.appraisal),
        _miscalibrated(run.chosen_model, judged.appraisal),
        _order(run.models, judged.appraisal),
    ]
    return tuple(finding for finding in found if finding is not None)


def beyond_null(value: float, null_high: float) -> bool:
    """Whether an error lies above its null band as both are printed; within the band nothing is called wrong."""
    return float(plain(value)) > float(plain(null_high))


def _miscalibrated(chosen_model: str, found: Appraisal) -> Finding | None:
    for one in found.of(chosen_model).calibration:
        smooth = one.smooth
        if smooth is None or not beyond_null(smooth.value, smooth.null_high):
            continue
        slope = one.line.slope
        return Finding(
            "miscalibrated",
            "The probabilities are not calibrated: a patient called 30 % does not have a risk of 30 %.",
            f"Smooth calibration error for {one.of_class} {plain(smooth.value)}, above the limit that 95 % of "
            f"perfectly calibrated models stay below ({plain(smooth.null_high)}; {p_value(smooth.exceeded)}). Slope "
            f"{in_table(slope.value, slope.low, slope.high)}.",
            advice="Use the ranking, not the probabilities, or recalibrate on patients of your own and test it again.",
            question="Can the predicted probabilities be taken as risks?",
            severity=Severity.WEAKNESS,
        )
    return None


def _subgroups(chosen_model: str, found: Appraisal) -> Finding | None:
    differing = [
        one for one in found.of(chosen_model).subgroups if one.adjusted is not None and one.adjusted < SIGNIFICANT
    ]
    if not differing:
        return None
    one = differing[0]
    groups = [
        f"{group.name} {in_table(group.auroc.value, group.auroc.low, group.auroc.high, digits=DIGITS)}"
        for group in one.groups
    ]
    return Finding(
        "unequal subgroups",
        f"The model does not rank all patients equally well: its AUROC differs by {one.covariate}.",
        f"{joined(groups)}; {p_value(one.adjusted or 0.0)} after Holm’s correction.",
        advice="Report the groups apart, and look for what differs in their scans or their reference standard.",
        question="Does the model do equally well for all patients?",
        severity=Severity.WEAKNESS,
    )


def _order(models: tuple[str, ...], found: Appraisal) -> Finding | None:
    uncertain = [
        (look_of(one.model, models).name, one.decisions.order_false)
        for one in found.decisions
        if one.decisions.order_false is not None
        and one.decisions.order_false > UNCERTAIN_ORDER
        and ((own := policy_of(one.model)) is None or not own.is_baseline_only)
    ]
    if not uncertain:
        return None
    numbers = [f"{name} {plain(false)}" for name, false in uncertain]
    return Finding(
        "unsettled order",
        "These patients do not settle which of the models is more accurate.",
        f"Probability that the apparent ranking by accuracy against the frozen probe is wrong: {joined(numbers)}; it "
        "compares accuracy at thresholds chosen on validation patients, which are noisy.",
        advice="Do not claim that one model outperforms another.",
        question="How certain is the ranking of these models?",
        severity=Severity.WEAKNESS,
    )
