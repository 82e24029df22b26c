"""A study that cannot be begun is answered before anything is computed, with the key, its value and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medtl.cohort import Cohort, Exclusion
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, DataRefused, IntegrityFailure
from medtl.study import doctor
from medtl.study.check import check_data
from medtl.study.cohort import audit_and_split
from medtl.study.encoders import resolve_encoder, resolve_encoders
from medtl.study.settings import LARGEST_STUDY_FILE, Study, read_study, study_from

MM = {"preset": "mr", "spacing_mm": [1, 1, 1], "extent_mm": [32, 32, 32]}


def study(**settings: Any) -> Study:
    return study_from({"name": "small", "manifest": "manifest.csv", **settings}, folder=Path("/nowhere"))


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore((tmp_path / "weights",))


# The file


def test_a_study_file_that_is_not_there_is_answered_with_the_readme(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no study file small\.yaml\. A study is a YAML file; README shows one"
    ):
        read_study(tmp_path / "small.yaml")


def test_a_study_file_of_many_pages_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text("#" * (LARGEST_STUDY_FILE + 1))
    with pytest.raises(ConfigurationError, match=r"small\.yaml is larger than [\d,]+ bytes; a study file is a page"):
        read_study(path)


def test_a_list_is_no_study(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text("- name\n")
    with pytest.raises(ConfigurationError, match=r"small\.yaml should hold keys and values, such as `name: my-study`"):
        read_study(path)


def test_a_change_without_a_value_is_answered_with_an_example() -> None:
    with pytest.raises(ConfigurationError, match=r"takes key=value, such as recipe\.epochs=5; got 'recipe\.epochs'"):
        study_from({"name": "small", "manifest": "m.csv"}, folder=Path("/nowhere"), changes=("recipe.epochs",))


def test_a_change_that_is_no_yaml_is_named_by_its_key() -> None:
    with pytest.raises(
        ConfigurationError, match=r"--set recipe\.epochs is not YAML that can be read: .* No value was used"
    ):
        study_from({"name": "small", "manifest": "m.csv"}, folder=Path("/nowhere"), changes=("recipe.epochs=[5",))


# Settings that contradict each other


def test_two_columns_of_folds_name_both_columns() -> None:
    with pytest.raises(
        ConfigurationError, match="folds are read from 'site', but split_column is 'fold': leave it out"
    ):
        study(folds={"from_column": "site"}, split_column="fold")


def test_how_volumes_are_taken_is_no_question_of_pictures() -> None:
    with pytest.raises(
        ConfigurationError, match=r"but the preparation gives pictures; leave it out, or give preparation\.spacing_mm"
    ):
        study(volumes={"planes": ["axial"]})


def test_the_recipes_own_rate_is_a_candidate_already() -> None:
    with pytest.raises(
        ConfigurationError, match=r"names recipe\.learning_rate, 0\.01, which is a candidate already: remove"
    ):
        study(recipe={"learning_rate": 0.01}, selection={"learning_rates": [0.1, 0.01]})


def test_rates_without_a_policy_that_trains_name_the_policies() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"but adaptation\.policy names only probe, scratch: add one of them, or remove the rates",
    ):
        study(adaptation={"policy": ["probe", "scratch"]}, selection={"learning_rates": [0.1]})


def test_a_selection_among_one_is_no_selection() -> None:
    with pytest.raises(
        ConfigurationError, match="nothing to choose among: name lp_ft or full as a policy, or more enc"
    ):
        study(adaptation={"policy": "probe"}, selection={})


def test_a_candidate_that_is_named_twice_is_listed() -> None:
    with pytest.raises(ConfigurationError, match="each candidate can be named once; got resnet10, resnet18, resnet10"):
        study(selection={"encoders": ["resnet10", "resnet18", "resnet10"]})


def test_a_policy_that_is_named_twice_is_listed() -> None:
    with pytest.raises(ConfigurationError, match="each policy can be named once; got probe, full, probe"):
        study(adaptation={"policy": ["probe", "full", "probe"]})


def test_a_policy_of_another_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match=r"there is no policy 'finetune'; choose among probe, lp_ft, .*full, scratch"
    ):
        study(adaptation={"policy": "finetune"})


def test_an_infinite_number_is_named_by_its_key() -> None:
    with pytest.raises(ConfigurationError, match=r"recipe\.warmup_epochs is inf; every number of a study is finite"):
        study(recipe={"warmup_epochs": float("inf")})


# Encoders


def test_an_encoder_for_volumes_in_a_study_of_pictures_names_their_size(store: WeightStore) -> None:
    pictures = study(encoder="resnet10-3d", preparation={"size_px": [32, 48]})
    with pytest.raises(
        ConfigurationError,
        match=r"resnet10-3d takes volumes, .* pictures of 32 x 48 pixels\. Give preparation\.spacing_mm",
    ):
        resolve_encoder(pictures, store=store)


def test_the_studys_own_encoder_is_no_second_candidate(store: WeightStore) -> None:
    twice = study(encoder="resnet10", selection={"encoders": ["resnet18", "resnet10"]})
    with pytest.raises(
        ConfigurationError,
        match=r"an encoder twice: resnet10, resnet18, resnet10\. The study's own encoder is a candidate",
    ):
        resolve_encoders(twice, store=store)


def test_an_encoder_that_is_not_known_is_answered_with_the_closest(store: WeightStore) -> None:
    with pytest.raises(ConfigurationError, match=r"'resnet19' is not known\. Did you mean .*resnet18"):
        resolve_encoder(study(encoder="resnet19"), store=store)


def test_weights_without_their_file_are_answered_with_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_self: WeightStore, name: str) -> None:
        raise IntegrityFailure(f"{name} is damaged.")

    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(WeightStore, "names", lambda _self: ("one", "two"))
    monkeypatch.setattr(WeightStore, "verify", gone)
    with pytest.raises(IntegrityFailure, match=r"^one is damaged\.\ntwo is damaged\.$"):
        list(doctor.verified_weights())


# The cohort


def test_a_cohort_that_was_left_out_whole_counts_the_reasons_with_their_first_case() -> None:
    gone = (
        Exclusion("c1", 2, "missing_file", "The file does not exist."),
        Exclusion("c2", 3, "empty_file", "The file is empty."),
        Exclusion("c3", 4, "missing_file", "The file does not exist."),
    )
    with pytest.raises(
        DataRefused,
        match=r"all 3 are left out \(empty_file, missing_file\)\.\n"
        r"  missing_file: 2; the first, case c1 in line 2: The file does not exist\.\n"
        r"  empty_file: 1; the first, case c2 in line 3: The file is empty\.\n"
        r"Correct the scans or the manifest, and run again; nothing was written",
    ):
        audit_and_split(study(), Cohort(cases=(), classes=("a", "b"), exclusions=gone), {})


def test_a_page_of_a_check_is_not_written_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "check").write_text("")
    with pytest.raises(ConfigurationError, match=r"check is a file\. Give --out a folder for the page and its tables"):
        check_data(tmp_path / "manifest.csv", out=tmp_path / "check")
