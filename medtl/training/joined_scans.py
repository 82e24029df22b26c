"""The scans of several source tasks as one: each case under its task's name, its classes beside those of the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medtl.outcomes import outcome_of
from medtl.training.batches import Request, Scans

SEPARATOR = "/"
"""Between the name of a task and that of a case or class."""


def joined_name(task: str, name: str) -> str:
    """The name of a case or a class beside those of other tasks."""
    return f"{task}{SEPARATOR}{name}"


class JoinedScans(Scans):
    """Scans by request, each prepared and varied as its own task does it."""

    def __init__(self, tasks: Mapping[str, Scans]) -> None:
        self.tasks = tasks
        labels, classes = dict[str, int](), list[str]()
        for task, scans in tasks.items():
            labels |= {joined_name(task, case): len(classes) + label for case, label in scans.labels.items()}
            classes += [joined_name(task, name) for name in scans.outcome.classes]
        super().__init__(self._pixels, labels, self._refuse, outcome=outcome_of(classes))

    @property
    def heads(self) -> tuple[int, ...]:
        """How many classes each task has."""
        return tuple(scans.outcome.head_width for scans in self.tasks.values())

    def __getitem__(self, request: Request) -> tuple[str, np.ndarray, int]:
        task, _, case = request.case_id.partition(SEPARATOR)
        _, scan, _ = self.tasks[task][Request(case, request.seed)]
        return request.case_id, scan, self.labels[request.case_id]

    def _pixels(self, name: str) -> np.ndarray:
        task, _, case = name.partition(SEPARATOR)
        return self.tasks[task].pixels(case)

    @staticmethod
    def _refuse(scan: np.ndarray, *, seed: int) -> np.ndarray:
        raise AssertionError("a case is varied by its own task")
