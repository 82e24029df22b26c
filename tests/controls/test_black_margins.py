"""The share of the prepared grid that a scan covers, counted voxel by voxel in millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medtl.cohort import Case, Cohort
from medtl.controls import margin_findings
from medtl.findings import sentences
from medtl.imaging.placement import Placement


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_covered_share_is_that_of_the_voxels_whose_centres_lie_in_the_scan(
    flips: tuple[int, int, int], order: tuple[int, int, int]
) -> None:
    shape = (11, 7, 15)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * (np.array([1.0, 2.0, 1.5]) * flips)
    affine[:3, 3] = (5.0, -40.0, 12.0)
    placed = Placement.in_patient(shape, affine, spacing_mm=(1.3, 1.1, 0.9), lengths=(16, 12, 14))
    index = np.stack(np.meshgrid(*map(np.arange, placed.shape), indexing="ij"), axis=-1)
    to_mm = placed.affine(affine)
    mm = index @ to_mm[:3, :3].T + to_mm[:3, 3]
    back = np.linalg.inv(affine)
    own = mm @ back[:3, :3].T + back[:3, 3]
    inside = ((own >= -0.5 - 1e-6) & (own <= np.array(shape) - 0.5 + 1e-6)).all(axis=-1)
    assert 0 < inside.mean() < 1
    assert placed.covered == pytest.approx(inside.mean(), abs=1e-12)


def test_the_note_says_the_share_of_pairs_that_the_margin_orders() -> None:
    labels, shares = ["a", "a", "a", "b", "b"], [0.5, 0.7, 0.9, 0.8, 1.0]
    cases = tuple(Case(f"c{n}", f"p{n}", Path("/x"), label, n + 2) for n, label in enumerate(labels))
    names, cohort = [case.case_id for case in cases], Cohort(cases=cases, classes=("a", "b"))
    notes = sentences(margin_findings(cohort, dict(zip(names, shares, strict=True)), grid="9 mm"))
    assert "reaches beyond 4 of 5 scans" in notes[0]
    assert "a 70.0 %, b 90.0 %" in notes[0]
    assert "AUROC of 0.83" in notes[0], "5 of 6 pairs of an a and a b"
    within = sentences(margin_findings(cohort, dict.fromkeys(names, 1.0), grid=""))
    assert "lies within every scan" in within[0]
