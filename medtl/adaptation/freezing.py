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
def parameters_kept(classifier: Classifier, is_kept: Callable[[str, int], bool]) -> Iterator[None]:
    """Stop gradients into the encoder's parameters that are to be kept, by name and number of axes."""
    kept = [
        parameter
        for name, parameter in classifier.named_parameters()
        if name.startswith("encoder.body.") and parameter.requires_grad and is_kept(name, parameter.ndim)
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
                if isinstance(part, _BatchNorm):
                    part.eval()
        yield
    finally:
        _give_back(module, before)


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
