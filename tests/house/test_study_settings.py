"""study.yaml: read as data, refused in one letter, written so that it runs again from where it lies."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl.cohort.manifest_links import kept_manifest
from medtl.errors import ConfigurationError
from medtl.files import fingerprint
from medtl.study.cohort import read_cohort
from medtl.study.settings import (
    LARGEST_STUDY_FILE,
    Study,
    as_yaml,
    read_study,
    study_from,
    with_changes,
    write_study,
    write_study_of_run,
)

ROOT = Path(__file__).resolve().parents[2]
LEAST = "name: small\nmanifest: manifest.csv\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "study.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes, *changes: str) -> Study:
    return read_study(written(folder, text), changes=changes)


def refused(folder: Path, text: str | bytes, *changes: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text, *changes)
    return str(caught.value)


def test_the_example_of_the_readme_is_a_study(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    example, *_ = (block for block in blocks if block.startswith("name:"))
    study = read(tmp_path, example)
    said = yaml.safe_load(example)
    assert study.name == said["name"] == "pneumonia-radiographs"
    assert study.manifest == tmp_path / said["manifest"]
    assert study.preparation.size_px == tuple(said["preparation"]["size_px"])
    assert study.adaptation.models == ("lp_ft", "scratch", "probe", "centroid")
    assert (study.folds.count, study.folds.repeats, study.seed) == (5, 1, 7)
    assert study.classes == tuple(said["classes"])
    assert len(example.splitlines()) == 10, "README calls it ten lines"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("recpie: {epochs: 3}", "recpie: no such key; did you mean recipe?"),
        ("recipe: {epohcs: 3}", "recipe.epohcs: no such key; did you mean epochs?"),
        ("folds: {cuont: 3}", "folds.cuont: no such key; did you mean count?"),
        ("recipe: {zzz: 3}", "recipe.zzz: no such key; known are epochs, batch_size, learning_rate"),
        ("$import: os", "$import: no such key; known are label_column"),
        ("_target_: os.system", "_target_: no such key; known are label_column"),
        ("3: three", "3: Keys should be strings"),
    ],
)
def test_an_unknown_key_is_named_with_the_closest_known_one(tmp_path: Path, lines: str, told: str) -> None:
    assert told in refused(tmp_path, LEAST + lines)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("recipe: {epochs: ten}", "recipe.epochs: Input should be a valid integer.*; got 'ten'"),
        ("recipe: {epochs: 2.5}", "recipe.epochs: .*fractional part; got 2.5"),
        ("recipe: 3", "recipe: .*; got 3"),
        ("folds: [5, 1]", r"folds: .*; got \[5, 1\]"),
        ("preparation: {preset: xray}", "preparation.preset: Input should be 'radiograph', .*; got 'xray'"),
        (
            "adaptation: {policy: lpft}",
            "adaptation.policy.0: .*there is no policy 'lpft'; did you mean lp_ft\\? Choose among probe, lp_ft",
        ),
        ("question: 2024", "question: Input should be a valid string; got 2024"),
        ("resamples: 1:30", "resamples: Input should be a valid integer.*; got '1:30'"),
        ("resamples: 0x7d0", "resamples: Input should be a valid integer.*; got '0x7d0'"),
        ("folds: {count: 1}", "folds.count: Input should be greater than or equal to 2; got 1"),
        ("recipe: {learning_rate: .nan}", "recipe.learning_rate: .*; got nan"),
        ("recipe: {gradient_limit: .inf}", "recipe.gradient_limit is inf; every number of a study is finite"),
        ("recipe: {warmup_epochs: inf}", "recipe.warmup_epochs is inf; every number of a study is finite"),
        ("folds: {from_column: a}\nsplit_column: b", "folds are read from 'a', but split_column is 'b'"),
        ("folds: {from_column: a, count: 3}", "folds names from_column together with count"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_key_and_what_came(tmp_path: Path, lines: str, told: str) -> None:
    letter = refused(tmp_path, LEAST + lines)
    assert re.search(told, letter), letter
    assert letter.startswith("study.yaml has ")


def test_all_faults_stand_in_one_letter_and_each_once(tmp_path: Path) -> None:
    text = "name: Not A Name\nrecpie: 3\nfolds: {count: many}\nadaptation: {policy: lpft, dropout: 2}\n"
    letter = refused(tmp_path, text)
    head, *lines = letter.splitlines()
    assert head == "study.yaml has 6 faults; nothing was started:"
    assert sorted(line.split(":")[0] for line in lines) == [
        "  - adaptation.dropout",
        "  - adaptation.policy.0",
        "  - folds.count",
        "  - manifest",
        "  - name",
        "  - recpie",
    ]


def test_a_long_value_is_not_repeated_at_length(tmp_path: Path) -> None:
    assert len(refused(tmp_path, LEAST + f"recipe: {{epochs: {'x' * 5000}}}")) < 400


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("classes: &two [a, b]\nleave_out_labels: *two", r"line 4: aliases \(\*name\) are not read; write the value"),
        ("name: another", "line 3: the key 'name' stands there twice"),
        ("folds: {count: 3, count: 4}", "line 3: the key 'count' stands there twice"),
        ("? [a, b]\n: 3", "line 3: a list cannot be a key"),
        ("? !!set {a: }\n: 3", "line 3: a set cannot be a key"),
        ("<<: {encoder: resnet10}", "could not determine a constructor for the tag .*merge"),
        ("question: !!python/object/apply:os.system [exit]", "could not determine a constructor for the tag .*python"),
        ("question: !!python/name:os.system", "could not determine a constructor"),
        ("question: !Study {}", "could not determine a constructor"),
        ("question: [", "line 3, column 12"),
        ("\tfolds: 3", "cannot start any token"),
        pytest.param(f"resamples: {'9' * 5000}", "line 3: a number of 5,000 characters; at most 40", id="5000 digits"),
        pytest.param(f"resamples: 1.{'9' * 5000}", "line 3: a number of 5,002 characters", id="5000 decimals"),
        ("---\nname: second", "found another document"),
        ("question: 'a\0b'", "unacceptable character"),
        pytest.param(f"question: {'[' * 1000}{']' * 1000}", "recursion", id="1000 lists deep"),
        pytest.param(f"question: {'{a: ' * 1000}1{'}' * 1000}", "recursion", id="1000 mappings deep"),
    ],
)
def test_yaml_is_data_and_anything_else_is_refused(tmp_path: Path, lines: str, why: str) -> None:
    letter = refused(tmp_path, LEAST + lines)
    assert "study.yaml is not YAML that can be read: " in letter
    assert re.search(why, letter), letter
    assert letter.endswith("No value was used.")


HUGE = ("1:" * 450_000 + "1", "1:" * 450_000 + "1.5", "0x" + "f" * 900_000, "0b" + "1" * 900_000, "-" + "1_" * 400_000)


@pytest.mark.parametrize("number", HUGE, ids=["sexagesimal", "sexagesimal float", "hexadecimal", "binary", "grouped"])
def test_numbers_of_other_bases_are_text_and_cost_no_arithmetic(tmp_path: Path, number: str) -> None:
    """In YAML 1.1 the first two took more than 90 s of processor time."""
    letter = refused(tmp_path, LEAST + f"resamples: {number}\n")
    assert "study.yaml has 1 fault" in letter
    assert len(letter) < 400


@pytest.mark.parametrize("number", ["1e-3", "1.0e-3", "0.001", ".001", "1E-3", "+1e-3"])
def test_a_number_is_one_as_people_and_programs_write_it(tmp_path: Path, number: str) -> None:
    assert read(tmp_path, LEAST + f"recipe: {{learning_rate: {number}}}").recipe.learning_rate == 0.001


@pytest.mark.parametrize("word", ["yes", "no", "true", "True", "on", "off"])
def test_a_switch_may_be_written_as_yes_or_true(tmp_path: Path, word: str) -> None:
    study = read(tmp_path, LEAST + f"folds: {{tie_near_duplicates: {word}}}")
    assert study.folds.tie_near_duplicates is (word in ("yes", "true", "True", "on"))


@pytest.mark.parametrize(
    "names",
    [("no", "yes"), ("0", "1"), ("off", "on"), ("true", "FALSE"), ("1.0", "2.50"), ("n", "y"), ("007", "010"),
     ("null", "ill"), ("2024-01-01", "1:30"), ("1e5", "0x1f"), ("NA", "~")],
)  # fmt: skip
def test_names_in_the_manifest_are_text_as_they_are_written(tmp_path: Path, names: tuple[str, str]) -> None:
    first, second = names
    chosen, column = (first if second == "~" else second), ("x" if first == "null" else first)
    text = f"classes: [{first}, {second}]\npositive_class: {chosen}\nlabel_column: {column}\n"
    study = read(tmp_path, LEAST + text + f"folds: {{from_column: {column}}}\n")
    assert study.classes == names
    assert (study.positive_class, study.label_column, study.folds.from_column) == (chosen, column, column)
    changed = read(tmp_path, LEAST, f"classes=[{first}, {second}]")
    assert changed.classes == names
    write_study(study, tmp_path / "again.yaml")
    assert read_study(tmp_path / "again.yaml") == study


def test_no_name_is_still_no_name(tmp_path: Path) -> None:
    study = read(tmp_path, LEAST + "classes: ~\npositive_class: null\nsplit_column:\n")
    assert (study.classes, study.positive_class, study.split_column) == (None, None, None)


def test_no_tag_runs_anything(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    refused(tmp_path, LEAST + f"question: !!python/object/apply:pathlib.Path.touch [{witness}]")
    refused(tmp_path, LEAST, f"question=!!python/object/apply:os.mkdir [{witness}]")
    assert not witness.exists()


def test_dollars_and_braces_in_a_text_stay_a_text(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST + 'question: "$import os ${HOME} {{7*7}}"').question == "$import os ${HOME} {{7*7}}"


def test_a_file_of_ten_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST)
    os.truncate(path, 10_000_000)
    with pytest.raises(ConfigurationError, match=f"larger than {LARGEST_STUDY_FILE:,} bytes; a study file is a page"):
        read_study(path)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "hello", "3"])
def test_a_file_without_keys_is_told_what_a_study_looks_like(tmp_path: Path, text: str) -> None:
    assert "should hold keys and values, such as `name: my-study`" in refused(tmp_path, text)


def test_a_missing_file_and_a_folder_are_no_study(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(ConfigurationError, match=f"no study file {path.name}"):
            read_study(path)


def test_a_byte_order_mark_is_passed_over_and_other_encodings_are_refused(tmp_path: Path) -> None:
    text = LEAST + "question: Müller?\n"
    assert read(tmp_path, b"\xef\xbb\xbf" + text.encode()) == read(tmp_path, text)
    old = text.encode("latin-1")
    assert f"not UTF-8 text (byte {old.index(0xFC)})" in refused(tmp_path, old)
    assert "not UTF-8 text (byte 0)" in refused(tmp_path, text.encode("utf-16"))


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ("recipe.epochs=5", "recipe.epochs", 5),
        (" recipe.learning_rate = 1e-3 ", "recipe.learning_rate", 1e-3),
        ("folds.count=3", "folds.count", 3),
        ("preparation.size_px=[64, 48]", "preparation.size_px", (64, 48)),
        ("adaptation.policy=[probe, scratch]", "adaptation.policy", ("probe", "scratch")),
        ("encoder=resnet10", "encoder", "resnet10"),
        ("question=a=b", "question", "a=b"),
        ("limit_patients=~", "limit_patients", None),
    ],
)
def test_one_setting_can_be_changed_from_outside_and_nothing_else_moves(
    tmp_path: Path, change: str, key: str, value: object
) -> None:
    text = LEAST + "recipe: {batch_size: 8}\nlimit_patients: 9\n"
    before, after = _flat(read(tmp_path, text)), _flat(read(tmp_path, text, change))
    assert after.pop(key) == value
    before.pop(key)
    assert after == before


def test_later_changes_win_and_changes_win_over_the_file(tmp_path: Path) -> None:
    study = read(tmp_path, LEAST + "recipe: {epochs: 1}", "recipe.epochs=2", "recipe.epochs=3")
    assert study.recipe.epochs == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("recipe.epochs", "--set takes key=value, such as recipe.epochs=5; got 'recipe.epochs'"),
        ("=5", "--set takes key=value"),
        ("recipe.epochs=[1", "--set recipe.epochs is not YAML that can be read"),
        ("recipe.epochs=", "recipe.epochs: Input should be a valid integer; got None"),
        ("recipe.epcohs=3", "recipe.epcohs: no such key; did you mean epochs?"),
        ("name.first=x", "name: Input should be a valid string"),
        ("recipe..epochs=5", "recipe.: no such key"),
    ],
)
def test_a_change_that_cannot_be_made_is_told_as_it_was_typed(tmp_path: Path, change: str, told: str) -> None:
    assert told in refused(tmp_path, LEAST, change)


def test_a_pipelines_study_takes_the_same_changes(tmp_path: Path) -> None:
    study = read(tmp_path, LEAST)
    assert with_changes(study, ["recipe.epochs=5"]).recipe.epochs == 5
    assert with_changes(study, []) is study
    with pytest.raises(ConfigurationError, match=r"recipe\.epcohs: no such key; did you mean epochs\?"):
        with_changes(study, ["recipe.epcohs=5"])


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
NAMES = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+){0,3}", fullmatch=True).filter(lambda name: len(name) <= 64)
STUDIES = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "question": TEXTS,
        "classes": st.lists(TEXTS.filter(bool), min_size=2, max_size=4, unique=True),
        "covariates": st.lists(TEXTS.map("k{}".format), max_size=2, unique=True),
        "folds": st.one_of(
            st.fixed_dictionaries({"count": st.integers(2, 9), "seed": st.integers(0, 2**31)}),
            st.fixed_dictionaries({"official": TEXTS.filter(bool)}),
        ),
        "preparation": st.fixed_dictionaries(
            {"preset": st.sampled_from(["ct", "mr", "photograph"]), "size_px": st.tuples(*[st.integers(16, 2048)] * 2)}
        ),
        "recipe": st.fixed_dictionaries(
            {
                "learning_rate": st.floats(1e-300, 1, exclude_min=True),
                "weight_decay": st.floats(0, 1),
                "warmup_epochs": st.floats(0, allow_infinity=False),
            }
        ),
        "limit_patients": st.none() | st.integers(1, 10**6),
        "data_root": st.sampled_from(["scans", "../elsewhere", "."]),
        "identifiers": st.sampled_from(["pseudonymous", "as_in_manifest"]),
    },
)


@settings(max_examples=60, deadline=None)
@given(values=STUDIES)
def test_a_study_that_is_written_reads_back_as_the_same_study(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    here = tmp_path_factory.mktemp("here")
    there = here / "runs" / "one"
    there.mkdir(parents=True)
    study = study_from({**values, "manifest": "data/manifest.csv"}, folder=here)
    write_study(study, there / "study.yaml")
    again = read_study(there / "study.yaml")
    assert again.deciding() == study.deciding()
    assert again.question == study.question
    assert again.manifest.resolve() == study.manifest.resolve()
    assert _root(again) == _root(study)
    assert as_yaml(again, folder=there) == as_yaml(study, folder=there)
    assert str(here) not in (there / "study.yaml").read_text()


def test_absolute_paths_are_read_and_never_written(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "runs" / "one"
    text = f"name: small\nmanifest: {data}/manifest.csv\ndata_root: {tmp_path}/scans\n"
    study = read(tmp_path, text)
    values = yaml.safe_load(as_yaml(study, folder=run))
    assert values["manifest"] == "../../data/manifest.csv"
    assert values["data_root"] == "../scans", "a data root starts at the manifest"
    assert str(tmp_path) not in as_yaml(study, folder=run)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


PLACES = ("manifest: Klinik Nord/Meier, Anna.csv\n", "manifest: Klinik Nord/Meier, Anna.csv\ndata_root: Scans Nord\n")


@pytest.mark.parametrize("places", PLACES)
def test_the_study_of_a_run_leads_back_to_its_manifest_and_names_no_place(
    tmp_path: Path, home: Path, places: str
) -> None:
    """The run's study.yaml is handed on; the path of the manifest names a user, a hospital, a patient."""
    study = read(tmp_path, "name: small\n" + places)
    run = tmp_path / "runs" / "one"
    write_study_of_run(study, run, fingerprint="0a1b2c")
    written_there = (run / "study.yaml").read_text()
    assert "manifest: private:0a1b2c" in written_there
    assert not [
        name for name in ("Klinik", "Nord", "Meier", ".csv", "..", "data_root", str(tmp_path)) if name in written_there
    ]
    again = read_study(run / "study.yaml")
    assert again.manifest == study.manifest.resolve()
    assert _root(again) == _root(study)
    assert again.deciding() == study.deciding()
    (kept,) = (home / "links").iterdir()
    assert (kept.name, kept.stat().st_mode & 0o777) == ("run-0a1b2c.json", 0o600)
    elsewhere = read_study(run / "study.yaml", changes=["manifest=/data/other.csv"])
    assert elsewhere.manifest == Path("/data/other.csv")


def test_whoever_did_not_run_the_study_is_told_to_say_where_the_manifest_lies(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study_of_run(read(tmp_path, LEAST), tmp_path / "run", fingerprint="0a1b2c")
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "another home"))
    with pytest.raises(ConfigurationError, match=r"does not name its manifest by a path.*--set manifest=PATH"):
        read_cohort(read_study(tmp_path / "run" / "study.yaml"))
    for reference in ("private:../../etc/passwd", "private:", "private:0a1b2c/x"):
        assert kept_manifest(reference) is None
    (tmp_path / "another home" / "links").mkdir(parents=True)
    (tmp_path / "another home" / "links" / "run-0a1b2c.json").write_text("{")
    assert kept_manifest("private:0a1b2c") is None, "a torn link is none"


def test_a_study_whose_ids_are_public_runs_without_a_private_folder_and_says_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "file" / "home"))
    public = read(tmp_path, LEAST + "identifiers: as_in_manifest\n")
    write_study_of_run(public, tmp_path / "run", fingerprint="0a1b2c")
    assert "runs again only with --set manifest=PATH" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match=r"Where the manifest lies cannot be kept .* Set MEDTL_HOME"):
        write_study_of_run(read(tmp_path, LEAST), tmp_path / "run", fingerprint="0a1b2c")


def test_what_decides_a_result_does_not_depend_on_where_the_manifest_lies(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "c").mkdir(parents=True)
    here = read(tmp_path / "a", LEAST)
    moved = read(tmp_path / "b" / "c", LEAST.replace("manifest.csv", "../other.csv") + "data_root: ../scans\n")
    asked = read(tmp_path / "a", LEAST + "question: Why?\n")
    other = read(tmp_path / "a", LEAST + "recipe: {epochs: 11}\n")
    marks = [fingerprint(study.deciding()) for study in (here, moved, asked, other)]
    assert marks[0] == marks[1] == marks[2] != marks[3]


def test_a_setting_that_is_spelt_out_at_its_default_decides_nothing(tmp_path: Path) -> None:
    spelt = LEAST + "folds: {count: 5, repeats: 1}\nresamples: 2000\nadaptation: {policy: [lp_ft]}\n"
    assert fingerprint(read(tmp_path, spelt).deciding()) == fingerprint(read(tmp_path, LEAST).deciding())


def _root(study: Study) -> Path | None:
    return None if study.data_root is None else (study.manifest.parent / study.data_root).resolve()


def _flat(study: Study) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in study:
        inner = value.__class__.model_fields if hasattr(value, "model_fields_set") else {}
        found.update({f"{key}.{name}": getattr(value, name) for name in inner} or {key: value})
    return found
