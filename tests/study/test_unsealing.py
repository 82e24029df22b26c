"""The sealed test through the command line: never touched by the run, opened once, counted, refused when changed."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from medtl import encoders, imaging, training
from medtl.files import read_csv
from medtl.predictions import PredictionTable
from medtl.record import run_folder
from medtl.study import unseal as unsealing
from medtl.study.cohort import audit_and_split, read_cohort
from medtl.study.encoders import resolve_encoders
from medtl.study.settings import read_study

pytestmark = pytest.mark.usefixtures("own_places")

Told = Any
Medtl = Callable[..., Told]
SEALED = 8
"""The last patients of the cohort, half of each class."""


@pytest.fixture(scope="module")
def sealed_run(
    tmp_path_factory: pytest.TempPathFactory, own_places: None, new_cohort: Callable[[Path], Any], medtl: Medtl
) -> Iterator[tuple[Any, Path]]:
    """A cohort with a sealed official test, and the finished run of a study that selects among four candidates."""
    folder = tmp_path_factory.mktemp("sealed")
    cohort = new_cohort(folder / "data")
    for number, row in enumerate(cohort.rows):
        row["official"] = "test" if number >= len(cohort.rows) - SEALED else "train"
    study = cohort.write(
        folds={"count": 2, "seed": 7, "sealed": "official"},
        adaptation={"policy": ["full", "scratch"]},
        selection={"learning_rates": [1e-4]},
        recipe={"epochs": 1, "batch_size": 8},
        classes=["well", "ill"],
    )
    answer = medtl("run", study, "--out", folder / "run")
    assert answer.code == 0, answer.err
    yield cohort, folder / "run"
    shutil.rmtree(folder)


@pytest.fixture
def a_copy(sealed_run: tuple[Any, Path], tmp_path: Path) -> Path:
    """The run under another name, so that a test may open it."""
    shutil.copytree(sealed_run[1], tmp_path / "run")
    study = (tmp_path / "run" / "study.yaml").read_text()
    (tmp_path / "run" / "study.yaml").write_text(
        "\n".join(
            f"manifest: {sealed_run[0].folder / 'manifest.csv'}" if line.startswith("manifest:") else line
            for line in study.splitlines()
        )
    )
    return tmp_path / "run"


def test_the_run_writes_nothing_of_a_sealed_case_but_two_hashes(sealed_run: tuple[Any, Path]) -> None:
    run = sealed_run[1]
    study = read_study(run / "study.yaml")
    everybody = read_cohort(study)
    apart_ones = {case.case_id for case in everybody.cases if case.split == "test"}
    assert len(apart_ones) == SEALED
    written = [path for path in run.rglob("*") if path.suffix in (".csv", ".json", ".jsonl", ".html", ".md", ".yaml")]
    assert len(written) > 10
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not [case for case in apart_ones if case in text], f"{path.name} names a sealed case"
    seal = json.loads((run / "sealed.json").read_text())
    assert (seal["cases"], seal["patients"], seal["column"]) == (SEALED, SEALED, "official")
    assert "8 cases of 8 patients are sealed" in (run / "report.html").read_text()


def test_the_models_read_back_say_what_they_said_in_their_folds(sealed_run: tuple[Any, Path]) -> None:
    run = run_folder.RunFolder(sealed_run[1])
    study, resolved = resolve_encoders(read_study(run / "study.yaml"), store=encoders.WeightStore.from_environment())
    cohort = read_cohort(study)
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=imaging.PreparedCache.shared())
    cohort = audit_and_split(study, cohort, prepared.facts).cohort
    held = unsealing._Held("own", "external", "the study itself", cohort, prepared)
    again = unsealing._predictions(run, study, resolved, held, chosen_device=training.choose_device("cpu")).rows
    before = read_csv(run / "predictions.csv", text_columns=("case_id",))
    keys = ["model", "fold", "case_id"]
    both = before[before["role"] == "test"].merge(again, on=keys, suffixes=("", "_again"), validate="one_to_one")
    assert set(both["model"]) == {"selected", "full", "full@0.0001", "scratch", "probe", "centroid"}
    assert len(both) == 6 * 16
    assert np.allclose(both["p_ill"], both["p_ill_again"], atol=1e-6)


def test_a_first_opening_judges_the_mean_of_the_folds_and_a_second_is_asked_for_by_name(
    a_copy: Path, medtl: Medtl
) -> None:
    answer = medtl("unseal", a_copy)
    assert answer.code == 0, answer.err
    folder = a_copy / "held_out" / "sealed"
    told, members = PredictionTable.read(folder / "predictions.csv"), PredictionTable.read(folder / "members.csv")
    tested = told.of(model="selected", role="test").rows
    mean = members.of(model="selected").rows.groupby("case_id")["p_ill"].mean()
    assert np.allclose(tested.set_index("case_id")["p_ill"].sort_index(), mean.sort_index(), atol=1e-12)
    metrics = json.loads((folder / "metrics.json").read_text())
    (found,) = [one for one in metrics["models"] if one["model"] == "selected"]
    witness = roc_auc_score(tested["truth"] == "ill", tested["p_ill"])
    assert found["patient"]["pooled"]["metrics"]["auroc"]["value"] == pytest.approx(witness, abs=1e-12)
    page = (a_copy / "report.html").read_text()
    assert "The sealed test: 8 cases of 8 patients" in page
    assert "Opened once" in page
    assert f"On the sealed test (8 patients, opened once) the AUROC was {witness:.3f}" in answer.err

    refused = medtl("unseal", a_copy)
    assert refused.code == 2
    assert "To open them once more, which is counted on the page, add --again." in refused.err.replace("\n", " ")
    before = (folder / "predictions.csv").read_bytes()
    assert medtl("unseal", a_copy, "--again").code == 0
    assert (folder / "predictions.csv").read_bytes() == before, "the same models say the same"
    page = (a_copy / "report.html").read_text()
    assert "The sealed test was opened 2 times" in page
    events = [json.loads(line)["event"] for line in (a_copy / "events.jsonl").read_text().splitlines()]
    assert events.count("opened") == 2


def test_the_opening_is_written_down_even_when_what_follows_fails(
    a_copy: Path, medtl: Medtl, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a_copy / "DONE.json").unlink()  # a run of an earlier medtl, which was not sealed as a whole
    for path in a_copy.glob("fold_*/baselines.safetensors"):
        path.unlink()
    for path in a_copy.glob("fold_*/DONE.json"):
        done = json.loads(path.read_text())
        done["sha256"] = {n: h for n, h in done["sha256"].items() if n != "baselines.safetensors"}
        path.write_text(json.dumps(done))
    answer = medtl("unseal", a_copy)
    assert answer.code == 7
    assert "baselines.safetensors in fold_0 does not hold both models on frozen features" in answer.err
    assert "run is not sealed as a whole: it was made by an earlier medtl" in answer.err
    log = a_copy / "held_out" / "sealed" / "openings.jsonl"
    assert len(log.read_text().splitlines()) == 1
    again = medtl("unseal", a_copy)
    assert "and was stopped before its answer was complete. They are asked about again; every opening" in again.err
    assert (again.code, len(log.read_text().splitlines())) == (7, 2)


def change_a_sealed_label(cohort: Any, manifest: Path) -> None:
    rows = list(csv.DictReader(manifest.open()))
    rows[-1]["label"], rows[-2]["label"] = rows[-2]["label"], rows[-1]["label"]
    write(manifest, rows)


def write(manifest: Path, rows: list[dict[str, str]]) -> None:
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_changed_label_or_scan_of_the_sealed_test_is_refused_before_anything_is_opened(
    a_copy: Path, sealed_run: tuple[Any, Path], medtl: Medtl, tmp_path: Path
) -> None:
    shutil.copytree(sealed_run[0].folder, tmp_path / "data")
    manifest, study = tmp_path / "data" / "manifest.csv", a_copy / "study.yaml"
    lines = [f"manifest: {manifest}" if x.startswith("manifest:") else x for x in study.read_text().splitlines()]
    study.write_text("\n".join(lines))
    image = tmp_path / "data" / sealed_run[0].rows[-1]["image"]
    whole = image.read_bytes()
    image.write_bytes((tmp_path / "data" / sealed_run[0].rows[0]["image"]).read_bytes())
    answer = medtl("unseal", a_copy)
    assert (answer.code, "The sealed cases are not those that the run sealed" in answer.err) == (7, True), answer.err
    image.write_bytes(whole)
    change_a_sealed_label(sealed_run[0], manifest)
    answer = medtl("unseal", a_copy)
    assert answer.code == 7
    assert "The manifest, the settings or the weights of run have changed since it ran" in answer.err
    assert not (a_copy / "held_out").exists()


def test_a_run_without_a_seal_or_an_end_and_a_folder_that_is_none_are_refused(a_copy: Path, medtl: Medtl) -> None:
    assert "no run folder" in medtl("unseal", a_copy.parent).err
    for name in ("sealed.json", "DONE.json"):
        (a_copy / name).unlink()
    assert "seals no test. Name the column of the official split" in medtl("unseal", a_copy).err.replace("\n", " ")
    (a_copy / "predictions.csv").unlink()
    answer = medtl("unseal", a_copy)
    assert (answer.code, "is not finished" in answer.err) == (2, True)


def test_a_limited_run_leaves_the_sealed_test_whole(sealed_run: tuple[Any, Path]) -> None:
    study = read_study(sealed_run[1] / "study.yaml", changes=["limit_patients=3"])
    cohort = read_cohort(study)
    assert sum(case.split == "test" for case in cohort.cases) == SEALED
    assert sum(case.split == "train" for case in cohort.cases) == 6


def elsewhere(new_cohort: Callable[[Path], Any], folder: Path) -> Any:
    """Patients of another hospital: other noise, other names, no official split."""
    cohort = new_cohort(folder)
    for number, row in enumerate(cohort.rows):
        cohort.draw(row["image"], number=number + 1000)
        row["case_id"], row["patient_id"] = f"B-{number}", f"Schulze-{number}"
    return cohort


def test_another_cohort_is_judged_with_thresholds_from_the_study(
    a_copy: Path, medtl: Medtl, new_cohort: Callable[[Path], Any], tmp_path: Path
) -> None:
    cohort = elsewhere(new_cohort, tmp_path / "Hospital B")
    cohort.write()
    answer = medtl("unseal", a_copy, "--external", cohort.folder / "manifest.csv", "--name", "hospital-b")
    assert answer.code == 0, answer.err
    folder = a_copy / "held_out" / "hospital-b"
    told = PredictionTable.read(folder / "predictions.csv")
    assert len(told.of(model="selected", role="test")) == 24
    own = pd.read_csv(a_copy / "predictions.csv").query("role == 'test' and model == 'selected'")
    assert set(told.of(model="selected", role="validation").rows["case_id"]) == set(own["case_id"])
    record = json.loads((folder / "record.json").read_text())
    assert (record["kind"], record["cases"], record["members"]) == ("external", 24, 2)
    text = "".join(path.read_text() for path in folder.iterdir()) + (a_copy / "report.html").read_text()
    assert "Schulze" not in text, "a name of the other hospital"
    assert "The cohort hospital-b" in (a_copy / "report.html").read_text()
    assert refused_under(a_copy, "hospital-c", cohort, medtl).startswith("medtl: This run opened these images on 20")
    for number, row in enumerate(cohort.rows):
        cohort.draw(row["image"], number=number + 2000)
    assert "holds the answers on other images" in refused_under(a_copy, "hospital-b", cohort, medtl)


def refused_under(run: Path, name: str, cohort: Any, medtl: Medtl) -> str:
    """What is said of the cohort under this name, which is not opened."""
    before = len((run / "events.jsonl").read_text().splitlines())
    answer = medtl("unseal", run, "--external", cohort.folder / "manifest.csv", "--name", name)
    assert (answer.code, len((run / "events.jsonl").read_text().splitlines())) == (2, before)
    return str(answer.err)


def test_one_flipped_bit_in_each_kind_of_file_stops_every_reader_and_is_named(
    sealed_run: tuple[Any, Path], medtl: Medtl, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(sealed_run[1], run)
    whole = medtl("verify", run)
    assert (whole.code, "run is whole: " in whole.out) == (0, True), whole.err
    names = ("predictions.csv", "folds.csv", "study.yaml", "metrics.json", "environment.json", "sealed.json")
    kinds = {Path(name).suffix: name for name in sorted(sealed_names(run))}
    for name in sorted({*kinds.values(), *names, "fold_1/DONE.json", "events.jsonl", "fold_0/checkpoint.safetensors"}):
        path, data = run / name, (run / name).read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        told = medtl("verify", run)
        assert (told.code, f"changed: {name}\n" in told.err) == (7, True), name
        if name in kinds.values():
            for words in (("report", run), ("unseal", run), ("maps", run, "--out", tmp_path / "maps")):
                assert (medtl(*words).code, words[0]) == (7, words[0])
        path.write_bytes(data)
    for verb in ("evaluate", "compare"):
        table = run / "predictions.csv"
        table.write_text(table.read_text().replace("0.", "0.9", 1))
        answer = medtl(verb, table, *([run] if verb == "compare" else []), "--out", tmp_path / verb)
        assert (answer.code, "changed: predictions.csv" in answer.err) == (7, True)
        shutil.copy2(sealed_run[1] / "predictions.csv", table)
    assert medtl("verify", run).code == 0


def sealed_names(run: Path) -> set[str]:
    seal = json.loads((run / "DONE.json").read_text())
    return {*seal["sha256"], *seal["logs"]}


def test_a_report_is_refused_while_another_process_works_in_the_run(a_copy: Path, medtl: Medtl) -> None:
    with run_folder.RunFolder(a_copy).held():
        answer = medtl("report", a_copy)
    assert (answer.code, "Another process is working in run" in answer.err) == (6, True)


def test_a_cohort_without_a_name_is_called_after_its_images_and_never_after_its_file(
    a_copy: Path, medtl: Medtl, new_cohort: Callable[[Path], Any], tmp_path: Path
) -> None:
    cohort = elsewhere(new_cohort, tmp_path / "data")
    cohort.write()
    named, renamed = cohort.folder / "Schulze Kinder.csv", cohort.folder / "second.csv"
    named.write_bytes((cohort.folder / "manifest.csv").read_bytes())
    answer = medtl("unseal", a_copy, "--external", named)
    assert answer.code == 0, answer.err
    (folder,) = (a_copy / "held_out").iterdir()
    record = json.loads((folder / "record.json").read_text())
    assert folder.name == record["name"] == f"external-{record['images'][:8]}"
    assert f"The cohort is called {folder.name}" in (answer.out + answer.err).replace("\n", " ")
    assert f"The cohort {folder.name}" in (a_copy / "report.html").read_text()
    for path in a_copy.rglob("*"):
        assert "schulze" not in path.name.lower()
        if path.suffix in (".csv", ".json", ".jsonl", ".html", ".md", ".yaml"):
            assert "schulze" not in path.read_text(encoding="utf-8").lower(), path.name
    renamed.write_bytes(named.read_bytes())
    again = medtl("unseal", a_copy, "--external", renamed)
    assert again.code == 2, "the same images under another file's name are opened by asking for it"
    assert "This run opened these images on " in again.err.replace("\n", " ")


@pytest.mark.parametrize("what", ["patient", "twin", "image", "name", "nothing"])
def test_another_cohort_that_is_not_apart_or_has_no_name_is_refused_and_nothing_is_opened(
    a_copy: Path,
    sealed_run: tuple[Any, Path],
    medtl: Medtl,
    new_cohort: Callable[[Path], Any],
    tmp_path: Path,
    what: str,
) -> None:
    cohort = elsewhere(new_cohort, tmp_path / "data")
    words = ["--name", "sealed"] if what == "name" else []
    told = {
        "patient": "1 of its 24 cases are of patients of the study, 0 are images of the study (first in line 5)",
        "twin": "2 cases of manifest.csv have patient ids that differ from ids of the study only in capitals, zeros, "
        "blanks or the like (first in line 5). Nothing was opened",
        "image": "0 of its 24 cases are of patients of the study, 1 are images of the study (first in line 6)",
        "name": "A cohort is named by small letters and digits, and not 'sealed'",
        "nothing": "No case of manifest.csv can be read, so nothing was opened",
    }[what]
    if what == "patient":
        cohort.rows[3]["patient_id"] = sealed_run[0].rows[0]["patient_id"]
    if what == "twin":
        cohort.rows[3]["patient_id"], cohort.rows[7]["patient_id"] = "meier-00", "Meier-1"
    if what == "image":
        own = sealed_run[0].folder / sealed_run[0].rows[0]["image"]
        (cohort.folder / cohort.rows[4]["image"]).write_bytes(own.read_bytes())
    if what == "nothing":
        for row in cohort.rows:
            (cohort.folder / row["image"]).write_bytes(b"")
    cohort.write()
    answer = medtl("unseal", a_copy, "--external", cohort.folder / "manifest.csv", *words)
    assert answer.code in (2, 3)
    assert told in answer.err.replace("\n", " ")
    assert not (a_copy / "held_out").exists()
