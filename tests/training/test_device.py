"""Where the arithmetic happens: chosen in the open, lower precision on CUDA alone, and what was set is given back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from medtl.adaptation import Classifier
from medtl.errors import ConfigurationError
from medtl.training import choose_device
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.device import autocast, lower_precision, repeatable
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask

MakeTask = Callable[..., FitTask]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def flags() -> tuple[bool, ...]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
    )


def test_auto_takes_cuda_when_there_is_one_and_cpu_stays_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for available, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=available: found)
        assert choose_device("auto").type == expected
        assert choose_device("cpu").type == "cpu"


def test_cuda_that_is_not_there_and_unknown_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match=r"--device cuda was asked for, but torch sees no CUDA device.*doctor"):
        choose_device("cuda")
    with pytest.raises(
        ConfigurationError, match=r"is auto, cpu, cuda or a GPU by its number, such as cuda:1; got 'tpu'"
    ):
        choose_device("tpu")
    with pytest.raises(ConfigurationError, match=r"--device cuda:1 was asked for, but torch sees no CUDA device"):
        choose_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigurationError, match=r"cuda:2 was asked for, and torch sees 2 GPUs, counted from cuda:0"):
        choose_device("cuda:2")


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_lower_precision_is_for_cuda_alone(
    has_bf16: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)
    assert lower_precision(CUDA, wanted=True) is expected
    assert lower_precision(CUDA, wanted=False) is None
    assert lower_precision(CPU, wanted=True) is None


def test_autocast_lowers_a_product_inside_the_block_only() -> None:
    left, right = torch.ones(2, 2), torch.ones(2, 2)
    with autocast(CPU, torch.bfloat16):
        assert (left @ right).dtype is torch.bfloat16
    with autocast(CPU, None):
        assert (left @ right).dtype is torch.float32
    assert (left @ right).dtype is torch.float32


def test_repeatable_sets_what_cuda_needs_and_gives_back_what_was_set_also_after_an_error() -> None:
    before, inside = flags(), []

    def fails() -> None:
        with repeatable(CUDA, wanted=True):
            inside.append(flags())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert inside == [(True, False, False, False)]
    assert flags() == before
    for device, wanted in ((CPU, True), (CUDA, False)):
        with repeatable(device, wanted=wanted):
            assert flags() == before


@pytest.mark.gpu
@needs_cuda
def test_on_cuda_mixed_precision_learns_what_float32_learns(
    classifier: Classifier, make_task: MakeTask, tmp_path: Path
) -> None:
    losses = {}
    for mixed in (True, False):
        task = replace(make_task(epochs=8, mixed_precision=mixed, loading_workers=0), device=CUDA)
        history = fit(copy.deepcopy(classifier), task, CheckpointFolder(tmp_path / str(mixed), "fit"))
        losses[mixed] = history[-1].training_loss
    assert losses[True] == pytest.approx(losses[False], abs=0.1)


@pytest.mark.gpu
@needs_cuda
def test_on_cuda_a_repeatable_fit_gives_the_same_bits_twice(
    classifier: Classifier, make_task: MakeTask, tmp_path: Path
) -> None:
    found = []
    for name in ("one", "two"):
        fitted = copy.deepcopy(classifier)
        task = replace(make_task(deterministic=True, loading_workers=0), device=CUDA)
        with repeatable(CUDA, wanted=True):
            fit(fitted, task, CheckpointFolder(tmp_path / name, "fit"))
        found.append({key: value.cpu() for key, value in fitted.state_dict().items()})
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


@pytest.mark.gpu
@needs_cuda
def test_on_cuda_running_out_of_memory_ends_the_fit_with_a_smaller_micro_batch(
    classifier: Classifier, make_task: MakeTask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = replace(make_task(epochs=1, batch_size=8, loading_workers=0), device=CUDA)
    total = torch.cuda.get_device_properties(0).total_memory
    scan = torch.rand(8, 1, 2048, 2048)
    data = task.scans
    big = type(data)(lambda name: scan[0].numpy(), data.labels, lambda pixels, *, seed: pixels)
    torch.cuda.set_per_process_memory_fraction(min(1.0, 3e9 / total))
    try:
        fit(classifier, replace(task, scans=big), CheckpointFolder(tmp_path, "fit"))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "Out of memory: from here on" in capsys.readouterr().err
