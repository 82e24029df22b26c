"""How many cases go through at a time when nothing is learnt."""

from __future__ import annotations

import numpy as np
import pytest

from medtl.training.batches import POSITIONS_AT_ONCE, Scans, each_once


@pytest.mark.parametrize(
    ("shape", "together"),
    [((1, 224, 224), 32), ((1, 64, 64, 64), 32), ((1, 128, 128, 128), 4), ((1, 512, 512, 300), 1)],
)
def test_large_volumes_go_through_in_fewer_so_that_memory_is_bounded(shape: tuple[int, ...], together: int) -> None:
    scan = np.broadcast_to(np.float32(0), shape)
    names = [f"c{number}" for number in range(70)]
    plan = each_once(Scans(lambda _: scan, dict.fromkeys(names, 0), lambda scan, **_: scan), names)
    assert [request.case_id for batch in plan for request in batch] == names
    assert {len(batch) for batch in plan[:-1]} == {together}
    assert all(request.seed is None for batch in plan for request in batch)
    assert together == 1 or together * scan.size <= POSITIONS_AT_ONCE


def test_no_cases_are_no_batches() -> None:
    assert each_once(Scans(lambda _: np.zeros(1), {}, lambda scan, **_: scan), []) == []
