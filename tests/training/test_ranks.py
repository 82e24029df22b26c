"""One fit on several processes: the batches, chance and statistics of one process, to rounding."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from several_ranks import codes_of, start_ranks

from medtl.adaptation import Classifier, classifier_with_new_head, freezing
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import ConfigurationError, DataRefused, ResourceExhausted
from medtl.training import Scans
from medtl.training.batches import Request, load
from medtl.training.checkpoint import NoCheckpoints
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.life_line import connection_to_first, connections_to_others
from medtl.training.meeting import RankEnded, meeting_of
from medtl.training.ranks import ALONE, Ranks
from medtl.training.step import TrainingStep
from medtl.training.whole_piece import OfWholePiece

MakeTask = Callable[..., FitTask]
Tensors = dict[str, torch.Tensor]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def new_classifier(encoder: str = "resnet10") -> Classifier:
    return classifier_with_new_head(build_untrained(find_encoder(encoder), seed=0), classes=2, seed=0, dropout=0.2)


def on_ranks(work: Callable[[Ranks], Tensors], folder: Path, *, world: int) -> Tensors:
    """What the first of so many processes finds; the others find the same bits."""

    def one(rank: int) -> None:
        with meeting_of(rank=rank, world=world, address="127.0.0.1", device=CPU) as meeting:
            found = work(Ranks(rank, world, meeting))
            save_file({name: value.contiguous() for name, value in found.items()}, folder / f"{rank}.safetensors")

    assert codes_of(start_ranks(one, world=world)) == [0] * world
    first, *others = (load_file(folder / f"{rank}.safetensors") for rank in range(world))
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)
    return first


def farthest(one: Tensors, other: Tensors) -> float:
    assert set(one) == set(other)
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def weights_after(task: FitTask, ranks: Ranks = ALONE) -> Tensors:
    classifier = new_classifier()
    dtype = torch.from_numpy(task.scans.pixels(task.training[0])).dtype
    fit(classifier.to(dtype), replace(task, ranks=ranks), NoCheckpoints())
    return {name: value.clone() for name, value in classifier.state_dict().items()}


@pytest.mark.slow
def test_weights_after_three_epochs_on_two_processes_are_those_on_one(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task(batch_norm_frozen=True, epochs=3, learning_rate=3e-4)
    alone = weights_after(task)
    assert farthest(alone, on_ranks(partial(weights_after, task), tmp_path, world=2)) <= 1e-5
    assert farthest(alone, dict(new_classifier().state_dict())) > 1e-3


@pytest.mark.slow
def test_where_batch_statistics_are_learnt_the_processes_differ_from_one_by_rounding(
    make_task: MakeTask, scans: Scans, tmp_path: Path
) -> None:
    """In double precision: AdamW divides by small gradients, so that in single precision their rounding is seen."""

    def varied(scan: np.ndarray, *, seed: int) -> np.ndarray:
        return scan + np.random.default_rng(seed).normal(0, 0.05, scan.shape)

    double = Scans(lambda name: scans.pixels(name).astype("float64"), scans.labels, varied, outcome=scans.outcome)
    task = make_task(data=double, epochs=3)
    alone = weights_after(task)
    assert farthest(alone, on_ranks(partial(weights_after, task), tmp_path, world=2)) <= 1e-5
    assert farthest(alone, {name: value.double() for name, value in new_classifier().state_dict().items()}) > 1e-3


def pass_of_one_batch(task: FitTask, ranks: Ranks = ALONE) -> Tensors:
    """The loss, gradients and statistics of one batch of seven, in micro-batches of four and three."""
    classifier = new_classifier().double()
    groups = [{"params": list(classifier.parameters()), "rate": 0.0}]
    step = TrainingStep(
        classifier, torch.optim.SGD(groups, lr=0.0), torch.amp.GradScaler("cpu", enabled=False),
        outcome=task.scans.outcome, recipe=task.recipe, dtype=None, device=CPU, fewest=task.fewest, ranks=ranks,
    )  # fmt: skip
    plan = [[Request(case, seed=1) for case in task.training[:7]]]
    (batch,) = ranks.load(partial(load, task.scans, workers=0), plan, whole=step.mixing.is_on)
    with freezing.training_mode(classifier, batch_norm_frozen=task.batch_norm_frozen):
        loss = step.take(replace(batch, scans=batch.scans.double()), rate=0.0, seed=5)
    gradients = {name: one.grad for name, one in classifier.named_parameters() if one.grad is not None}
    return {"loss": torch.tensor(loss), **gradients, **dict(classifier.named_buffers())}


@pytest.mark.parametrize(
    ("world", "settings"),
    [
        (2, {"batch_norm_frozen": True, "small_data": {"mixup": 0.4}}),
        (3, {"batch_norm_frozen": False}),
        (5, {"batch_norm_frozen": False, "small_data": {"label_smoothing": 0.1}}),
    ],
)
def test_loss_gradients_and_statistics_of_a_batch_are_those_of_one_process(
    make_task: MakeTask, tmp_path: Path, world: int, settings: dict[str, object]
) -> None:
    """Also where a share is one case, and where there is none for some process."""
    task = make_task(batch_size=7, micro_batch_size=4, gradient_limit=1e6, **settings)
    expected = pass_of_one_batch(task)
    assert farthest(expected, on_ranks(partial(pass_of_one_batch, task), tmp_path, world=world)) < 1e-6


def test_memory_that_runs_out_on_one_process_halves_what_goes_through_on_all(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(batch_size=7, batch_norm_frozen=True, micro_batch_size=4)
    forward = Classifier.forward
    frozen = replace(task, recipe=task.recipe.model_copy(update={"micro_batch_size": 2}))
    expected = pass_of_one_batch(frozen)

    def work(ranks: Ranks) -> Tensors:
        def small(self: Classifier, scans: torch.Tensor) -> torch.Tensor:
            if ranks.rank == 1 and len(scans) > 1:
                raise torch.OutOfMemoryError
            return forward(self, scans)

        monkeypatch.setattr(Classifier, "forward", small)
        return pass_of_one_batch(task, ranks)

    assert farthest(expected, on_ranks(work, tmp_path, world=2)) < 1e-6


def test_memory_that_runs_out_amid_learnt_statistics_ends_the_training_with_what_to_do(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(batch_size=7, micro_batch_size=6)

    def none(self: Classifier, scans: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Classifier, "forward", none)
    message = r"cannot take fewer in the middle.*Begin anew with --set recipe\.micro_batch_size=3"
    with pytest.raises(ResourceExhausted, match=message):
        pass_of_one_batch(task, Ranks(0, 2))


def test_statistics_of_slices_cannot_be_learnt_by_several_processes() -> None:
    with OfWholePiece([0], 2, weight=1.0), pytest.raises(ConfigurationError, match="from the slices of volumes cannot"):
        torch.nn.BatchNorm2d(3)(torch.zeros(8, 3, 4, 4))


def test_chance_inside_a_network_is_drawn_for_all_cases_and_their_slices() -> None:
    def drawn(rows: list[int] | None) -> torch.Tensor:
        torch.manual_seed(3)
        scans = torch.ones(4 if rows is None else len(rows), 2, 5)
        with OfWholePiece(rows or [0, 1, 2, 3], 4, weight=1.0):
            kept = torch.nn.functional.dropout(scans.flatten(0, 1), 0.5, training=True)
            return kept.unflatten(0, (-1, 2)) * torch.rand([len(scans), 1, 1])

    assert torch.equal(drawn([1, 3]), drawn(None)[[1, 3]])


def test_a_loss_that_is_no_number_names_the_cases_of_all_processes(
    make_task: MakeTask, scans: Scans, tmp_path: Path
) -> None:
    def broken(name: str) -> np.ndarray:
        return np.full((1, 32, 32), np.nan, np.float32) if name == "c3" else scans.pixels(name)

    data = Scans(broken, scans.labels, scans.augment, outcome=scans.outcome)
    task = make_task(data=data, batch_size=7, batch_norm_frozen=True)

    def work(rank: int) -> None:
        with (
            pytest.raises(DataRefused, match="training loss is nan on the batch of cases c0, c1, c2, c3, c4, c5, c6"),
            meeting_of(rank=rank, world=2, address="127.0.0.1", device=CPU) as meeting,
        ):
            pass_of_one_batch(task, Ranks(rank, 2, meeting))

    assert codes_of(start_ranks(work, world=2)) == [0, 0]


def test_a_process_that_waits_ends_when_another_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medtl.training.life_line.SECONDS_TO_END", 0.1)

    def work(rank: int) -> None:
        with meeting_of(rank=rank, world=2, address="127.0.0.1", device=CPU):
            if rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(300)

    assert codes_of(start_ranks(work, world=2)) == [ResourceExhausted.exit_code, -signal.SIGKILL]


def test_who_does_not_know_the_word_is_no_process_of_the_training() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"GET / HTTP/1.1".ljust(32))
            own = connection_to_first("127.0.0.1", port, "x" * 32)
            (found,) = connections_to_others(server, "x" * 32, others=1)
            assert found.getpeername() == own.getsockname()
            found.close()
            own.close()


def test_states_that_are_not_seen_alike_end_the_fit(tmp_path: Path) -> None:
    def work(rank: int) -> None:
        with (
            pytest.raises((ResourceExhausted, RankEnded)) as ended,
            meeting_of(rank=rank, world=2, address="127.0.0.1", device=CPU) as meeting,
        ):
            Ranks(rank, 2, meeting).start_together(torch.nn.Linear(1, 1), epochs_done=rank)
        (tmp_path / str(rank)).write_text(str(ended.value))

    assert codes_of(start_ranks(work, world=2)) == [0, 0]
    assert "one finds 0 finished epochs, another 1. Run again with --resume" in (tmp_path / "1").read_text()
