"""The policies there are."""

from __future__ import annotations

from medtl.policies.anchored import ANCHORED
from medtl.policies.auto_rgn import AUTO_RGN
from medtl.policies.bn_only import BN_ONLY
from medtl.policies.centroid import CENTROID
from medtl.policies.full import FULL
from medtl.policies.gradual import GRADUAL
from medtl.policies.last_stages import LAST_STAGES
from medtl.policies.layerwise import LAYERWISE
from medtl.policies.lora import LORA
from medtl.policies.lp_ft import LP_FT
from medtl.policies.policy import Policy
from medtl.policies.probe import PROBE
from medtl.policies.scratch import SCRATCH

POLICIES: tuple[Policy, ...] = (
    PROBE,
    LP_FT,
    LAST_STAGES,
    LAYERWISE,
    GRADUAL,
    ANCHORED,
    BN_ONLY,
    AUTO_RGN,
    LORA,
    FULL,
    SCRATCH,
    CENTROID,
)


def policy_of(model: str) -> Policy | None:
    """The policy behind a model's name (`full@0.0001` is `full`); None for a model of another tool."""
    name = model.partition("@")[0]
    return next((one for one in POLICIES if one.name == name), None)


def reference_model() -> str:
    """The model that every other is compared with."""
    return next(one.name for one in POLICIES if one.is_reference)
