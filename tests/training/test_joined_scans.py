"""Several source tasks at once: each case competes within its own head, prepared and varied as its task does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from medtl.adaptation import classifier_with_new_head
from medtl.adaptation.heads import LossOptions, summed_loss, within_own_head
from medtl.encoders import build_untrained, find_encoder
from medtl.outcomes import outcome_of
from medtl.training import Scans
from medtl.training.batches import Request
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.joined_scans import JoinedScans

THREE = outcome_of(["a", "b", "c"])


@pytest.fixture
def joined(scans: Scans) -> JoinedScans:
    other = Scans(
        lambda case: np.full((1, 32, 32), int(case[1:]) / 10, np.float32),
        {f"c{n}": n % 3 for n in range(6)},
        lambda scan, *, seed: scan + seed,
        outcome=THREE,
    )
    return JoinedScans({"first": scans, "second": other})


def test_a_case_keeps_its_scan_its_variation_and_its_label(joined: JoinedScans, scans: Scans) -> None:
    assert joined.heads == (2, 3)
    assert joined.outcome.classes == ("first/well", "first/ill", "second/a", "second/b", "second/c")
    name, scan, label = joined[Request("second/c4", seed=2)]
    assert (name, label) == ("second/c4", 2 + 1)
    np.testing.assert_allclose(scan, 2.4)
    np.testing.assert_array_equal(joined[Request("first/c3", seed=5)][1], scans[Request("c3", seed=5)][1])
    assert joined[Request("first/c3")][2] == 1


def test_the_loss_is_the_sum_of_the_heads_own_losses_and_no_head_learns_from_anothers_cases() -> None:
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    targets = torch.tensor([0, 1, 1, 2, 4, 3])
    outcome = outcome_of(list("abcde"))
    found = summed_loss(logits, targets, outcome=outcome, options=LossOptions(heads=(2, 3)))
    alone = cross_entropy(logits[:3, :2], targets[:3], reduction="sum") + cross_entropy(
        logits[3:, 2:], targets[3:] - 2, reduction="sum"
    )
    torch.testing.assert_close(found, alone)
    found.backward()
    assert logits.grad is not None
    assert not logits.grad[:3, 2:].any()
    assert not logits.grad[3:, :2].any()
    assert logits.grad[:3, :2].any()
    assert torch.isinf(within_own_head(logits, targets, (2, 3))[0, 2:]).all()


def test_two_tasks_are_learnt_at_once_and_a_fit_that_goes_on_ends_the_same(
    joined: JoinedScans, make_task: Callable[..., FitTask], tmp_path: Path
) -> None:
    names = tuple(joined.labels)
    task = replace(
        make_task(epochs=3),
        scans=joined,
        chance_keys={name: name for name in names},
        training=names[:10] + names[12:16],
        validation=names[10:12] + names[16:],
        heads=joined.heads,
    )

    def fitted(folder: Path) -> dict[str, torch.Tensor]:
        network = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=0), classes=5, seed=0)
        history = fit(network, task, CheckpointFolder(folder, "fit"))
        assert all(np.isfinite(row.validation_loss) for row in history)
        return dict(network.state_dict())

    whole = fitted(tmp_path / "whole")
    fitted(tmp_path / "again")
    for last in (tmp_path / "again").glob("state-1*"):  # the third epoch's: the fit goes on from the second
        last.unlink()
    assert all(torch.equal(value, whole[name]) for name, value in fitted(tmp_path / "again").items())
