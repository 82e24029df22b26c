"""What an encoder costs: its parameters, and the seconds that a case takes through it.

In: an encoder and prepared scans. Out: two numbers. The seconds are of this machine and of this moment.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from medtl.adaptation import freezing
from medtl.encoders import Encoder
from medtl.training.batches import Scans, each_once, load

TIMED_CASES = 4
PASSES = 2
"""The faster one counts: the first one fills caches."""


def parameters_of(encoder: Encoder) -> int:
    """The numbers that were learnt, without the classifier of the source task."""
    return sum(parameter.numel() for parameter in encoder.parameters())


def seconds_a_case(encoder: Encoder, scans: Scans, case_ids: Sequence[str], *, device: torch.device) -> float:
    """The seconds of a forward pass by case, on the first few cases."""
    own = list(case_ids[:TIMED_CASES])
    batches = list(load(scans, each_once(scans, own), workers=0))
    encoder.to(device)
    taken = []
    with freezing.eval_mode(encoder), torch.inference_mode():
        for _ in range(PASSES):
            begun = time.perf_counter()
            for batch in batches:
                encoder.pooled(encoder.normalised(batch.scans.to(device))).cpu()
            taken.append(time.perf_counter() - begun)
    return min(taken) / len(own)
