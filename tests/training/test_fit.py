"""The loop: the same bits again, after a stop, with any number of workers, in pieces; nothing non-finite is kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import DataRefused, ResourceExhausted
from medtl.outcomes import outcome_of
from medtl.training import Recipe, Scans
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.recipe import schedule
from medtl.training.step import TrainingStep

TWO_CLASSES = outcome_of(["well", "ill"])

MakeTask = Callable[..., FitTask]


def new_classifier(*, dropout: float = 0.2) -> Classifier:
    encoder = build_untrained(find_encoder("resnet10"), seed=0)
    return classifier_with_new_head(encoder, classes=2, seed=0, dropout=dropout)


def fitted(task: FitTask, folder: Path, *, dropout: float = 0.2) -> dict[str, torch.Tensor]:
    classifier = new_classifier(dropout=dropout)
    fit(classifier, task, CheckpointFolder(folder, "a fit"))
    return {name: value.clone() for name, value in classifier.state_dict().items()}


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


class Stop(Exception):
    pass


@pytest.mark.slow
def test_a_fit_that_was_stopped_between_epochs_ends_with_the_same_bits(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(epochs=3)
    whole = fitted(task, tmp_path / "whole")
    save = CheckpointFolder.save
    saved = []

    def stop_after_two(self: CheckpointFolder, *args: object) -> None:
        save(self, *args)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == 2:
            raise Stop

    monkeypatch.setattr(CheckpointFolder, "save", stop_after_two)
    with pytest.raises(Stop):
        fitted(task, tmp_path / "stopped")
    monkeypatch.undo()
    assert same_bits(whole, fitted(task, tmp_path / "stopped"))


@pytest.mark.slow
def test_the_number_of_loading_processes_changes_no_bit(make_task: MakeTask, tmp_path: Path) -> None:
    alone = fitted(make_task(loading_workers=0), tmp_path / "0")
    helped = fitted(make_task(loading_workers=2), tmp_path / "2")
    assert same_bits(alone, helped)


def test_gradients_added_up_over_micro_batches_are_those_of_the_batch(make_task: MakeTask, tmp_path: Path) -> None:
    whole = fitted(make_task(batch_norm_frozen=True), tmp_path / "whole", dropout=0.0)
    pieces = fitted(make_task(batch_norm_frozen=True, micro_batch_size=2), tmp_path / "pieces", dropout=0.0)
    for name, value in whole.items():
        if value.is_floating_point():
            torch.testing.assert_close(pieces[name], value, rtol=1e-3, atol=2e-4)


@pytest.mark.slow
def test_running_out_of_memory_once_halves_what_goes_through_at_a_time_and_changes_nothing_else(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = fitted(make_task(batch_norm_frozen=True), tmp_path / "enough", dropout=0.0)
    forward = Classifier.forward

    def small(self: Classifier, scans: torch.Tensor) -> torch.Tensor:
        if self.training and len(scans) > 2:
            raise torch.OutOfMemoryError
        return forward(self, scans)

    monkeypatch.setattr(Classifier, "forward", small)
    found = fitted(make_task(batch_norm_frozen=True), tmp_path / "little", dropout=0.0)
    assert "Out of memory: from here on 2 cases at a time" in capsys.readouterr().err
    for name, value in expected.items():
        if value.is_floating_point():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=2e-4)


def test_batch_normalisation_never_learns_from_a_lone_case(
    scans: Scans, make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, seen = Classifier.forward, []

    def watched(self: Classifier, scans: torch.Tensor) -> torch.Tensor:
        if self.training:
            seen.append(len(scans))
            if len(scans) > 3:
                raise torch.OutOfMemoryError
        return forward(self, scans)

    monkeypatch.setattr(Classifier, "forward", watched)
    names = tuple(scans.labels)[:7]
    for settings in ({"batch_size": 2}, {"batch_size": 3}, {"batch_size": 7, "micro_batch_size": 3}, {"batch_size": 7}):
        task = replace(make_task(epochs=1, **settings), training=names)
        fitted(task, tmp_path / str(settings))
        assert min(seen) >= 2
        assert sum(size for size in seen if size <= 3) == len(names)
        seen.clear()


def test_with_frozen_statistics_a_lone_case_stays_as_it_was(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task(batch_norm_frozen=True, epochs=1, batch_size=1)
    assert len(fitted(task, tmp_path / "one")) > 0


def test_too_little_memory_for_two_cases_says_that_batch_normalisation_needs_them(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Classifier, scans: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Classifier, "forward", none)
    with pytest.raises(ResourceExhausted, match="even for 2 cases, which batch normalisation needs, at a time"):
        fitted(make_task(), tmp_path / "none")


def test_too_little_memory_for_one_case_says_what_to_do(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Classifier, scans: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Classifier, "forward", none)
    with pytest.raises(ResourceExhausted, match=r"one case at a time.*smaller preparation\.size_px"):
        fitted(make_task(batch_norm_frozen=True), tmp_path)


def test_a_loss_that_is_no_number_names_the_cases_and_saves_nothing(
    make_task: MakeTask, scans: Scans, tmp_path: Path
) -> None:
    def broken(name: str) -> np.ndarray:
        return np.full((1, 32, 32), np.nan, np.float32) if name == "c3" else scans.pixels(name)

    data = Scans(broken, scans.labels, scans.augment, outcome=scans.outcome)
    with pytest.raises(DataRefused, match=r"training loss is nan on the batch of cases .*c3"):
        fitted(make_task(data=data), tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_one_epoch_and_is_told(
    make_task: MakeTask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = make_task(epochs=2)
    whole = fitted(task, tmp_path)
    newest = tmp_path / "state-0.safetensors"  # the second epoch's generation
    data = bytearray(newest.read_bytes())
    data[-5] ^= 1
    newest.write_bytes(data)
    assert same_bits(whole, fitted(task, tmp_path))
    assert "Checkpoint of epoch 2 is damaged; an earlier state is used." in capsys.readouterr().err


def test_a_state_of_another_fit_is_not_taken(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task(epochs=1)
    fit(new_classifier(), task, CheckpointFolder(tmp_path, "one fit"))
    assert CheckpointFolder(tmp_path, "one fit").latest() is not None
    assert CheckpointFolder(tmp_path, "another fit").latest() is None


@pytest.mark.slow
def test_stopping_by_validation_loss_judges_the_epoch_of_least_loss(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task(epochs=4, stopping="validation_loss", learning_rate=0.05)
    classifier = new_classifier()
    history = fit(classifier, task, CheckpointFolder(tmp_path, "a fit"))
    best = min(history, key=lambda record: record.validation_loss)
    from medtl.adaptation.heads import mean_loss
    from medtl.training.predict import predict_logits

    logits = predict_logits(
        classifier, task.scans, task.validation, recipe=task.recipe, device=task.device, what="again"
    )
    targets = [task.scans.labels[case] for case in task.validation]
    assert mean_loss(logits, targets, outcome=task.scans.outcome) == best.validation_loss


def test_frozen_batch_norm_statistics_stay_and_modes_are_given_back(make_task: MakeTask, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in new_classifier().state_dict().items()}
    classifier = new_classifier()
    classifier.train()
    fit(classifier, make_task(batch_norm_frozen=True), CheckpointFolder(tmp_path, "a fit"))
    after = classifier.state_dict()
    statistics = [name for name in before if "running" in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert all(module.training for module in classifier.modules())


def test_the_fit_leaves_torchs_own_chance_as_it_was(make_task: MakeTask, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    fitted(make_task(epochs=1), tmp_path)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_rate_warms_up_and_falls_to_zero_along_a_cosine() -> None:
    recipe = Recipe(epochs=10, warmup_epochs=1)
    rates = [schedule(step, steps_an_epoch=10, recipe=recipe) for step in range(100)]
    assert max(rates) == rates[10] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 0.001


def test_one_step_of_the_loop_is_torchs_adamw_on_the_clipped_gradient(make_task: MakeTask, scans: Scans) -> None:
    from medtl.training.batches import Batch

    torch.manual_seed(0)
    names = tuple(scans.labels)[:4]
    batch = Batch(names, torch.from_numpy(np.stack([scans.pixels(n) for n in names])), torch.tensor([0, 1, 0, 1]))
    ours, theirs = new_classifier(dropout=0.0), new_classifier(dropout=0.0)
    groups = [{"params": list(ours.parameters()), "rate": 1.0, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    recipe = Recipe(epochs=1, gradient_limit=1.0)
    step = TrainingStep(
        ours,
        optimiser,
        scaler,
        outcome=TWO_CLASSES,
        recipe=recipe,
        dtype=None,
        device=torch.device("cpu"),
    )
    ours.train()
    step.take(batch, rate=1e-3, seed=1)

    oracle = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.0)
    theirs.train()
    torch.nn.functional.cross_entropy(theirs(batch.scans), batch.labels).backward()
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
    oracle.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)
