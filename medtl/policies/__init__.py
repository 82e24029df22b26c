"""Which ways of adapting an encoder there are.

One room per policy, listed in `known.POLICIES`. A policy says how the network starts, how fast its parts learn and what
penalises them, and how it is named, drawn and cited. No torch here: `training` does what a policy says, and the report
asks it how to speak of a model; neither knows one by name.
"""

from medtl.policies.known import POLICIES as POLICIES
from medtl.policies.known import policy_of as policy_of
from medtl.policies.known import reference_model as reference_model
from medtl.policies.policy import Dash as Dash
from medtl.policies.policy import Look as Look
from medtl.policies.policy import Policy as Policy
