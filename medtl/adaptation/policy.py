"""Which ways of adapting a pretrained encoder a study tries, and the settings they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from medtl.close_names import did_you_mean
from medtl.encoders.readout import READOUTS, Readout
from medtl.errors import ConfigurationError
from medtl.policies import POLICIES, policy_of
from medtl.policies.last_stages import LAST_STAGES
from medtl.policies.lp_ft import LP_FT


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _known(name: str) -> str:
    choosable = [one.name for one in POLICIES if one.is_choosable]
    if name not in choosable:
        hint = did_you_mean(name, choosable)
        raise ValueError(
            f"there is no policy {name!r}{hint}{' C' if hint else '; c'}hoose among {', '.join(choosable)}"
        )
    return name


class AdaptationSettings(BaseModel):
    """How the encoder is adapted. The first policy is the study's primary model; the others are compared with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Annotated[tuple[Annotated[str, AfterValidator(_known)], ...], BeforeValidator(_as_tuple)] = Field(
        default=(LP_FT.name,), min_length=1, description="One policy or a list; all of them on the same folds."
    )
    probe_stages: Literal["auto", "last", "last_two", "all"] = Field(
        default="last",
        description="Stages whose maps the probe reads: last, last_two, all, or auto, which chooses in inner folds.",
    )
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Share of pooled features dropped before a new head.")
    frozen_stages: tuple[str, ...] = Field(
        default=(), description="Stages of the encoder that keep their pretrained weights in lp_ft and full."
    )
    last_stages: int = Field(default=2, ge=1, description="Stages that the policy last_stages trains.")
    encoder_rate: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Learning rate of pretrained weights and of the probe's head, as a share of the recipe's.",
    )

    @field_validator("policy")
    @classmethod
    def _each_once(cls, policies: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(policies)) < len(policies):
            raise ValueError(f"each policy can be named once; got {', '.join(policies)}")
        return policies

    def refuse_unfit_stages(self, stages: Sequence[str], *, encoder: str) -> None:
        """Refuse stages that an encoder lacks, before anything is trained.

        Raises:
            ConfigurationError: frozen_stages names others, or last_stages is not fewer than the encoder has.
        """
        unknown = [name for name in self.frozen_stages if name not in stages]
        if unknown:
            raise ConfigurationError(
                f"frozen_stages names {', '.join(unknown)}; the stages of {encoder} are {', '.join(stages)}.",
                unknown=unknown,
            )
        if LAST_STAGES.name in self.policy and self.last_stages >= len(stages):
            raise ConfigurationError(
                f"last_stages is {self.last_stages}, and {encoder} has {len(stages)} stages ({', '.join(stages)}): "
                f"none would be kept. Give at most {len(stages) - 1}, or the policy {LP_FT.name}.",
            )

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """The readouts that the probe chooses among, the narrowest first."""
        return READOUTS if self.probe_stages == "auto" else (self.probe_stages,)

    @property
    def primary(self) -> str:
        """The policy whose model the study is about."""
        return self.policy[0]

    @property
    def trained(self) -> tuple[str, ...]:
        """The policies that need the training loop."""
        return tuple(name for name in self.policy if (found := policy_of(name)) is not None and found.is_trained)

    @property
    def models(self) -> tuple[str, ...]:
        """Every model of the study, the primary first, the two frozen-feature baselines always among them."""
        return tuple(dict.fromkeys((*self.policy, *(one.name for one in POLICIES if one.is_fitted_always))))
