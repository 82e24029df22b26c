"""A study is judged the same however it is written down, and every number can be made again from the table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as oracle

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.evaluation import FoldMetrics, StudyMetrics, evaluate, evaluate_fold
from medtl.evaluation.comparison import ratio_of_tested_to_trained
from medtl.files import write_json
from medtl.predictions import PredictionTable, per_patient

MakeTable = Callable[..., PredictionTable]


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"classes": ("a", "b", "c")},
        {"repeats": 2},
        {"patients": 12},
        {"folds": 1, "patients": 20},
        {"models": ("scratch",)},
    ],
)
def test_every_shape_of_study_is_judged_and_survives_json(make_table: MakeTable, shape: dict[str, object]) -> None:
    table = make_table(**{"folds": 3, "patients": 30, **shape}) if shape.get("folds") != 1 else _official(make_table)
    study = evaluate(table, resamples=40, seed=7)
    text = json.dumps(study.to_json(), allow_nan=False)
    assert StudyMetrics.from_json(json.loads(text)) == study
    for fold in study.folds:
        one = evaluate_fold(table, fold, resamples=40, seed=7)
        assert FoldMetrics.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False))) == one
        for model in table.models:
            place = study.folds.index(fold)
            assert one.of(model).patient == study.of(model).patient.folds[place]
            assert one.of(model).image == study.of(model).image.folds[place]


def _official(make_table: MakeTable) -> PredictionTable:
    table = make_table(folds=2, patients=20)
    return table.of(fold=1)


def test_pooled_and_fold_numbers_are_scikit_learns_on_patients(make_table: MakeTable) -> None:
    table = make_table()
    study = evaluate(table, resamples=0, seed=7).of("lp_ft")
    rows = per_patient(table.of(model="lp_ft", role="test")).rows
    positive = (rows["truth"] == "yes").to_numpy()
    called = np.zeros(len(rows), dtype=bool)
    for fold in study.patient.folds:
        here = (rows["fold"] == fold.fold).to_numpy()
        assert fold.threshold is not None
        assert fold.threshold.value is not None
        called[here] = rows["p_yes"].to_numpy()[here] >= fold.threshold.value
        expected = oracle.roc_auc_score(positive[here], rows["p_yes"].to_numpy()[here])
        assert fold.metrics["auroc"].value == pytest.approx(expected, abs=1e-10)
    pooled = study.patient.pooled
    assert pooled.threshold is None
    assert pooled.metrics["auroc"].value == pytest.approx(oracle.roc_auc_score(positive, rows["p_yes"]), abs=1e-10)
    assert pooled.metrics["mcc"].value == pytest.approx(oracle.matthews_corrcoef(positive, called), abs=1e-10)
    assert pooled.confusion == tuple(map(tuple, oracle.confusion_matrix(positive, called).tolist()))
    assert pooled.metrics["sensitivity"].value == pytest.approx(oracle.recall_score(positive, called), abs=1e-10)
    assert study.image.pooled.units == len(table.of(model="lp_ft", role="test"))
    assert study.image.pooled.patients == study.patient.pooled.units == 60


def test_the_order_of_rows_changes_nothing(make_table: MakeTable) -> None:
    table = make_table(repeats=2, patients=24, folds=3)
    order = np.random.default_rng(1).permutation(len(table))
    kept = table.rows["model"].to_numpy()[order]
    order = np.concatenate([order[kept == model] for model in table.models])
    shuffled = PredictionTable(table.rows.iloc[order])
    assert evaluate(shuffled, resamples=30, seed=7) == evaluate(table, resamples=30, seed=7)


def test_a_second_copy_of_every_image_leaves_the_patients_alone(make_table: MakeTable) -> None:
    table = make_table(patients=24, folds=3)
    copies = table.rows.assign(case_id=table.rows["case_id"] + " again")
    doubled = PredictionTable(pd.concat([table.rows, copies]))
    for model in table.models:
        once, twice = (evaluate(each, resamples=30, seed=7).of(model).patient for each in (table, doubled))
        assert _numbers(twice.model_dump(mode="json")) == pytest.approx(
            _numbers(once.model_dump(mode="json")), abs=1e-12
        )


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in _numbers(value[key])]
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [float(value)] if isinstance(value, (int, float)) else []


def test_the_threshold_never_looks_at_test_rows(make_table: MakeTable) -> None:
    table = make_table(folds=3, patients=24)
    test = table.rows["role"] == "test"
    swapped = {"p_no": "p_yes", "p_yes": "p_no"}
    flipped = table.rows.assign(
        **{name: table.rows[name].where(~test, table.rows[other]) for name, other in swapped.items()}
    )
    before, after = (
        evaluate(each, resamples=0, seed=1).of("probe").patient for each in (table, PredictionTable(flipped))
    )
    assert [fold.threshold for fold in before.folds] == [fold.threshold for fold in after.folds]
    assert before.pooled.metrics["auroc"].value == pytest.approx(1.0 - (after.pooled.metrics["auroc"].value or 0.0))


def test_a_fold_of_one_class_is_undefined_and_left_out_of_the_mean(make_table: MakeTable) -> None:
    table = make_table(folds=3, patients=30)
    lone = (table.rows["fold"] == 1) & (table.rows["role"] == "test") & (table.rows["truth"] == "yes")
    study = evaluate(PredictionTable(table.rows[~lone]), resamples=50, seed=1).of("probe").patient
    auroc = study.folds[1].metrics["auroc"]
    assert auroc.value is None
    assert str(auroc.reason).startswith("no yes among the")
    assert study.folds[1].metrics["brier"].value is not None
    assert study.folds[1].metrics["sensitivity"].value is None
    assert study.folds[1].metrics["specificity"].value is not None
    assert (study.over_folds["auroc"].folds, study.over_folds["auroc"].undefined) == (2, 1)
    assert study.pooled.metrics["auroc"].value is not None


def test_a_fold_without_validation_has_no_decisions_and_says_which(make_table: MakeTable) -> None:
    table = make_table(folds=3, patients=30)
    gone = (table.rows["fold"] == 2) & (table.rows["role"] == "validation")
    pooled = evaluate(PredictionTable(table.rows[~gone]), resamples=50, seed=1).of("probe").patient.pooled
    assert pooled.confusion is None
    assert str(pooled.metrics["mcc"].reason).startswith("fold 2: no threshold: no no and no yes among 0 validation")
    assert pooled.metrics["auroc"].low is not None


def test_when_all_are_called_one_class_the_correlation_is_undefined(make_table: MakeTable) -> None:
    table = make_table(folds=3, patients=30)
    constant = PredictionTable(table.rows.assign(p_no=0.5, p_yes=0.5))
    metrics = evaluate(constant, resamples=50, seed=1).of("probe").patient.pooled.metrics
    assert (metrics["mcc"].value, metrics["mcc"].reason) == (None, "all were called yes")
    assert metrics["auroc"].value == 0.5
    assert metrics["sensitivity"].value == 1.0


def test_every_trained_model_is_compared_with_the_probe_on_the_same_patients(make_table: MakeTable) -> None:
    table = make_table(models=("probe", "centroid", "lp_ft"))
    study = evaluate(table, resamples=300, seed=7)
    assert [(each.model, each.reference) for each in study.comparisons] == [("centroid", "probe"), ("lp_ft", "probe")]
    best = study.comparisons[1]
    areas = [study.of(model).patient.pooled.metrics["auroc"].value for model in ("lp_ft", "probe")]
    assert best.difference.value == pytest.approx((areas[0] or 0.0) - (areas[1] or 0.0), abs=1e-12)
    assert best.difference.low is not None
    assert best.difference.low < best.difference.value
    folds = [
        (model.metrics["auroc"].value or 0.0) > (probe.metrics["auroc"].value or 0.0)
        for model, probe in zip(study.of("lp_ft").patient.folds, study.of("probe").patient.folds, strict=True)
    ]
    assert (best.over_folds.wins, best.over_folds.folds) == (sum(folds), 5)


def test_models_tested_on_different_cases_are_compared_on_those_in_common_and_told(make_table: MakeTable) -> None:
    table = make_table()
    less = PredictionTable(table.rows[(table.rows["model"] == "probe") | (table.rows["patient_id"] != "p7")])
    study = evaluate(less, resamples=20, seed=7)
    assert study.comparisons[0].difference.n == 59
    assert any("not tested on the same cases (probe" in note for note in study.notes)


def test_training_patients_are_those_tested_elsewhere_and_not_validating(make_table: MakeTable) -> None:
    table = make_table(folds=5, patients=50)
    assert ratio_of_tested_to_trained(per_patient(table)) == pytest.approx(10 / 30)
    assert ratio_of_tested_to_trained(per_patient(_official(make_table))) is None


def test_the_reader_is_told_of_two_labels_repeats_and_several_classes(make_table: MakeTable) -> None:
    table = make_table(classes=("a", "b", "c"), repeats=2, images=(2, 2))
    rows = table.rows.assign(truth=table.rows["truth"].where(table.rows["case_id"] != "c0-1", "b"))
    notes = evaluate(PredictionTable(rows), resamples=0, seed=1).notes
    assert notes[0].startswith("1 patient with images of more than one class")
    assert notes[1].startswith("More than two classes: the most probable class is called")
    assert notes[2].startswith("Cases were tested up to 2 times (repeats)")


def test_decisions_are_counted_once_per_repeat(make_table: MakeTable) -> None:
    pooled = evaluate(make_table(repeats=3), resamples=10, seed=1).of("probe").patient.pooled
    assert pooled.units == 60
    assert pooled.confusion is not None
    assert sum(map(sum, pooled.confusion)) == 180


def test_a_model_without_test_predictions_cannot_be_judged(make_table: MakeTable) -> None:
    table = make_table()
    only = PredictionTable(table.rows[(table.rows["model"] == "probe") | (table.rows["role"] == "validation")])
    with pytest.raises(ConfigurationError, match="every model in 5 folds, got none of lp_ft"):
        evaluate(only, seed=1)
    with pytest.raises(ConfigurationError, match="every model in fold 3, got none of lp_ft"):
        evaluate_fold(only, 3, seed=1)
    with pytest.raises(ConfigurationError, match="every model in 0 folds, got none of any model"):
        evaluate(PredictionTable(table.rows.iloc[:0]), seed=1)
    with pytest.raises(ConfigurationError, match="no fold 9; there is 0, 1, 2, 3, 4"):
        evaluate_fold(table, 9, seed=1)


def test_metrics_that_are_not_ours_are_refused_with_every_place(make_table: MakeTable) -> None:
    value = evaluate(make_table(patients=12, folds=2), resamples=0, seed=1).to_json()
    value["models"][0]["model"] = 3
    value["accuracy"] = 0.9
    with pytest.raises(IntegrityFailure, match=r"2 faults[\s\S]*models\.0\.model[\s\S]*accuracy: Extra inputs"):
        StudyMetrics.from_json(value)


def test_an_unknown_model_is_refused_with_those_there_are(make_table: MakeTable) -> None:
    study = evaluate(make_table(patients=12, folds=2), resamples=0, seed=1)
    with pytest.raises(IntegrityFailure, match="no model 'full'; there is probe, lp_ft"):
        study.of("full")


def test_the_json_file_holds_no_nan_and_reads_back(make_table: MakeTable, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    study = evaluate(make_table(patients=8, folds=2), resamples=20, seed=1)
    write_json(path, study.to_json())
    assert StudyMetrics.from_json(json.loads(path.read_text(encoding="utf-8"))) == study
    assert not any(math.isnan(number) for number in _numbers(study.to_json()))
