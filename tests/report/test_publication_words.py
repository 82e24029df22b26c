"""The results in words, the references and the model card: the files' numbers, this run's works, nobody's marks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from medtl.encoders.provenance import UNKNOWN_SOURCE as UNKNOWN
from medtl.evaluation import Estimate
from medtl.files import read_csv
from medtl.record import read_run
from medtl.report.findings.rules import findings_of
from medtl.report.html.page import heading_of
from medtl.report.manuscript.model_card import checkpoint_hashes, model_card, plain_text
from medtl.report.manuscript.references import ALWAYS, USES, bibtex, references_of
from medtl.report.manuscript.results_paragraph import results_paragraph
from medtl.report.manuscript.statements import Statements
from medtl.report.manuscript.works import WORKS
from medtl.report.results.judged import evaluate_run


def test_the_results_paragraph_tells_the_numbers_that_scikit_learn_finds(small_run: Path) -> None:
    run = read_run(small_run)
    text = results_paragraph(run, evaluate_run(run))
    rows = read_csv(small_run / "predictions.csv", text_columns=("case_id", "patient_id", "truth"))
    rows = rows[rows["role"] == "test"].groupby(["model", "patient_id", "truth"])["p_pneumonia"].mean().reset_index()
    for model, phrase in (("lp_ft", "reached an AUROC of"), ("probe", None), ("scratch", None)):
        own = rows[rows["model"] == model]
        area = roc_auc_score(own["truth"] == "pneumonia", own["p_pneumonia"])
        assert (f"{phrase} {area:.3f} (95 % CI" if phrase else f"{area:.3f} (95 % CI") in text
    own = rows[rows["model"] == "lp_ft"]
    precision = average_precision_score(own["truth"] == "pneumonia", own["p_pneumonia"])
    brier = brier_score_loss(own["truth"] == "pneumonia", own["p_pneumonia"])
    assert f"an average precision of {precision:.3f}" in text
    assert f"a Brier score (Brier 1950) of {brier:.3f}" in text
    assert "nan" not in text
    assert "significant" not in text


def test_a_number_that_is_not_defined_is_told_with_its_reason(small_run: Path) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    own = judged.pooled["lp_ft"]
    undefined = Estimate(value=None, reason="one class", n=40)
    changed = replace(
        judged,
        pooled={
            **judged.pooled,
            "lp_ft": replace(own, estimates={**own.estimates, "auroc": undefined}, confusion=None),
        },
        differences=tuple(replace(one, difference=undefined, p_value=None) for one in judged.differences),
    )
    text = results_paragraph(run, changed)
    assert "the AUROC was not defined (one class)" in text
    assert "and the frozen probe was not defined (one class)" in text
    assert "sensitivity" not in text


def test_only_works_of_this_run_are_cited(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path, small_run: Path
) -> None:
    full = read_run(small_run)
    keys = {one.key for one in references_of(full, evaluate_run(full))}
    assert {"kumar2022", "draelos2020", "he2016", "russakovsky2015", "cardoso2022", "nadeau2003"} <= keys
    assert not {"mei2022", "chen2019", "huang2017", "yang2021", "carreira2017"} & keys
    recipe = run_recipe(models=("probe",), policies=("probe",), patients=20, fold_count=2, with_saliency=False,
                        with_history=False, classes=("a", "b", "c"), resamples=100)  # fmt: skip
    run = read_run(run_writer(tmp_path, recipe))
    keys = {one.key for one in references_of(run, evaluate_run(run))}
    assert not {"kumar2022", "draelos2020", "nadeau2003", "youden1950"} & keys
    assert set(ALWAYS) <= keys


def test_every_work_has_an_address_that_finds_it_and_a_use() -> None:
    assert set(WORKS) == {*ALWAYS, *USES}
    for work in WORKS.values():
        assert re.fullmatch(r"10\.\d{4,5}/\S+", work.doi) or re.fullmatch(r"\d{4}\.\d{4,5}", work.arxiv) or work.url
        assert str(work.year) in work.cited
        assert work.cited.split()[0] in work.authors
    found = [work.doi for work in WORKS.values() if work.doi] + [work.arxiv for work in WORKS.values() if work.arxiv]
    assert len(found) == len(set(found))


def test_the_bibtex_holds_each_work_once_with_balanced_braces() -> None:
    text = bibtex(tuple(WORKS.values()))
    assert re.findall(r"^@\w+\{(\w+),$", text, flags=re.M) == list(WORKS)
    assert text.count("{") == text.count("}")
    assert "volume = {115},\n  number = {3},\n  pages = {211--252}," in text
    assert "volume = {385},\n  pages = {e078378}," in text


@pytest.mark.parametrize(
    "said", ["<script>alert(1)</script>", "[a](javascript:x)", "| a |\n# b", "![x](http://a)", "&lt;b"]
)
def test_nothing_that_somebody_wrote_is_a_mark_in_the_card(small_run: Path, said: str) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    card = model_card(run, judged, findings_of(run, judged), Statements({"model_card": {"intended_use": said}}))
    told = next(line for line in card.splitlines() if line.startswith("- For whom and for what"))
    assert plain_text(said) in told
    assert "<" not in card
    assert not re.search(r"(?<!\\)[\[\]]", told)


def test_the_card_leaves_the_use_to_the_authors_and_names_a_restricted_licence(small_run: Path) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    card = model_card(run, judged, findings_of(run, judged), Statements())
    assert "For whom and for what the model is meant: not stated; write it into statements.yaml" in card
    assert "This licence restricts use" not in card
    assert run.provenance.encoder is not None
    made = run.provenance.encoder.model_copy(update={"licence": "Uber Non-Commercial"})
    restricted = replace(run, provenance=run.provenance.model_copy(update={"encoder": made}))
    assert "This licence restricts use" in model_card(restricted, judged, (), Statements())
    auroc = judged.of("lp_ft", fold=None).auroc
    assert f"| {auroc.value:.3f} ({auroc.low:.3f}-{auroc.high:.3f}) |" in card


def test_the_checkpoints_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "DONE.json").write_text('{"fold": 0, "sha256": {}}')
    (tmp_path / "checkpoint.safetensors").write_bytes(b"weights")
    assert checkpoint_hashes(tmp_path) == {"checkpoint.safetensors": hashlib.sha256(b"weights").hexdigest()}
    (tmp_path / "DONE.json").write_text('{"fold": 0, "sha256": {"checkpoint.safetensors": "abc"}}')
    assert checkpoint_hashes(tmp_path) == {"checkpoint.safetensors": "abc"}


def test_weights_of_an_unknown_source_are_called_that_on_every_page(small_run: Path) -> None:
    run = read_run(small_run)
    assert run.provenance.encoder is not None
    card = run.provenance.encoder.model_copy(update={"trained_on": UNKNOWN})
    unknown = replace(run, provenance=run.provenance.model_copy(update={"encoder": card}))
    for fold in (None, 0):
        assert dict(heading_of(run, fold=fold).facts)["Encoder"] == "resnet18-imagenet"
        shown = dict(heading_of(unknown, fold=fold).facts)["Encoder"]
        assert shown == "resnet18-imagenet, weights of an unknown source"
