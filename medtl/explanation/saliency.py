"""Saliency maps of a classifier: the evidence for a class in the feature maps, by HiResCAM or another CAM method.

HiResCAM is the sum over channels of activation times gradient, position by position, negative parts cut off. After a
global average pool and one linear layer, at the last stage, it equals Grad-CAM and CAM; at earlier stages it stays
faithful where Grad-CAM, which averages the gradient first, does not (Draelos and Carin 2020, arXiv 2011.08891).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from medtl.adaptation import Classifier, freezing
from medtl.encoders import Encoder
from medtl.encoders.readout import stages_of
from medtl.errors import ConfigurationError
from medtl.explanation.cam_methods import BY_CASE, METHODS
from medtl.explanation.resizing import resized_tensor
from medtl.explanation.settings import Method
from medtl.record.saliency import READOUT

FEWEST_POSITIONS = 7
"""Positions a side from which a map says where, not only which half; ImageNet networks have 7 at 224 px."""


@dataclass(frozen=True)
class RawSaliency:
    """A map on the grid of the stage: (height, width) of pictures, (right, anterior, superior) of volumes.

    Nothing is negative. By HiResCAM and LayerCAM `values` are in units of the logit, by the others in no unit.

    `strength` is its maximum: what one position adds to the logit of `target`. A weak map is not evidence.
    """

    target: int
    values: Float[np.ndarray, "*grid"]

    @property
    def strength(self) -> float:
        """The largest contribution of one position."""
        return float(self.values.max())


def hirescam(
    classifier: Classifier,
    scans: Float[Tensor, "case channel *prepared"],
    targets: Sequence[int],
    *,
    stage: str | None = None,
) -> tuple[RawSaliency, ...]:
    """HiResCAM maps of `scans` for the class index in `targets`, one map a scan; else as `saliency_maps`.

    At the last stage its signed values add up to the logit without bias.
    """
    return saliency_maps(classifier, scans, targets, stage=stage, method="hirescam")


def saliency_maps(
    classifier: Classifier,
    scans: Float[Tensor, "case channel *prepared"],
    targets: Sequence[int],
    *,
    stage: str | None,
    method: Method,
) -> tuple[RawSaliency, ...]:
    """Compute a saliency map of each scan for a class.

    Through attention over slices, a slice's weight is held fixed: the map is weight times in-slice evidence. Runs in
    eval mode and float32, leaves no hook, no gradient and no changed mode behind.

    Args:
        classifier: the fitted model.
        scans: prepared, in one batch.
        targets: class index of each scan.
        stage: of the encoder; None takes the last one, `READOUT` all that the head reads, as one map.
        method: of class activation mapping.

    Raises:
        ConfigurationError: the encoder has no such stage.
    """
    if method in BY_CASE and len(scans) > 1:
        alone = [scans[index : index + 1] for index in range(len(scans))]
        found = (
            saliency_maps(classifier, scan, [target], stage=stage, method=method)
            for scan, target in zip(alone, targets, strict=True)
        )
        return tuple(one for maps in found for one in maps)
    if stage == READOUT:
        return _readout_maps(classifier, scans, targets, method=method)
    name = stage or classifier.encoder.stages[-1]
    if name not in classifier.encoder.stages:
        raise ConfigurationError(
            f"explanation.stage is {name!r}; this encoder's stages are {', '.join(classifier.encoder.stages)}.",
            stage=name,
        )
    device = next(classifier.parameters()).device
    with (
        freezing.eval_mode(classifier),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        classifier.encoder.attention_held(),
        _captured(classifier.encoder.stage(name)) as captured,
    ):
        logits = classifier(scans.to(device, torch.float32))
        wanted = logits.gather(1, torch.tensor(list(targets), device=device)[:, None]).sum()
        activations = tuple(captured)  # several when slices go through in chunks
        gradients = torch.autograd.grad(wanted, activations)
    evidence = METHODS[method]([part.detach() for part in activations], gradients)
    assembled = classifier.encoder.assembled(evidence, len(scans), shape=tuple(scans.shape[2:]))
    maps = assembled.relu().cpu().numpy()
    return tuple(RawSaliency(target, values) for target, values in zip(targets, maps, strict=True))


def _readout_maps(
    classifier: Classifier, scans: Float[Tensor, "case channel *prepared"], targets: Sequence[int], *, method: Method
) -> tuple[RawSaliency, ...]:
    """The evidence of every stage that the head reads, added up on the finest of their grids.

    Each stage counts by what the head reads of it directly. Means and standard deviations are homogeneous functions of
    a stage's maps, so by Euler's theorem HiResCAM's evidence sums to the logit without its bias.
    """
    encoder = classifier.encoder
    device = next(classifier.parameters()).device
    with ExitStack() as stack:
        stack.enter_context(freezing.eval_mode(classifier))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        stack.enter_context(encoder.attention_held())
        captured = [
            stack.enter_context(_captured(encoder.stage(name)))
            for name in stages_of(classifier.readout, encoder.stages)
        ]
        logits = classifier(scans.to(device, torch.float32))
        wanted = logits.gather(1, torch.tensor(list(targets), device=device)[:, None]).sum()
        activations = [tuple(parts) for parts in captured]
        flat = [part for parts in activations for part in parts]
        gradients = iter(torch.autograd.grad(wanted, flat))
    summed: Tensor | None = None
    for parts in activations:
        own = [next(gradients) for _ in parts]
        evidence = METHODS[method]([part.detach() for part in parts], own)
        one = encoder.assembled(evidence, len(scans), shape=tuple(scans.shape[2:]))
        summed = one if summed is None else summed + _on_finer_grid(one, tuple(summed.shape[1:]))
    assert summed is not None
    maps = summed.relu().cpu().numpy()
    return tuple(RawSaliency(target, values) for target, values in zip(targets, maps, strict=True))


def _on_finer_grid(values: Float[Tensor, "case *coarse"], shape: tuple[int, ...]) -> Float[Tensor, "case *fine"]:
    """The values on a finer grid, linear between positions; sums stay, exactly so where sides are even multiples."""
    share = math.prod(values.shape[1:]) / math.prod(shape)
    return resized_tensor(values[:, None], shape)[:, 0] * share


def map_stage(classifier: Classifier, scans: Float[Tensor, "case channel *prepared"]) -> str:
    """What a map is made of unless the study says: all that the head reads, or the stage that suits such scans."""
    return READOUT if classifier.readout != "last" else stage_to_look_at(classifier.encoder, scans)


def stage_to_look_at(encoder: Encoder, scans: Float[Tensor, "case channel *prepared"]) -> str:
    """The deepest stage whose map of such scans has at least `FEWEST_POSITIONS` positions a side, else the first.

    Deeper stages are more faithful and coarser: of a 64 px scan, layer4 of a ResNet keeps 2 x 2 positions. Of volumes
    the two longer sides count, since slices may be few.
    """
    device = next(encoder.parameters()).device
    sides: dict[str, int] = {}
    handles = [encoder.stage(name).register_forward_hook(partial(_note_side, sides, name)) for name in encoder.stages]
    try:
        with freezing.eval_mode(encoder), torch.inference_mode():
            encoder.pooled(encoder.normalised(scans[:1].to(device, torch.float32)))
    finally:
        for handle in handles:
            handle.remove()
    fine = [name for name in encoder.stages if sides[name] >= FEWEST_POSITIONS]
    return fine[-1] if fine else encoder.stages[0]


def _note_side(sides: dict[str, int], name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
    sides[name] = sorted(output.shape[2:])[-2]


@contextmanager
def _captured(stage: nn.Module) -> Iterator[list[Tensor]]:
    """The stage's outputs of the next forward pass, as the leaves from which gradients are taken."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        leaf = output.detach().requires_grad_(True)
        outputs.append(leaf)
        return leaf + 0  # a copy: what follows may change its input in place

    handle = stage.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
