"""What fine-tuning left of the pretrained encoder: likeness of features and distance of weights, stage by stage.

In: the pretrained encoder, networks that started from it, and some cases. Out: numbers for the record. They are
measured after a fit and serve no choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from medtl.adaptation import Classifier, freezing
from medtl.encoders import Encoder
from medtl.record.retention import ModelChange, Retention, StageChange
from medtl.training.batches import Scans, load_once

MOST_CASES = 48
"""Cases that are looked at: two passes of some seconds."""

FEWEST_ROWS = 4
"""Below that the estimate without bias is not defined."""

ROUNDING = 1e-10

StageFeatures = Mapping[str, Float[np.ndarray, "row channel"]]


def retention_of(
    source: Encoder, networks: Mapping[str, Classifier], scans: Scans, case_ids: Sequence[str], *, device: torch.device
) -> Retention:
    """How far each network, by the name of its model, moved from `source`, seen on the first of the cases."""
    seen = tuple(case_ids[:MOST_CASES])
    before = stage_features(source, scans, seen, device=device)
    changes = []
    for model, network in networks.items():
        after = stage_features(network.encoder, scans, seen, device=device)
        stages = [
            StageChange(
                stage=name,
                cka=linear_cka(before[name], after[name]),
                distance=relative_distance(source.stage(name), network.encoder.stage(name)),
            )
            for name in source.stages
        ]
        changes.append(ModelChange(model=model, stages=tuple(stages)))
    return Retention(cases=len(seen), models=tuple(changes))


def linear_cka(one: Float[np.ndarray, "row first"], other: Float[np.ndarray, "row second"]) -> float | None:
    """Centred kernel alignment of two sets of features of the same rows, at most 1 and near 0 where they are unrelated.

    It does not change when features are turned, mirrored or scaled as a whole (Kornblith 2019, arXiv 1905.00414). Its
    plain estimate is near 1 for unrelated features too where rows are fewer than features; this is the one without that
    bias (Nguyen 2021, arXiv 2010.15327, of Song 2012, JMLR 13: 1393), which can fall slightly below 0. None where there
    are fewer than four rows, or where one of the two gives all rows the same distances.
    """
    if len(one) < FEWEST_ROWS:
        return None
    first, second = _doubly_centred(one), _doubly_centred(other)
    length = np.linalg.norm(first) * np.linalg.norm(second)
    return None if length == 0 else float(np.clip((first * second).sum() / length, -1.0, 1.0))


def _doubly_centred(features: Float[np.ndarray, "row channel"]) -> Float[np.ndarray, "row row"]:
    """Inner products of rows without the diagonal, centred so that each row sums to 0; 0 where that is rounding alone.

    The product of two of these is the estimate without bias (Szekely 2014, doi 10.1214/14-AOS1255, proposition 1).
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    products = centred @ centred.T
    rows, scale = len(products), np.linalg.norm(products)
    np.fill_diagonal(products, 0.0)
    sums = products.sum(axis=0)
    products += sums.sum() / ((rows - 1) * (rows - 2)) - (sums[:, None] + sums[None, :]) / (rows - 2)
    np.fill_diagonal(products, 0.0)
    rounding = np.linalg.norm(products) <= ROUNDING * scale or np.ptp(features, axis=0).max() == 0
    return np.zeros_like(products) if rounding else products


def relative_distance(source: nn.Module, adapted: nn.Module) -> float:
    """The length of the change of a stage's parameters as a share of the length of the parameters themselves."""
    now = dict(adapted.named_parameters())
    pairs = [
        (before.detach().double().cpu(), now[name].detach().double().cpu())
        for name, before in source.named_parameters()
    ]
    moved = sum(float((after - before).square().sum()) for before, after in pairs)
    length = sum(float(before.square().sum()) for before, _ in pairs)
    return (moved / length) ** 0.5 if length else 0.0


def stage_features(
    encoder: Encoder, scans: Scans, case_ids: Sequence[str], *, device: torch.device
) -> dict[str, Float[np.ndarray, "row channel"]]:
    """The mean of each map of each stage, a row a case; where an encoder cuts slices, a row a slice."""
    encoder.to(device)
    with freezing.eval_mode(encoder), torch.no_grad(), _captured(encoder) as rows:
        for batch in load_once(scans, case_ids, workers=0, what="what changed in the encoder"):
            encoder.pooled(encoder.normalised(batch.scans.to(device)))
        return {name: torch.cat(parts).double().cpu().numpy() for name, parts in rows.items()}


@contextmanager
def _captured(encoder: Encoder) -> Iterator[dict[str, list[Tensor]]]:
    """What every stage gives while the block runs, its maps averaged."""
    rows: dict[str, list[Tensor]] = {name: [] for name in encoder.stages}

    def keep(name: str, maps: Tensor) -> None:
        rows[name].append(maps.flatten(2).mean(dim=2))

    with ExitStack() as hooks:
        for name in encoder.stages:
            handle = encoder.stage(name).register_forward_hook(lambda module, given, maps, name=name: keep(name, maps))
            hooks.callback(handle.remove)
        yield rows
