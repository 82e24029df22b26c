"""Which cases an epoch shows, in which batches, and how each is varied: from seed, epoch and case alone."""

from __future__ import annotations

from collections import Counter

from medtl.training.batches import Request
from medtl.training.fit_task import FitTask
from medtl.training.seeding import batches_of, seed_for


def epoch_plan(task: FitTask, epoch: int) -> list[list[Request]]:
    """The batches of an epoch, counted from 0; the same whatever ran before."""
    seed, cases, balance = seed_for(*task.seed_names, "order", epoch), task.training, task.balance
    if balance is not None:
        targets = [task.scans.labels[case] for case in cases]
        cases = balance.drawn(cases, targets, seed=seed_for(*task.seed_names, "draw", epoch))
    order = batches_of(cases, batch_size=task.recipe.batch_size, seed=seed, fewest=task.fewest)
    seen = Counter[str]()
    return [[_request(task, case, epoch, seen) for case in batch] for batch in order]


def _request(task: FitTask, case: str, epoch: int, seen: Counter[str]) -> Request:
    """A case that is drawn again in an epoch is varied anew.

    With a declared number of draws a case's copies are those of the study, whatever the fold and the policy.
    """
    again = (seen[case],) if seen[case] else ()
    seen[case] += 1
    if task.draws is None:
        names: tuple[object, ...] = (*task.seed_names, "augment", epoch)
    else:
        names = (task.seed_names[0], "augment", epoch % task.draws)
    return Request(case, seed_for(*names, task.chance_keys[case], *again))
