"""Which ways of adapting a borrowed encoder a study tries, and the settings they share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

Policy = Literal["probe", "lp_ft", "full", "scratch"]
"""probe: frozen features and logistic regression. lp_ft: the probe's head, then the whole net at a small rate
(Kumar 2022, arXiv 2202.10054). full: a new head and the whole net at once. scratch: nothing borrowed, the control."""

BASELINES: tuple[str, ...] = ("probe", "centroid")
"""Models on frozen features that every study fits, asked or not."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class AdaptationSettings(BaseModel):
    """How the encoder is adapted. The first policy is the study's primary model; the others are compared with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Annotated[tuple[Policy, ...], BeforeValidator(_as_tuple)] = Field(
        default=("lp_ft",), min_length=1, description="One policy or a list; all of them on the same folds."
    )
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Share of pooled features dropped before a new head.")
    frozen_stages: tuple[str, ...] = Field(
        default=(), description="Stages of the encoder that keep their borrowed weights in lp_ft and full."
    )
    encoder_rate: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Learning rate of borrowed weights and of the probe's head, as a share of the recipe's.",
    )

    @field_validator("policy")
    @classmethod
    def _each_once(cls, policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
        if len(set(policies)) < len(policies):
            raise ValueError(f"each policy can be named once; got {', '.join(policies)}")
        return policies

    @property
    def primary(self) -> Policy:
        """The policy whose model the study is about."""
        return self.policy[0]

    @property
    def trained(self) -> tuple[Policy, ...]:
        """The policies that need the training loop."""
        return tuple(policy for policy in self.policy if policy != "probe")

    @property
    def models(self) -> tuple[str, ...]:
        """Every model of the study, the primary first, the two frozen-feature baselines always among them."""
        return tuple(dict.fromkeys((*self.policy, *BASELINES)))
