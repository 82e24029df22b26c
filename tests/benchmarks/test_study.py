"""A whole study beside a plain script, and the same study again.

Both sides take turns and the fastest turn of each counts, because other work on the machine only ever adds time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

FEW_IMAGES, MANY_IMAGES = 200, 1000
"""A small study and a middling one: start-up and pages cost the same in both."""

PLAIN_SCRIPT = Path(__file__).with_name("plain_script.py")
FOLDS, EPOCHS = 5, 10
TURNS = {FEW_IMAGES: 3, MANY_IMAGES: 2}
EPOCHS_A_TURN = {FEW_IMAGES: 2, MANY_IMAGES: 1}
OPEN_ALL_DOORS = """
import medtl.cli, medtl.study.run as study
for floor in (study.encoders, study.evaluation, study.explanation, study.imaging, study.report, study.training):
    for name in floor.__all__:
        getattr(floor, name)
"""
"""What a run has imported when it begins to compute."""


@pytest.mark.benchmark
@pytest.mark.parametrize("count", [FEW_IMAGES, MANY_IMAGES])
def test_five_folds_of_a_probe_beside_a_plain_script(
    count: int,
    table: Any,
    fresh: Callable[..., Any],
    images: Callable[[int], Any],
    write_study: Callable[..., Path],
    folder: Path,
) -> None:
    start_up, epochs = list[float](), list[float]()
    firsts, seconds = list[Any](), list[Any]()
    parts: dict[str, dict[str, float]] = {}
    taken = images(count)
    study = write_study(f"probe-study-{count}", taken)
    shortened = ("--only-folds", 1, "--epochs", EPOCHS_A_TURN[count])
    for turn in range(TURNS[count]):
        start_up.append(fresh("-c", OPEN_ALL_DOORS).seconds)
        for name, runs in (("first", firsts), ("second", seconds)):
            out = folder / f"{name}-{count}-{turn}"
            runs.append(fresh("-m", "medtl", "run", study, "--out", out, cache=f"cache-{count}-{turn}"))
            if runs[-1] is min(runs, key=_wall):
                parts[name] = _parts(out)
        plain = fresh(PLAIN_SCRIPT, taken.manifest, "--images", taken.folder, *shortened)
        told = json.loads(plain.output.splitlines()[-1])
        epochs += [epoch["training"] + epoch["validation"] for epoch in told["epochs"]]

    first, second, opening = min(firsts, key=_wall), min(seconds, key=_wall), min(start_up)
    whole = FOLDS * EPOCHS * min(epochs)
    for name, ours, target in (
        (f"probe, 5 folds, {count} images, all included", first.seconds, ">= 50"),
        (f"probe, 5 folds, {count} images, without start-up", first.seconds - opening, ""),
        (f"the same study again, {count} images", second.seconds, ""),
    ):
        table.add(name, f"{ours:.1f} s", f"{whole:.0f} s *", f"{whole / ours:.1f}", target)
    again, before = parts["second"]["preparation"], parts["first"]["preparation"]
    table.add(
        f"preparation of {count} images, second run / first",
        f"{again:.3f} / {before:.3f} s",
        "",
        f"{again / before:.1%}",
        "< 5 %",
    )

    table.note(
        f"probe: {taken.words}; {told['threads']} threads on both sides; fastest of {TURNS[count]} turns. First "
        f"runs took {_listed(map(_wall, firsts))} s, second runs {_listed(map(_wall, seconds))} s, epochs of the "
        f"plain script {_listed(epochs)} s."
    )
    table.note(
        f"* extrapolated: {FOLDS} folds x {EPOCHS} epochs x {min(epochs):.2f} s, the fastest of {len(epochs)} epochs "
        f"measured of one fold ({told['training_images']} images of training and {told['validation_images']} of "
        "validation). Its start-up and its predictions on the test parts are not counted."
    )
    table.note(f"Start-up of medtl: everything imported in a fresh process, {_listed(start_up)} s.")
    for name, run in (("first", first), ("second", second)):
        told_parts = ", ".join(f"{part} {spent:.1f} s" for part, spent in parts[name].items())
        rest = run.seconds - opening - sum(parts[name].values())
        table.note(
            f"Where the {run.seconds:.1f} s of the {name} run of {count} images went: start-up {opening:.1f} s, "
            f"{told_parts}, evaluation, pages and the rest {rest:.1f} s; {run.processor_seconds:.1f} s of processor."
        )


def _wall(run: Any) -> float:
    return float(run.seconds)


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _parts(run: Path) -> dict[str, float]:
    """How long the parts of a run took, its folds together."""
    parts: dict[str, float] = json.loads((run / "environment.json").read_text())["seconds"]
    folds = sum(seconds for part, seconds in parts.items() if part.startswith("fold "))
    return {"preparation": parts["preparation"], "features": parts["features"], "folds": folds}
