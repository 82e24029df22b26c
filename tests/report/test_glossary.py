"""The glossary explains the words that a page uses, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from medtl.record.run import MAP_METHODS, read_run
from medtl.report import write_study_page
from medtl.report.manuscript.glossary import METHODS, glossary


def test_every_word_is_on_the_page_and_every_model_has_its_row(small_run: Path) -> None:
    run = read_run(small_run)
    page = write_study_page(run).read_text(encoding="utf-8").replace("\u00a0", " ")
    before = page[: page.index("Words of this page")]
    words = [word for word, _ in glossary(run)]
    assert not [word for word in words if word.casefold() not in before.casefold()]
    assert {"Frozen probe", "Fine-tuned (LP-FT)", "Out of fold", "HiResCAM"} <= set(words)
    assert len(words) == len(set(words))


def test_what_a_run_has_not_is_not_explained(run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path) -> None:
    bare = run_recipe(models=("probe",), policies=("probe",), with_history=False, with_saliency=False, patients=30)
    words = {word for word, _ in glossary(read_run(run_writer(tmp_path, bare)))}
    assert not {"HiResCAM", "Sealed", "Fine-tuned (LP-FT)"} & words


def test_every_method_of_maps_is_explained() -> None:
    assert set(METHODS) == set(MAP_METHODS.values())
