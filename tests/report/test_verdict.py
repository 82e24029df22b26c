"""The verdict is made by rules: short, sober, and never beyond its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medtl.evaluation import Estimate
from medtl.record.controls import BlindAuroc
from medtl.record.run import Run, read_run
from medtl.record.study import DeclaredPolicies
from medtl.report.findings.rules import findings_of
from medtl.report.findings.verdict import MOST_WORDS, verdict_of
from medtl.report.results.judged import Judged, evaluate_run

TRIUMPH = ("!", "excellent", "state of the art", "significant", "outstanding", "superior", "accuracy of", "robust")


@pytest.fixture(scope="module")
def told(small_run: Path) -> tuple[Run, Judged]:
    run = read_run(small_run)
    return run, evaluate_run(run)


def test_a_study_of_the_probe_tells_how_the_trained_network_compares(told: tuple[Run, Judged]) -> None:
    run, judged = told
    probe = replace(
        run, study=run.study.model_copy(update={"adaptation": DeclaredPolicies(policy=("probe", "scratch"))})
    )
    only = replace(judged, differences=tuple(one for one in judged.differences if one.model != "lp_ft"))
    sentences = verdict_of(probe, only, findings_of(probe, only)).sentences
    assert sentences[0].startswith("The frozen probe ranked")
    assert sentences[1].startswith("The network trained from scratch ranked cases better than the frozen probe in")
    alone = replace(judged, differences=tuple(one for one in judged.differences if one.model == "centroid"))
    assert verdict_of(probe, alone, findings_of(probe, alone)).sentences[1].startswith("No network was trained")


def test_the_verdict_is_short_and_sober(told: tuple[Run, Judged]) -> None:
    run, judged = told
    verdict = verdict_of(run, judged, findings_of(run, judged))
    assert verdict.words <= MOST_WORDS
    assert [number.name for number in verdict.headlines] == ["Fine-tuned (LP-FT)", "Frozen probe", "From scratch"]
    text = " ".join((*verdict.sentences, verdict.against)).lower()
    assert not [word for word in TRIUMPH if word in text]


def test_a_small_study_says_that_it_is_small(told: tuple[Run, Judged]) -> None:
    run, judged = told
    titles = [finding.title for finding in findings_of(run, judged)]
    assert any(title.startswith("The study is small: 40 patients") for title in titles)
    assert "This is internal testing: how the model does in another hospital is not known." in titles


def test_phantoms_come_before_everything_else(told: tuple[Run, Judged]) -> None:
    run, judged = told
    phantom = replace(run, cohort=run.cohort.model_copy(update={"is_phantom": True, "limited": "30 patients"}))
    titles = [finding.title for finding in findings_of(phantom, judged)]
    assert titles[0].startswith("The data are phantoms")
    assert titles[1].startswith("The run was limited")


def _with_auroc(judged: Judged, run: Run, auroc: Estimate) -> Judged:
    own = judged.pooled[run.chosen_model]
    return replace(
        judged, pooled={**judged.pooled, run.chosen_model: replace(own, estimates={**own.estimates, "auroc": auroc})}
    )


@pytest.mark.parametrize(
    ("auroc", "title"),
    [
        (Estimate(value=0.55, low=0.45, high=0.65, n=40), "The interval of the AUROC includes 0.5"),
        (Estimate(value=1.0, low=1.0, high=1.0, n=40), "Every pair of patients was ranked rightly"),
        (Estimate(value=None, reason="one class", n=40), "The AUROC is not defined in these patients"),
    ],
)
def test_numbers_that_speak_against_themselves_come_first(
    told: tuple[Run, Judged], auroc: Estimate, title: str
) -> None:
    run, judged = told
    changed = _with_auroc(judged, run, auroc)
    findings = findings_of(run, changed)
    assert findings[0].title.startswith(title)
    verdict = verdict_of(run, changed, findings)
    assert verdict.words <= MOST_WORDS


@pytest.mark.parametrize(
    ("blind", "title"),
    [
        (
            Estimate(value=0.8, low=0.7, high=0.9, n=40),
            "The metadata alone reach an AUROC of 0.800, the model 0.750: it may be reading",
        ),
        (
            Estimate(value=0.71, low=0.6, high=0.8, n=40),
            "The metadata alone reach an AUROC of 0.710, the model 0.750: it may be reading",
        ),
        (
            Estimate(value=0.69, low=0.6, high=0.8, n=40),
            "The metadata alone reach an AUROC of 0.690, and the interval of the model's 0.750",
        ),
        (
            Estimate(value=0.62, low=0.55, high=0.7, n=40),
            "The metadata alone reach an AUROC of 0.620, the model 0.750 (0.680-0.820): part of",
        ),
        (Estimate(value=0.55, low=0.51, high=0.6, n=40), None),
        (Estimate(value=None, reason="few", n=40), None),
    ],
)
def test_what_is_told_without_the_scans_speaks_against_what_is_told_with_them(
    told: tuple[Run, Judged], blind: Estimate, title: str | None
) -> None:
    run, judged = told
    run = replace(
        run,
        cohort=run.cohort.model_copy(
            update={"without_scans": BlindAuroc(properties=("site", "image width"), auroc=blind)}
        ),
    )
    found = findings_of(run, _with_auroc(judged, run, Estimate(value=0.75, low=0.68, high=0.82, n=40)))
    said = [finding for finding in found if "site and image width alone" in finding.evidence]
    assert [finding.title.startswith(str(title)) for finding in said] == ([True] if title else [])
    assert all("site and image width alone; with the scans 0.750" in finding.evidence for finding in said)
    assert verdict_of(run, judged, found).words <= MOST_WORDS


def test_an_unfinished_run_and_a_stuck_probe_are_told(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    recipe = run_recipe(patients=24, fold_count=3, finished_folds=(0, 2), with_saliency=False, resamples=100)
    run = read_run(run_writer(tmp_path, recipe))
    folds = tuple(
        replace(one, probe=one.probe.model_copy(update={"converged": False})) for one in run.folds if one.probe
    )
    titles = [finding.title for finding in findings_of(replace(run, folds=folds), evaluate_run(run))]
    assert "Only 2 of 3 folds are finished; the others may differ." in titles
    assert any("did not converge" in title for title in titles)
    edge = tuple(
        replace(one, probe=one.probe.model_copy(update={"penalty_inverse": 10.0})) for one in run.folds if one.probe
    )
    titles = [finding.title for finding in findings_of(replace(run, folds=edge), evaluate_run(run))]
    assert any("edge of what was tried" in title for title in titles)


def test_a_ranking_that_is_compatible_with_chance_is_called_so_once(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    run = read_run(run_writer(tmp_path, run_recipe(signal=0.0, patients=60, fold_count=3)))
    judged = evaluate_run(run)
    findings = findings_of(run, judged)
    chance = [one for one in findings if one.kind == "chance"]
    assert len(chance) == 1
    others = tuple(one for one in findings if one.kind != "chance")
    for order in ((*others, *chance), (*chance, *others)):
        verdict = verdict_of(run, judged, order)
        said = " ".join((*verdict.sentences, verdict.against))
        assert said.count("compatible with chance") == 1
        assert verdict.words <= MOST_WORDS
