"""A GPU that others use: the emptiest of several is taken, and a run waits for room instead of failing.

GPUs are imitated here: what they answer is given, and no memory is ever full.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from medtl.encoders import WeightStore, build_encoder
from medtl.errors import ConfigurationError
from medtl.training import Recipe, choose_device, measured_step, shared_gpu, step_cost
from medtl.training.shared_gpu import SharedGpu, emptiest_gpu, minutes_to_wait

CUDA, GB = torch.device("cuda", 0), 10**9


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """So many GPUs with so many bytes free, as the process that is asked would print them."""

    def there(*free: int, says: str | None = None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
        out = " ".join(map(str, free)) if says is None else says
        answer = SimpleNamespace(run=lambda *_words, **_options: SimpleNamespace(stdout=out))
        monkeypatch.setattr(shared_gpu, "subprocess", answer)

    return there


def test_of_several_gpus_the_emptiest_is_taken_and_said(
    gpus: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    gpus(2 * GB, 40 * GB, 11 * GB)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 1)
    assert "cuda:1 is taken, with 40.0 GB the GPU with the most free memory." in capsys.readouterr().err
    assert choose_device("cuda:0") == torch.device("cuda", 0), "a GPU that is named is taken, whatever is free"
    assert choose_device("cpu") == torch.device("cpu")


def test_the_first_stays_where_it_is_the_emptiest_alone_or_where_nothing_can_be_asked(
    gpus: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    for free, says in (((40 * GB, 2 * GB), None), ((GB,), None), ((GB, GB), "no driver"), ((GB, GB), "")):
        gpus(*free, says=says)
        assert emptiest_gpu() == torch.device("cuda")
    assert capsys.readouterr().err == ""


def held(monkeypatch: pytest.MonkeyPatch, *free: int) -> list[float]:
    """A GPU of 24 GB that others leave so much of, look by look; gives back how long was slept."""
    slept: list[float] = []
    looks = list(free)
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(shared_gpu, "time", clock)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: GB)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (looks.pop(0) if looks else free[-1], 24 * GB))
    return slept


def test_it_waits_while_others_hold_memory_says_so_once_and_stops_when_they_are_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept = held(monkeypatch, 3 * GB, 3 * GB, 23 * GB)
    shared = SharedGpu(CUDA)
    assert [shared.is_worth_waiting() for _ in range(3)] == [True, True, False]
    assert slept == [shared_gpu.SECONDS_BETWEEN] * 2
    said = capsys.readouterr().err
    assert said.count("waiting") == 1
    assert "cuda:0 has 3.0 of 24.0 GB free, since others use it, and a batch of this study does not fit" in said
    assert "up to 60 minutes (MEDTL_GPU_WAIT_MINUTES)" in said
    assert "--device cuda:1" in said


def test_it_waits_no_longer_than_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTL_GPU_WAIT_MINUTES", "1.25")
    slept = held(monkeypatch, 3 * GB)
    shared = SharedGpu(CUDA)
    while shared.is_worth_waiting():
        pass
    assert sum(slept) == pytest.approx(75.0)
    assert not SharedGpu(torch.device("cpu")).is_worth_waiting()


@pytest.mark.parametrize("given", ["an hour", "-1", "nan", "inf"])
def test_a_wait_that_is_no_number_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTL_GPU_WAIT_MINUTES", given)
    with pytest.raises(
        ConfigurationError, match=rf"MEDTL_GPU_WAIT_MINUTES is a number of minutes, 0 or more; got '{given}'"
    ):
        minutes_to_wait()


class Waits:
    """Stands for a GPU that is free after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def is_worth_waiting(self) -> bool:
        """One look."""
        self.looks -= 1
        return self.looks >= 0


@pytest.mark.parametrize(("fits", "looks", "tried"), [(3, 0, [8, 4, 2]), (8, 2, [8, 8, 8]), (0, 0, [8, 4, 2, 1])])
def test_a_batch_that_does_not_fit_is_waited_for_and_then_halved(
    fits: int, looks: int, tried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    gpu = Waits(looks)

    def measured(*_step: object, together: int, **_where: object) -> tuple[float, int]:
        sizes.append(together)
        if together > fits or gpu.looks > 0:
            raise torch.OutOfMemoryError
        return 0.5, 7

    monkeypatch.setattr(step_cost, "_measured", measured)
    monkeypatch.setattr(step_cost, "SharedGpu", lambda _device: gpu)
    encoder = build_encoder("resnet10", store=WeightStore.from_environment(), seed=1)

    def cost() -> step_cost.MeasuredStep:
        return measured_step(
            encoder, shape=(32, 32), channels=1, recipe=Recipe(batch_size=8), device=torch.device("cpu"),
            is_learning=True,
        )  # fmt: skip

    if fits:
        assert cost() == step_cost.MeasuredStep(0.5, 0.5 / 3, 7)
    else:
        with pytest.raises(torch.OutOfMemoryError):
            cost()
    assert sizes == tried
