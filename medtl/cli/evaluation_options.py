"""The options of the commands that evaluate, and the settings of an evaluation that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    from medtl.evaluation import EvaluationSettings
    from medtl.predictions import PredictionTable

RULES = "youden, sensitivity=0.9, specificity=0.95, cost_ratio=10, or a threshold such as 0.5"

Threshold = Annotated[
    str | None,
    typer.Option(
        metavar="RULE",
        help=f"Declared before any result: {RULES}. A rule chooses on each fold's validation rows; by default youden "
        "where there are such rows, else 0.5.",
    ),
]
Positive = Annotated[
    str | None, typer.Option(metavar="CLASS", help="The positive one of two classes. Default: the last p_ column.")
]
Resamples = Annotated[int, typer.Option(min=0, max=100_000, help="Bootstrap draws of patients; 0 for no intervals.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the draws.")]


HALF = "0.5"
"""The threshold without validation rows and without another: the more probable class is called."""


def rule_for(table: PredictionTable, threshold: str | None) -> str:
    """The requested rule for the threshold, or the one that the table allows.

    Raises:
        ConfigurationError: the rule chooses on validation rows, and the table has none.
    """
    return rule_for_all([table], threshold)


def rule_for_all(tables: Sequence[PredictionTable], threshold: str | None) -> str:
    """The rule for the threshold of several tables, each of which has to allow it.

    Raises:
        ConfigurationError: the rule chooses on validation rows, and a table has none.
    """
    from medtl.evaluation.settings import fields_of_rule

    is_chosen_on_validation = all(len(one.of(role="validation")) > 0 or not one.outcome.has_threshold for one in tables)
    if threshold is None:
        return "youden" if is_chosen_on_validation else HALF
    if not is_chosen_on_validation and fields_of_rule(threshold)["rule"] != "fixed":
        raise ConfigurationError(
            f"The rule {threshold} chooses a threshold on validation rows, and a table has none; on test rows it "
            "would be too good. Add validation rows (column role), or give a threshold that was declared before, such "
            f"as --threshold {HALF}."
        )
    return threshold


def evaluation_settings(
    threshold: str, *, subgroups: Sequence[str] | None = None, prevalence: Sequence[float] = ()
) -> EvaluationSettings:
    """The settings of an evaluation from the options of a command.

    Raises:
        ConfigurationError: some options cannot be followed, all in one message.
    """
    from pydantic import ValidationError

    from medtl.evaluation import EvaluationSettings

    values: dict[str, object] = {"threshold": threshold, "prevalence": list(prevalence)}
    if subgroups:
        values["subgroups"] = list(subgroups)
    try:
        return EvaluationSettings.model_validate(values)
    except ValidationError as error:
        faults = [
            f"  - {'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}, "
            f"got {fault['input']!r}"
            for fault in error.errors()
        ]
        shown = "\n".join(faults)
        raise ConfigurationError(
            f"These predictions cannot be judged so:\n{shown}\nA threshold is {RULES}; shares lie between 0 and 1.",
            faults=len(faults),
        ) from error
