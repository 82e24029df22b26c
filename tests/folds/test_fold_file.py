"""folds.csv: written, read back, and refused when somebody's hand was in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medtl.cohort import Case, Cohort
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.folds import FoldSettings, FoldTable, assign, fold_file, read_folds, write_folds
from medtl.folds.leakage import refuse_leaks

NAMES = ("=1+1", "01", "NA", "Ümit, 'x'", "<script>", "-5")


@pytest.fixture
def cohort() -> Cohort:
    cases = tuple(
        Case(f"{NAMES[n % 6]} {n}" if n < 6 else f"c{n}", f"{NAMES[n % 6]}" if n < 6 else f"{n:03d}",
             Path(f"/{n}"), "ab"[n % 2], n + 2)
        for n in range(24)
    )  # fmt: skip
    return Cohort(cases=cases, classes=("a", "b"))


@pytest.fixture
def table(cohort: Cohort) -> FoldTable:
    return assign(cohort, FoldSettings(count=3, repeats=2), groups={})


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def test_folds_read_back_as_they_were_written_whatever_the_names(
    tmp_path: Path, table: FoldTable, cohort: Cohort
) -> None:
    path = tmp_path / "folds.csv"
    write_folds(table, path)
    back = read_folds(path, cohort=cohort)
    assert back.rows.values.tolist() == table.rows.values.tolist()
    assert [back.split(fold) for fold in back.folds] == [table.split(fold) for fold in table.folds]
    assert not any(line.startswith(("=", "-")) for line in lines_of(path))


def test_the_file_has_the_contract_columns(tmp_path: Path, table: FoldTable) -> None:
    write_folds(table, tmp_path / "folds.csv")
    assert lines_of(tmp_path / "folds.csv")[0] == "case_id,patient_id,label,repeat,fold,role\n"


def test_a_leak_made_by_hand_names_patient_fold_and_roles(tmp_path: Path, table: FoldTable) -> None:
    path = tmp_path / "folds.csv"
    write_folds(table, path)
    lines = lines_of(path)
    stranger = next(line for line in lines if line.endswith(",1,test\n") or ",1,test" in line)
    own = stranger.split(",")
    lines.append(",".join(["added", *own[1:-1], "training\n"]))
    path.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(IntegrityFailure, match=rf"fold 1: patient {own[1]} in training and test"):
        read_folds(path)


def test_many_leaks_are_cut_and_counted() -> None:
    rows = [(f"c{n}{role}", f"P{n}", "a", 0, 0, role) for n in range(15) for role in ("training", "test")]
    leaking = FoldTable(pd.DataFrame(rows, columns=["case_id", "patient_id", "label", "repeat", "fold", "role"]))
    with pytest.raises(IntegrityFailure, match=r"15 times this is not so(.|\n)*and 5 more"):
        refuse_leaks(leaking, kind=IntegrityFailure)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda text: text.replace(",training\n", ",learning\n", 1),
            r"line \d+ has the role 'learning'; expected training",
        ),
        (lambda text: text.replace("case_id,", "case,", 1), "has the columns case, patient_id"),
        (lambda text: text + text.splitlines()[1] + "\n", r"line 146 has case .* a second time in fold 0"),
        (lambda text: text.replace(",1,5,", ",1,7,"), "has the folds 0, 1, 2, 3, 4, 7; expected 0, 1, 2"),
        (lambda text: text.replace(",1,5,", ",1,x,"), "must be whole numbers"),
        (lambda text: text.replace(",1,5,", ",1,,", 1), "must be whole numbers"),
        (lambda text: text.replace(",a,", ",,", 1), r"has an empty cell in line \d"),
        (lambda text: text.splitlines()[0] + "\n", r"has the folds \(none\)"),
        (lambda _: "", "is not a table"),
        (lambda text: text + 'a,"b\n', "is not a table"),
    ],
)
def test_a_file_that_was_edited_into_nonsense_is_refused(
    tmp_path: Path, table: FoldTable, change: object, why: str
) -> None:
    path = tmp_path / "folds.csv"
    write_folds(table, path)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(IntegrityFailure, match=why):
        read_folds(path)


def test_folds_of_another_cohort_are_refused(tmp_path: Path, table: FoldTable, cohort: Cohort) -> None:
    path = tmp_path / "folds.csv"
    write_folds(table, path)
    relabelled = replace(cohort, cases=(*cohort.cases[:-1], replace(cohort.cases[-1], label="a")))
    with pytest.raises(IntegrityFailure, match=r"differ in 1 case .* first case c23"):
        read_folds(path, cohort=relabelled)


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"folds\.csv is missing"):
        read_folds(tmp_path / "folds.csv")


def test_a_file_that_changes_behind_the_writer_is_noticed(
    tmp_path: Path, table: FoldTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interfering(path: Path, rows: pd.DataFrame) -> None:
        rows = rows.copy()
        rows.loc[_first(rows, 0, "training"), "role"] = "validation"
        rows.to_csv(path, index=False)

    monkeypatch.setattr(fold_file, "write_csv", interfering)
    with pytest.raises(IntegrityFailure, match="does not read back as the folds that were written"):
        write_folds(table, tmp_path / "folds.csv")


# Row by row against the cohort and the seed


def test_folds_are_those_that_the_seed_draws_or_are_refused_by_count_and_line(
    tmp_path: Path, table: FoldTable, cohort: Cohort
) -> None:
    path = tmp_path / "folds.csv"
    other = assign(cohort, FoldSettings(count=3, repeats=2, seed=8), groups={})
    write_folds(other, path)
    assert read_folds(path, cohort=cohort).folds == table.folds, "a division as good as another"
    with pytest.raises(IntegrityFailure, match=r"the study's seed draws: \d+ of 144 rows differ, first line \d+\."):
        read_folds(path, cohort=cohort, drawn=table)
    write_folds(table, path)
    assert read_folds(path, cohort=cohort, drawn=table).rows.values.tolist() == table.rows.values.tolist()


def _first(rows: pd.DataFrame, fold: int, role: str) -> int:
    return int(rows.index[(rows["fold"] == fold) & (rows["role"] == role)][0])


def _give_away(rows: pd.DataFrame) -> pd.DataFrame:
    """A tested patient is trained on instead: no leak, but nobody tests it."""
    rows.loc[_first(rows, 1, "test"), "role"] = "training"
    return rows


def _test_twice(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[_first(rows, 1, "training"), "role"] = "test"
    return rows


def _lose(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(index=_first(rows, 2, "training"))


def _empty(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[(rows["fold"] == 0) & (rows["role"] == "validation"), "role"] = "training"
    return rows


def _other_repeat(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[5, "repeat"] = 1
    return rows


def _gap(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(repeat=rows["repeat"] * 2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_give_away, r"in repeat 0 1 case is not tested once, first .+: 0 times"),
        (_test_twice, r"in repeat 0 1 case is not tested once, first .+: 2 times"),
        (_lose, r"fold 2 lacks 1 of 24 cases, first "),
        (_empty, r"fold 0 has nobody for validation"),
        (_other_repeat, r"fold 0 belongs to the repeats 0 and 1"),
        (_gap, r"the repeats are 0, 2; expected 0, 1, 2"),
    ],
)
def test_a_division_that_is_none_is_refused_also_where_it_was_made_elsewhere(
    tmp_path: Path, table: FoldTable, cohort: Cohort, change: Callable[[pd.DataFrame], pd.DataFrame], why: str
) -> None:
    change(table.rows.copy()).to_csv(tmp_path / "folds.csv", index=False)
    with pytest.raises(IntegrityFailure, match=why):
        read_folds(tmp_path / "folds.csv")


def test_an_official_split_is_one_fold_that_tests_some() -> None:
    rows = [(f"c{n}", f"P{n}", "a", 0, 0, ("training", "validation", "test")[n % 3]) for n in range(9)]
    table = FoldTable(pd.DataFrame(rows, columns=["case_id", "patient_id", "label", "repeat", "fold", "role"]))
    assert not list(fold_file._faults(table))


def test_of_500_flipped_bits_and_300_changed_cells_none_passes_that_says_something_else(
    tmp_path: Path, cohort: Cohort
) -> None:
    cohort = replace(cohort, cases=cohort.cases[:12])
    table = assign(cohort, FoldSettings(count=3), groups={})
    path, chance = tmp_path / "folds.csv", np.random.default_rng(13)
    write_folds(table, path)
    whole = path.read_bytes()
    expected = table.rows.values.tolist()
    spoilt = []
    for _ in range(500):
        data = bytearray(whole)
        data[chance.integers(len(data))] ^= 1 << chance.integers(8)
        spoilt.append(bytes(data))
    cells = [line.split(",") for line in whole.decode().splitlines()]
    for _ in range(300):
        changed = [list(line) for line in cells]
        one, other = chance.integers(1, len(changed), 2)
        column = chance.integers(len(changed[0]))
        changed[one][column] = changed[other][column]
        spoilt.append("\n".join(map(",".join, changed)).encode() + b"\n")
    refused = 0
    for content in spoilt:
        path.write_bytes(content)
        try:
            assert read_folds(path, cohort=cohort, drawn=table).rows.values.tolist() == expected
        except IntegrityFailure:
            refused += 1
    assert refused > 500
