"""What stays as it was pretrained while the rest learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from medtl.adaptation.classifier import Classifier


@contextmanager
def stages_frozen(classifier: Classifier, stages: Sequence[str]) -> Iterator[None]:
    """Stop gradients into the named stages of the encoder; their former state is given back at the end."""
    parameters = [parameter for name in stages for parameter in classifier.encoder.stage(name).parameters()]
    before = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, state in zip(parameters, before, strict=True):
            parameter.requires_grad_(state)


@contextmanager
def layers_kept(classifier: Classifier, is_kept: Callable[[str, nn.Module], bool]) -> Iterator[None]:
    """Stop gradients into the encoder's layers that are to be kept, by the name of their stage and the layer itself."""
    kept = [
        parameter
        for stage in classifier.encoder.stages
        for layer in classifier.encoder.stage(stage).modules()
        for parameter in layer.parameters(recurse=False)
        if parameter.requires_grad and is_kept(stage, layer)
    ]
    try:
        for parameter in kept:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in kept:
            parameter.requires_grad_(True)


@contextmanager
def training_mode(module: nn.Module, *, batch_norm_frozen: bool) -> Iterator[None]:
    """Training mode for the block, batch-norm layers in eval mode when their statistics are to stay as pretrained."""
    before = {name: part.training for name, part in module.named_modules()}
    try:
        module.train()
        if batch_norm_frozen:
            for part in module.modules():
                if is_normalisation(part):
                    part.eval()
        yield
    finally:
        _give_back(module, before)


def is_normalisation(layer: nn.Module) -> bool:
    """Whether a layer is a batch normalisation."""
    return isinstance(layer, _BatchNorm)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Eval mode for the block; every part's former mode is given back."""
    before = {name: part.training for name, part in module.named_modules()}
    try:
        module.eval()
        yield
    finally:
        _give_back(module, before)


def _give_back(module: nn.Module, before: dict[str, bool]) -> None:
    for name, part in module.named_modules():
        part.training = before[name]
