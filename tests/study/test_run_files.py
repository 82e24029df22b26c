"""Every file of a run folder is known to the record, and each reader gives back what its writer got."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.evaluation import Estimate
from medtl.predictions import selection
from medtl.record import run_folder as names
from medtl.record.audit import read_audit, write_audit
from medtl.record.controls import BlindAuroc, read_controls, write_controls
from medtl.record.held_out import read_held_out, write_held_out
from medtl.record.history import read_history, write_history
from medtl.record.inventory import unknown_files
from medtl.record.metrics import read_fold_metrics, read_study_metrics, write_metrics
from medtl.record.probe import ProbeChoice, read_probe, write_probe
from medtl.record.provenance import read_provenance, write_provenance
from medtl.record.run import read_run
from medtl.record.saliency_checks import read_saliency_checks, write_saliency_checks
from medtl.record.sealed import read_seal, write_seal
from medtl.record.studied_cohort import StudiedCohort, read_cohort, write_cohort
from medtl.record.study import declared_study, read_study
from medtl.study import settings

pytestmark = pytest.mark.usefixtures("own_places")

Writer = Callable[[Any, Path], None]
FILES: dict[str, tuple[Callable[[Path], Any], Writer]] = {
    names.COHORT: (read_cohort, write_cohort),
    names.ENVIRONMENT: (read_provenance, write_provenance),
    names.CONTROLS: (read_controls, write_controls),
    names.AUDIT: (read_audit, write_audit),
    names.SALIENCY_CHECKS: (read_saliency_checks, write_saliency_checks),
    names.SEALED: (read_seal, write_seal),
    names.METRICS: (read_study_metrics, write_metrics),
    f"fold_0/{names.METRICS}": (read_fold_metrics, write_metrics),
    f"fold_0/{names.PROBE}": (read_probe, write_probe),
    f"fold_0/{names.HISTORY}": (read_history, write_history),
    f"held_out/sealed/{names.RECORD}": (lambda folder: read_held_out(folder.parents[1])[0], write_held_out),
}
"""Each file with its reader and writer, which take the folder of the file."""


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
    own_places: None,
    new_cohort: Callable[[Path], Any],
    medtl: Callable[..., Any],
) -> Path:
    """The run of a study with everything: a sealed test that was opened, a selection, checks of the maps."""
    folder = tmp_path_factory.mktemp("files")
    cohort = new_cohort(folder / "data")
    for number, row in enumerate(cohort.rows):
        row["official"] = "test" if number >= len(cohort.rows) - 8 else "train"
    study = cohort.write(
        folds={"count": 2, "seed": 7, "sealed": "official"},
        adaptation={"policy": ["full"]},
        selection={"learning_rates": [1e-4]},
        saliency={"cases_per_fold": 2},
    )
    for words in (("run", study, "--out", folder / "run"), ("unseal", folder / "run")):
        done = medtl(*words)
        assert done.code == 0, done.err
    return folder / "run"


def test_every_file_of_a_run_is_in_the_inventory(run: Path) -> None:
    assert unknown_files(run) == ()
    (run / "fold_0" / "notes.txt").write_text("by hand")
    try:
        assert unknown_files(run) == ("fold_0/notes.txt",)
    finally:
        (run / "fold_0" / "notes.txt").unlink()


@pytest.mark.parametrize("name", FILES)
def test_what_a_reader_gives_is_written_to_the_same_bytes(run: Path, tmp_path: Path, name: str) -> None:
    read, write = FILES[name]
    folder = (run / name).parent
    write(read(folder), tmp_path)
    assert (tmp_path / Path(name).name).read_bytes() == (run / name).read_bytes()


def test_the_selection_is_read_as_it_was_written(run: Path, tmp_path: Path) -> None:
    there = run / "fold_0" / names.SELECTION
    selection.write_selection(selection.read_selection(there), tmp_path / names.SELECTION)
    assert (tmp_path / names.SELECTION).read_bytes() == there.read_bytes()


def test_the_pages_know_the_study_by_the_values_of_its_settings(run: Path) -> None:
    declared, own = read_study(run), settings.read_study(run / names.STUDY)
    assert declared.evaluation == own.evaluation
    assert declared.folds == own.folds
    assert declared.preparation == own.preparation
    assert declared.policies == own.adaptation.policy
    assert (declared.epochs, declared.viewers) == (own.recipe.epochs, own.explanation.viewers)
    assert declared.saliency is not None
    assert declared.saliency.method == own.saliency.method
    assert read_run(run).study == declared


@pytest.mark.parametrize("key", ["resamples", "folds", "evaluation", "explanation.viewers", "saliency.method"])
def test_a_study_without_a_key_is_refused_and_not_given_a_default(run: Path, key: str) -> None:
    values = yaml.safe_load((run / names.STUDY).read_text(encoding="utf-8"))
    *above, last = key.split(".")
    inner = values
    for part in above:
        inner = inner[part]
    del inner[last]
    with pytest.raises(IntegrityFailure, match=rf"study\.yaml in run lacks {key}: an earlier medtl wrote it"):
        declared_study(values, path=run / names.STUDY)


@pytest.mark.parametrize(
    ("name", "key"),
    [(names.COHORT, "classes"), (names.ENVIRONMENT, "seed"), (names.AUDIT, "pairs"), (names.SEALED, "commitment")],
)
def test_a_file_without_a_key_is_refused_by_name_and_one_with_a_strange_key_too(
    run: Path, tmp_path: Path, name: str, key: str
) -> None:
    read, _ = FILES[name]
    values = json.loads((run / name).read_bytes())
    (tmp_path / name).write_text(json.dumps({one: value for one, value in values.items() if one != key}))
    with pytest.raises(IntegrityFailure, match=rf"{name} in .* lacks {key}: an earlier medtl wrote it"):
        read(tmp_path)
    (tmp_path / name).write_text(json.dumps(values | {"strange": 1}))
    with pytest.raises(IntegrityFailure, match=rf"{name} in .* does not say .*\(strange: "):
        read(tmp_path)


def test_a_run_without_its_cohort_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cohort\.json is missing"):
        read_cohort(tmp_path)


PROPORTION = st.floats(0, 1)
NAME = st.text(st.characters(categories=("L", "N", "Zs")), min_size=1, max_size=8)


@given(
    classes=st.lists(NAME, min_size=2, max_size=4, unique=True), properties=st.lists(NAME, max_size=3), auroc=PROPORTION
)
def test_any_cohort_comes_back(
    tmp_path_factory: pytest.TempPathFactory, classes: list[str], properties: list[str], auroc: float
) -> None:
    folder = tmp_path_factory.mktemp("cohort")
    blind = BlindAuroc(
        properties=tuple(properties), auroc=Estimate(value=auroc, low=auroc, high=auroc, n=9), p_value=auroc
    )
    cohort = StudiedCohort(
        files=9, cases=8, patients=7, classes=tuple(classes), positive_class=classes[-1], without_scans=blind
    )
    write_cohort(cohort, folder)
    assert read_cohort(folder) == cohort


@given(c=st.floats(1e-6, 1e6), losses=st.lists(st.floats(0, 9), max_size=5), converged=st.booleans())
def test_any_choice_of_the_probe_comes_back(
    tmp_path_factory: pytest.TempPathFactory, c: float, losses: list[float], converged: bool
) -> None:
    folder = tmp_path_factory.mktemp("probe")
    choice = ProbeChoice(
        penalty_inverse=c, tried=(c,) * len(losses), inner_log_losses=tuple(losses), inner_folds=3, converged=converged
    )
    write_probe(choice, folder)
    assert read_probe(folder) == choice
