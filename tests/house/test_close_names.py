""" "Did you mean": one place for names that somebody mistyped, heard wherever a name is refused."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.close_names import close_names, did_you_mean
from medtl.cohort import ManifestSettings, read_manifest
from medtl.encoders import find_encoder
from medtl.errors import ConfigurationError, DataRefused
from medtl.predictions import read_external
from medtl.study.settings import study_from
from medtl.training.device import choose_device

PACKAGE = Path(__file__).resolve().parents[2] / "medtl"
STUDY = {"name": "s", "manifest": "m.csv"}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("adaptation", {"policy": "lp-ft"}, "there is no policy 'lp-ft'; did you mean lp_ft? Choose among "),
        ("adaptation", {"policy": "xyz"}, "there is no policy 'xyz'; choose among "),
        ("preparation", {"preset": "Radiografph"}, "did you mean radiograph?; got 'Radiografph'"),
        ("recipe", {"epcohs": 3}, "recipe.epcohs: no such key; did you mean epochs?"),
        ("Folds", {}, "Folds: no such key; did you mean folds?"),
        ("evaluation", {"threshold": {"rule": "yuoden"}}, "did you mean youden?"),
    ],
)
def test_a_mistyped_key_or_value_of_a_study_is_answered_with_the_one_that_is_near(
    key: str, value: object, words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        study_from({**STUDY, key: value}, folder=Path())
    assert words in str(caught.value)


def test_classes_are_answered_in_manifests_studies_and_tables(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("image,patient_id,label\na.png,p1,benign\nb.png,p2,malignant\n")
    with pytest.raises(DataRefused, match=r"Expected one of exactly two classes\. Did you mean malignant\?"):
        read_manifest(manifest, ManifestSettings(positive_class="Malignent"))
    with pytest.raises(DataRefused, match=r"Did you mean benign\?"):
        read_manifest(manifest, ManifestSettings(leave_out_labels=("bening",)))
    with pytest.raises(
        DataRefused, match=r"the label 'benign' is not one of malignant, begnin; did you mean 'begnin'\?"
    ):
        read_manifest(manifest, ManifestSettings(classes=("malignant", "begnin")))
    with pytest.raises(ConfigurationError, match=r"positive_class 'il' is not one of classes .*; did you mean ill\?"):
        study_from({**STUDY, "classes": ["ok", "ill"], "positive_class": "il"}, folder=Path())
    with pytest.raises(DataRefused, match=r"'Label' for the label; did you mean 'label'\?"):
        read_manifest(manifest, ManifestSettings(label_column="Label"))
    table = tmp_path / "t.csv"
    rows = {"case_id": ["c1", "c2"], "patient_id": ["p1", "p2"], "fold": [0, 0], "truth": ["ok", "ill"]}
    pd.DataFrame({**rows, "p_ok": [0.9, 0.2], "p_ill": [0.1, 0.8]}).to_csv(table, index=False)
    with pytest.raises(ConfigurationError, match=r"the table's classes are ok, ill\. Did you mean ill\?"):
        read_external(table, positive="Ill")


def test_devices_and_encoders_are_answered_also_by_what_people_call_them() -> None:
    for name, meant in (("gpu", "cuda"), ("GPU:1", "cuda"), ("cdua", "cuda"), ("CPU", "cpu")):
        with pytest.raises(ConfigurationError, match=rf"got '{name}'\. Did you mean {meant}\?"):
            choose_device(name)
    with pytest.raises(ConfigurationError, match=r"got 'tpuv4'\.$"):
        choose_device("tpuv4")
    with pytest.raises(ConfigurationError, match=r"is not known\. Did you mean resnet18-imagenet"):
        find_encoder("ResNet18-ImageNet")


def test_no_other_room_looks_for_close_names() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(one.name == "difflib" for one in node.names)
    }
    assert found == {"close_names.py"}


@given(st.lists(st.text(min_size=1), min_size=1, unique_by=str.casefold), st.data())
def test_a_name_in_other_capitals_is_always_found(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    assert close_names(name, known) == (name,)
    assert did_you_mean(name, known) == f"; did you mean {name}?"
    assert did_you_mean("", known) == ""
