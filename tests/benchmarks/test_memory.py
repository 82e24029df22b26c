"""The most memory a study holds: the same with more folds, and nearly the same with more cases.

All arithmetic is held to one thread here: with more, the peak of one and the same study moves by tens of megabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MEGABYTE = 10**6
SIDE_PX = 64
FEATURES, BYTES_A_NUMBER = 512, 4
FOLD_COUNTS = (2, 5, 10)
COHORT_SIZES = (100, 200, 400)
USUAL_RESAMPLES, FEW_RESAMPLES = 2000, 100
SMALL = {"encoder": "resnet10", "preparation": {"preset": "radiograph", "size_px": [SIDE_PX, SIDE_PX]}}


@pytest.mark.benchmark
def test_peak_memory_by_number_of_folds(
    table: Any,
    fresh: Callable[..., Any],
    phantoms: Callable[[int], Any],
    write_study: Callable[..., Path],
    folder: Path,
) -> None:
    peaks: dict[int, int] = {}
    for count in FOLD_COUNTS:
        settings = {"adaptation": {"policy": "full"}, "recipe": {"epochs": 1}, "folds": {"count": count, "seed": 7}}
        study = write_study(f"folds-{count}", phantoms(COHORT_SIZES[0]), **SMALL, **settings)
        peaks[count] = fresh("-m", "medtl", "run", study, "--out", folder / study.stem, threads=1).peak_bytes
        ratio = f"{peaks[count] / peaks[FOLD_COUNTS[0]]:.3f}"
        table.add(f"peak memory, full, {count} folds", f"{peaks[count] / MEGABYTE:.0f} MB", ratio=ratio, target="1")
    table.note(
        f"Peak memory by folds: {COHORT_SIZES[0]} phantoms of {SIDE_PX} pixels, resnet10, one epoch; ratios to "
        f"{FOLD_COUNTS[0]} folds. All peaks are ru_maxrss of a fresh process on one thread."
    )


@pytest.mark.benchmark
def test_peak_memory_by_number_of_cases(
    table: Any,
    fresh: Callable[..., Any],
    phantoms: Callable[[int], Any],
    write_study: Callable[..., Path],
    folder: Path,
) -> None:
    features, prepared = FEATURES * BYTES_A_NUMBER, SIDE_PX**2 * BYTES_A_NUMBER
    table.note(
        f"Peak memory by cases: phantoms of {SIDE_PX} pixels, resnet10, 2 folds. A case's row of the feature table "
        f"takes {features:,} bytes; its prepared scan would take {prepared:,}."
    )
    for resamples in (USUAL_RESAMPLES, FEW_RESAMPLES):
        peaks: dict[int, int] = {}
        for count in COHORT_SIZES:
            settings = {"resamples": resamples, "folds": {"count": 2, "seed": 7}}
            study = write_study(f"cases-{count}-{resamples}", phantoms(count), **SMALL, **settings)
            peaks[count] = fresh("-m", "medtl", "run", study, "--out", folder / study.stem, threads=1).peak_bytes
            ratio = f"{peaks[count] / peaks[COHORT_SIZES[0]]:.3f}"
            name = f"peak memory, probe, {count} cases, {resamples} resamples"
            table.add(name, f"{peaks[count] / MEGABYTE:.0f} MB", ratio=ratio)
        fewest, most = COHORT_SIZES[0], COHORT_SIZES[-1]
        grown = (peaks[most] - peaks[fewest]) / (most - fewest)
        table.note(
            f"With {resamples} resamples the peak grows by {grown:,.0f} bytes a case from {fewest} to {most} cases: "
            f"{grown - features:,.0f} beyond the feature table."
        )
