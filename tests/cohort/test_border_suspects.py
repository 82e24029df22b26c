"""What is associated with the label near the border: planted differences are found, chance is not, and p values "
"count places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import f_oneway

from medtl.audit.border_confounders import BorderAudit, border_audit, border_findings
from medtl.audit.border_grid import Box
from medtl.audit.border_test import explained
from medtl.audit.shifted_copies import shifted_pairs
from medtl.cohort import Case, Cohort
from medtl.findings import sentences

CORNER: Box = (0.02, 0.02, 0.08, 0.08)


@dataclass(frozen=True)
class Drawn:
    """Stands in for imaging's border."""

    grey: str
    marks: tuple[Box, ...] = ()
    black_frame: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    white_frame: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def cohort_of(count: int) -> Cohort:
    cases = tuple(
        Case(
            case_id=f"c{n}", patient_id=f"p{n}", image=Path(f"/none/{n}.png"), label=("well", "ill")[n % 2],
            line=n + 2, chance_key=str(n), covariates={"site": ("a", "b")[n // 2 % 2]},
        )
        for n in range(count)
    )  # fmt: skip
    return Cohort(cases=cases, classes=("well", "ill"), covariates=("site",))


def audit(count: int, seed: int, *, marks: float = 0.0, against: str = "label", frame: float = 0.0) -> BorderAudit:
    """Random greys; with `marks`, this share of one group has a mark in the corner."""
    chance = np.random.default_rng(seed)
    borders: dict[str, Drawn | None] = {}
    cohort = cohort_of(count)
    for number, case in enumerate(cohort.cases):
        own = case.label == "ill" if against == "label" else case.covariates["site"] == "b"
        grey = chance.integers(0, 256, 1024).astype(np.uint8).tobytes().hex()
        wide = frame * own + 0.02 * float(chance.random())
        has = own and chance.random() < marks
        borders[f"c{number}"] = Drawn(grey, (CORNER,) if has else (), (wide if frame else 0.0, 0.0, 0.0, 0.0))
    return border_audit(cohort, borders, seed=seed, permutations=400)


def test_the_share_explained_is_that_of_an_analysis_of_variance() -> None:
    chance = np.random.default_rng(0)
    groups = chance.integers(0, 3, 60)
    values = chance.normal(size=(60, 4)) + 0.5 * groups[:, None] * np.array([0, 1, 2, 3])
    found = explained(values, groups, seed=1, permutations=100)
    for place in range(4):
        statistic = f_oneway(*(values[groups == group, place] for group in range(3))).statistic
        assert found.share[place] == pytest.approx(2 * statistic / (2 * statistic + 57), abs=1e-12)


def test_p_values_count_all_places() -> None:
    """Of 200 cohorts without any difference, about one in twenty has its smallest of 20 p values below 0.05."""
    smallest = []
    for seed in range(200):
        chance = np.random.default_rng(seed)
        values, groups = chance.normal(size=(40, 20)), np.arange(40) % 2
        smallest.append(explained(values, groups, seed=seed, permutations=99).p_value.min())
    assert 0.01 < np.mean(np.array(smallest) <= 0.05) < 0.11


@pytest.mark.parametrize("against", ["label", "site"])
def test_a_mark_in_the_corner_of_one_group_is_found_with_its_place(against: str) -> None:
    found = audit(80, 1, marks=0.6, against=against)
    (suspect,) = found.suspects
    assert (suspect.what, suspect.against) == ("marks", against)
    assert suspect.position == "at the upper left (6 % from the top, 6 % from the left)"
    notes = sentences(border_findings(found))
    assert f"are associated with the {against}: at the upper left" in notes[0]
    examples = dict(suspect.examples)
    assert set(examples) == ({"well", "ill"} if against == "label" else {"a", "b"})


def test_a_frame_that_goes_with_the_label_is_found() -> None:
    found = audit(80, 2, frame=0.1)
    assert [(one.what, one.position) for one in found.suspects] == [("frame", "black frame at the top")]


def test_chance_raises_a_suspicion_as_seldom_as_the_level_says() -> None:
    """At a level of 0.01, more than 3 of 60 cohorts without any difference would come up once in 3,000 times."""
    assert sum(bool(audit(60, seed).suspects) for seed in range(60)) <= 3


def test_a_copy_that_was_shifted_is_found_and_nothing_else() -> None:
    chance = np.random.default_rng(5)
    rows, columns = np.mgrid[:36, :36]
    pictures = [
        sum(
            chance.normal() * np.cos(np.pi * (a * rows + b * columns) / 36 + chance.uniform(0, 6))
            for a in range(9)
            for b in range(9)
        )
        for _ in range(40)
    ]
    cells = [picture[2:34, 2:34] for picture in pictures] + [pictures[3][3:35, 1:33]]
    greys = [np.rint((one - one.min()) / np.ptp(one) * 255).astype(np.uint8).tobytes().hex() for one in cells]
    found = shifted_pairs(greys, [f"p{n}" for n in range(41)])
    assert [(one, other) for one, other, _ in found] == [(3, 40)]
