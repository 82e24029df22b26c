"""Each option for small data does what its definition says, and is undone, repeated and resumed as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from medtl.adaptation import Classifier, classifier_from_probe, classifier_with_new_head, probe
from medtl.adaptation.heads import LossOptions, summed_loss
from medtl.encoders import build_untrained, find_encoder
from medtl.outcomes import outcome_of
from medtl.training import Recipe
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.class_balance import ClassBalance
from medtl.training.epoch_plan import epoch_plan
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.predict import predict_logits

THREE = outcome_of(["a", "b", "c"])
OPTIONS: dict[str, dict[str, Any]] = {
    "weights": {"class_balance": "weights"},
    "sampling": {"class_balance": "sampling"},
    "mixed": {"mixup": 0.4, "cutmix": 1.0, "label_smoothing": 0.1},
    "swa": {"swa_from": 0.0},
}


def network(*, dropout: float = 0.2) -> Classifier:
    encoder = build_untrained(find_encoder("resnet10"), seed=0)
    return classifier_with_new_head(encoder, classes=2, seed=0, dropout=dropout)


def task_of(make_task: Callable[..., FitTask], options: dict[str, Any], **recipe: Any) -> FitTask:
    """A fit on three well and seven ill cases of twelve."""
    task = make_task(small_data=options, **recipe)
    ids = tuple(task.scans.labels)
    uneven = tuple(case for case in ids if task.scans.labels[case])[:5] + ids[:6:2]
    return replace(task, training=uneven, validation=ids[6:])


def fitted(task: FitTask, folder: Path) -> tuple[Classifier, tuple[Any, ...]]:
    classifier = network()
    return classifier, fit(classifier, task, CheckpointFolder(folder, "a fit"))


class Stop(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_a_fit_with_an_option_that_was_stopped_ends_with_the_same_bits(
    option: str, make_task: Callable[..., FitTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(make_task, OPTIONS[option], epochs=2)
    whole, history = fitted(task, tmp_path / "whole")
    save = CheckpointFolder.save

    def stop_after_one(self: CheckpointFolder, tensors: Any, progress: Any) -> None:
        save(self, tensors, progress)
        if progress.epochs_done == 1:
            raise Stop

    monkeypatch.setattr(CheckpointFolder, "save", stop_after_one)
    with pytest.raises(Stop):
        fitted(task, tmp_path / "stopped")
    monkeypatch.undo()
    resumed, _ = fitted(task, tmp_path / "stopped")
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())
    assert all(np.isfinite(record.validation_loss) for record in history)


@pytest.mark.slow
def test_every_option_changes_what_is_learnt(make_task: Callable[..., FitTask], tmp_path: Path) -> None:
    task = task_of(make_task, {"label_smoothing": 0.1}, epochs=1)
    plain, _ = fitted(replace(task, recipe=task.recipe.model_copy(update={"small_data": None})), tmp_path / "plain")
    heads = [plain.head.weight.detach()]
    for name, value in {"label_smoothing": 0.1, "class_balance": "weights", "mixup": 0.4, "cutmix": 1.0}.items():
        recipe = Recipe.model_validate({**task.recipe.model_dump(), "small_data": {name: value}})
        own = replace(task, recipe=recipe)
        heads.append(fitted(own, tmp_path / name)[0].head.weight.detach())
    assert len({tuple(head.flatten().tolist()) for head in heads}) == len(heads)


def test_smoothed_and_weighted_loss_is_the_one_written_out() -> None:
    rng = np.random.default_rng(0)
    logits, targets, weights = rng.normal(size=(6, 3)), rng.integers(0, 3, 6), np.array([0.5, 1.0, 2.0])
    smooth = 0.9 * np.eye(3)[targets] + 0.1 / 3
    expected = -(smooth * weights * np.log(softmax(logits, axis=1))).sum()
    found = summed_loss(
        torch.from_numpy(logits), torch.from_numpy(targets), outcome=THREE,
        options=LossOptions(smoothing=0.1, class_weights=tuple(weights)),
    )  # fmt: skip
    assert float(found) == pytest.approx(expected)


def test_weights_are_those_of_scikit_learn_and_have_the_mean_one_over_cases() -> None:
    targets = [0] * 20 + [1] * 5 + [2] * 2
    balance = ClassBalance.of(targets, by="weights", classes=3)
    assert balance.weights == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=targets))
    assert np.mean([balance.weights[target] for target in targets]) == pytest.approx(1.0)


def test_a_weighted_fit_corrected_by_its_weights_is_the_unweighted_one_where_the_model_is_true() -> None:
    """A logistic model is the witness: three groups of known risk, weighted to the optimum, then corrected."""
    features = np.repeat(np.eye(3), [400, 300, 300], axis=0)
    labels = np.concatenate([np.arange(size) < ill for size, ill in ((400, 20), (300, 60), (300, 150))]).astype(int)
    balance = ClassBalance.of(labels.tolist(), by="weights", classes=2)
    weighted = LogisticRegression(C=1e9, tol=1e-12, max_iter=10_000, class_weight="balanced").fit(features, labels)
    shift = balance.shift[1] - balance.shift[0]
    corrected = 1 / (1 + np.exp(-(weighted.decision_function(np.eye(3)) - shift)))
    assert corrected == pytest.approx([20 / 400, 60 / 300, 150 / 300], abs=1e-4)


def test_undoing_gives_back_the_head_that_was_taken_up() -> None:
    classifier, balance = network(), ClassBalance.of([0, 1, 1, 1], by="sampling", classes=2)
    before = classifier.head.bias.detach().clone()
    balance.take_up(classifier)
    assert float(classifier.head.bias.detach().diff()) == pytest.approx(-np.log(3))
    balance.undo(classifier)
    torch.testing.assert_close(classifier.head.bias.detach(), before)


@pytest.mark.parametrize("option", ["weights", "sampling"])
def test_the_validation_loss_of_a_balanced_fit_is_that_of_the_probabilities_it_ends_with(
    option: str, make_task: Callable[..., FitTask], tmp_path: Path
) -> None:
    task = task_of(make_task, OPTIONS[option])
    classifier, history = fitted(task, tmp_path)
    logits = predict_logits(classifier, task.scans, task.validation, recipe=task.recipe, device=task.device, what="v")
    truth = [task.scans.labels[case] for case in task.validation]
    loss = -np.log(softmax(logits, axis=1))[np.arange(len(truth)), truth].mean()
    assert history[-1].validation_loss == pytest.approx(loss, rel=1e-5)


def test_balanced_draws_follow_seed_and_epoch_and_give_each_class_its_half(make_task: Callable[..., FitTask]) -> None:
    task = task_of(make_task, OPTIONS["sampling"], epochs=300)
    plans = [epoch_plan(task, epoch) for epoch in range(300)]
    drawn = Counter(task.scans.labels[one.case_id] for plan in plans for batch in plan for one in batch)
    assert sum(drawn.values()) == 300 * len(task.training)
    assert drawn[0] / sum(drawn.values()) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(300 * len(task.training)))
    assert plans[3] == epoch_plan(task, 3) != plans[4]
    seeds = [one.seed for batch in plans[0] for one in batch]
    assert len(set(seeds)) == len(seeds), "a case that is drawn twice is varied twice"
    assert {one.case_id for plan in plans for batch in plan for one in batch} <= set(task.training)


def test_dropout_around_the_mean_keeps_the_expected_logit_of_the_probe() -> None:
    rng = np.random.default_rng(1)
    encoder = build_untrained(find_encoder("resnet10"), seed=0)
    width = encoder.feature_widths["last"]
    features = rng.normal(3.0, 1.0, (30, width))
    fitted_probe = probe.fit_probe(features, np.arange(30) % 2, groups=[str(n) for n in range(30)], classes=2, seed=0)
    classifier = classifier_from_probe(encoder, fitted_probe, dropout=0.5)
    assert set(classifier.state_dict()) == set(classifier_from_probe(encoder, fitted_probe).state_dict())
    one = torch.from_numpy(features[:1]).float()
    classifier.train()
    with torch.no_grad():
        dropped = torch.stack([classifier.dropout(one)[0] for _ in range(2000)])
    kept = torch.isclose(dropped, torch.from_numpy(fitted_probe.mean).float(), atol=1e-5).float().mean()
    assert float(kept) == pytest.approx(0.5, abs=0.01)
    torch.testing.assert_close(dropped.mean(dim=0), one[0], atol=0.2, rtol=0.0)
    classifier.eval()
    assert torch.equal(classifier.dropout(one), one)
