"""What the study declares about judging, before any result is known.

In: the `evaluation:` key of a study. Out: a frozen value; nothing in it may be chosen on test patients.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


EXAMPLES = {"at_least": "0.9", "cost_ratio": "10", "at": "0.5"}
"""A value of each number that a threshold rule may need."""


class ThresholdRule(BaseModel):
    """How each fold's threshold is chosen on its validation patients.

    `youden` takes the highest sensitivity + specificity - 1. `sensitivity` and `specificity` take the threshold that
    reaches `at_least` with the best of the other. `cost_ratio` takes the lowest cost where a missed positive costs
    `cost_ratio` false alarms. `fixed` chooses nothing: it is the threshold `at`, declared before any result.
    A rule may also be written as one word (`fields_of_rule`), as on the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Literal["youden", "sensitivity", "specificity", "cost_ratio", "fixed"] = "youden"
    at_least: Share | None = Field(default=None, description="For the rules sensitivity and specificity.")
    cost_ratio: float | None = Field(
        default=None, gt=0.0, le=1e6, description="False alarms that one missed positive costs."
    )
    at: Share | None = Field(default=None, description="The threshold itself, for the rule fixed.")

    @model_validator(mode="before")
    @classmethod
    def _may_be_one_word(cls, value: object) -> object:
        """`sensitivity=0.9` in a study means what it means on the command line."""
        return fields_of_rule(str(value)) if isinstance(value, str | float) else value

    @model_validator(mode="after")
    def _the_number_fits_the_rule(self) -> Self:
        needed = {"sensitivity": "at_least", "specificity": "at_least", "cost_ratio": "cost_ratio", "fixed": "at"}
        wanted = needed.get(self.rule)
        for name in ("at_least", "cost_ratio", "at"):
            given = getattr(self, name) is not None
            if given and name != wanted:
                raise ValueError(f"the rule {self.rule} takes no {name}; leave it out, or choose another rule")
            if not given and name == wanted:
                raise ValueError(f"the rule {self.rule} needs {name}, such as {EXAMPLES[name]}")
        return self

    @property
    def in_words(self) -> str:
        """The rule as a page words it."""
        if self.rule == "youden":
            return "Youden index"
        if self.rule == "fixed":
            return f"fixed at {self.at:g}"
        if self.rule == "cost_ratio":
            return f"a missed positive costs {self.cost_ratio:g} false alarms"
        return f"{self.rule} of at least {self.at_least:g}"

    @property
    def origin(self) -> str:
        """Where the threshold is from, as the end of a sentence about it."""
        if self.rule == "fixed":
            return "was given, and not chosen on these patients"
        return f"was chosen in each fold on its validation patients ({self.in_words}); test patients had no part in it"


def fields_of_rule(text: str) -> dict[str, object]:
    """The fields of a threshold rule that is written as one word, not yet validated.

    `youden`, `sensitivity=0.9`, `specificity=0.95`, `cost_ratio=10`, or a threshold such as `0.5`, which is `fixed`.
    """
    name, has_number, number = text.strip().partition("=")
    if has_number:
        return {"rule": name, "cost_ratio" if name == "cost_ratio" else "at_least": number}
    try:
        return {"rule": "fixed", "at": float(name)}
    except ValueError:
        return {"rule": name}


class EvaluationSettings(BaseModel):
    """What is judged beyond ranking, and at which declared values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: ThresholdRule = ThresholdRule()
    fixed: tuple[Share, ...] = Field(
        default=(0.90, 0.95), max_length=5, description="Sensitivity is given at these specificities, and the reverse."
    )
    prevalence: tuple[Share, ...] = Field(
        default=(), max_length=5, description="Predictive values are given at these shares of the positive class."
    )
    subgroups: tuple[str, ...] | None = Field(
        default=None, max_length=20, description="Covariates; by default site, sex, age and scanner where they are."
    )
    recalibration: Literal["platt", "temperature"] = Field(
        default="platt",
        description="Fitted on validation patients; given beside the probabilities, never instead of them.",
    )
    coverage: Share = Field(default=0.9, description="Of conformal prediction sets, in each class.")
