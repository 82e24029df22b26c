"""Files are whole or absent, and a table survives a spreadsheet."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from medtl import files
from medtl.errors import ConfigurationError, IntegrityFailure, ResourceExhausted
from medtl.files import (
    add_line,
    fingerprint,
    read_csv,
    replacing,
    sha256_of_file,
    write_atomically,
    write_csv,
    write_json,
)


class Stop(Exception):
    pass


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the umask for a test and gives the old one back."""
    before = os.umask(0)
    yield os.umask
    os.umask(before)


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, "Grüße\n")
    assert path.read_bytes() == "Grüße\n".encode()
    assert left_in(path.parent) == ["file.txt"]


def test_a_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, "old")
    seen = []

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            seen.append(path.read_text())
            raise Stop

    with pytest.raises(Stop):
        write_half()
    assert seen == ["old"]
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_while_flushing_or_renaming_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, "old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="Input/output error") as caught:
        write_atomically(path, "new")
    assert not isinstance(caught.value, ResourceExhausted)
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["file.txt"]


def test_the_new_content_is_on_disk_before_it_takes_the_name_and_the_name_is_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        done.append("flushed a folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "flushed a file")
        fsync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        done.append("renamed")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(tmp_path / "file.txt", "new")
    assert done == ["flushed a file", "renamed", "flushed a folder"]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask_also_when_a_library_replaces_the_temporary_file(
    tmp_path: Path, umask: Callable[[int], int], mask: int, expected: int
) -> None:
    umask(mask)
    write_atomically(tmp_path / "text", "x")
    with replacing(tmp_path / "tensors") as temporary:
        save_file({"a": np.zeros(3, np.float32)}, temporary)
    for name in ("text", "tensors"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == expected
    assert umask(0) == mask, "the umask itself is as it was"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_or_quota_names_the_file_and_the_bytes_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, "old")

    def full(self: Path, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResourceExhausted) as caught:
        write_atomically(path, b"x" * 12_345)
    assert "No space left while saving file.txt: 12,345 bytes needed in the folder test_a_full" in str(caught.value)
    assert "run again with --resume" in str(caught.value)
    assert (caught.value.exit_code, caught.value.facts["bytes_needed"]) == (5, 12_345)
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["file.txt"]


def test_a_full_disk_names_the_bytes_of_a_line_and_of_what_a_library_began_and_the_shared_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = tmp_path / "run" / "events.jsonl"
    add_line(log, "first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceExhausted, match=r"events\.jsonl: 7 bytes needed in the folder run\. What was"):
            add_line(log, "second")
    with pytest.raises(ResourceExhausted, match=r"map\.nii\.gz: more than 5 bytes needed in the folder maps"):
        _begun(tmp_path / "maps" / "map.nii.gz", full)
    with pytest.raises(ResourceExhausted, match=r"in the folder prepared \(MEDTL_CACHE or MEDTL_WEIGHTS\)"):
        _begun(tmp_path / "cache" / "prepared" / "a1" / "scan", full, shared=tmp_path / "cache")


def _begun(path: Path, full: Callable[[], None], *, shared: Path | None = None) -> None:
    with replacing(path, shared=shared) as temporary:
        temporary.write_bytes(b"begun")
        full()


def test_a_really_full_disk_keeps_the_old_file_and_room_made_on_it_is_enough(small_disk: Path) -> None:
    path = small_disk / "file.txt"
    write_atomically(path, "old")
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 40_000)
    with pytest.raises(ResourceExhausted, match=r"saving file\.txt: 50,000 bytes needed"):
        write_atomically(path, b"y" * 50_000)
    assert path.read_text() == "old"
    assert left_in(small_disk) == ["file.txt", "filler"]
    filler.unlink()
    write_atomically(path, b"y" * 50_000)
    assert path.read_bytes() == b"y" * 50_000


def test_tensors_on_a_really_full_disk_are_refused_in_the_same_words(small_disk: Path) -> None:
    path = small_disk / "state.safetensors"
    with replacing(path) as temporary:
        save_file({"a": np.arange(1000.0)}, temporary)
    large = {"a": np.zeros(100_000, np.float32)}
    with (
        pytest.raises(ResourceExhausted, match=r"saving state\.safetensors: 400,000 bytes needed"),
        replacing(path, bytes_needed=400_000) as temporary,
    ):
        save_file(large, temporary)
    np.testing.assert_array_equal(load_file(path)["a"], np.arange(1000.0))
    assert left_in(small_disk) == ["state.safetensors"]


def test_what_safetensors_says_of_other_troubles_is_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError, match="denied"), replacing(tmp_path / "state"):
        raise SafetensorError("Error while serializing: I/O error: Permission denied (os error 13)")
    with pytest.raises(ResourceExhausted, match="saving state: more space needed"), replacing(tmp_path / "state"):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert not left_in(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def turned(value: object) -> object:
    """The same value with the keys of every mapping in the other order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=100, deadline=None)
@given(value=JSON)
def test_a_fingerprint_names_the_value_whatever_the_order_of_its_keys(value: object) -> None:
    assert fingerprint(turned(value)) == fingerprint(value)
    assert fingerprint([value]) != fingerprint(value)


def test_a_fingerprint_is_the_start_of_a_sha256_over_plain_json() -> None:
    plain = b'{"a":[1,null],"\\u00fc":2.5}'
    assert fingerprint({"ü": 2.5, "a": [1, None]}) == hashlib.sha256(plain).hexdigest()[:12]
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})


def test_a_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(data)
    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(data).hexdigest() == files.sha256_of(data)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_json_holds_a_number_that_is_none_and_nothing_is_written(tmp_path: Path, value: float) -> None:
    write_json(tmp_path / "metrics.json", {"auroc": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "metrics.json", {"auroc": {"value": value}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint({"rate": value})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"auroc": 0.5}


def test_json_is_the_same_bytes_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "one", {"b": 1, "a": {"ü": None, "c": 2}})
    write_json(tmp_path / "two", {"a": {"c": 2, "ü": None}, "b": 1})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert "ü" in (tmp_path / "one").read_text(encoding="utf-8")


CELLS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(cells=st.lists(CELLS | st.sampled_from(["NA", "nan", "01", "1e5", "True", "-", "''=", "'"]), min_size=1))
@example(cells=["=1+1", "'=1+1", "''=1+1", "-5", "+a", "@SUM", "\tx", "\rx", "a\rb", "a\r\nb"])
def test_any_text_comes_back_from_a_table_and_none_of_it_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.mktemp("any") / "table.csv"
    write_csv(path, pd.DataFrame({"text": cells, "number": np.arange(len(cells)) / 3}))
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))  # the standard library is the spreadsheet here
    assert len(rows) == len(cells) + 1
    runs = [row[0] for row in rows[1:] if row[0].startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert all(re.fullmatch(r"-[0-9][0-9.]*([eE][+-]?[0-9]+)?", cell) for cell in runs), runs
    back = read_csv(path, text_columns=("text",))
    assert list(back["text"]) == cells
    assert list(back["number"]) == list(np.arange(len(cells)) / 3)


def test_a_negative_number_in_words_is_a_number_in_the_file_and_a_formula_is_not(tmp_path: Path) -> None:
    cells = ["-0.012", "-5", "-1e-05", "-1+1", "-a", "-0.1 to 0.2", "-", "+5", "-1.2.3", "-٣"]
    write_csv(tmp_path / "table.csv", pd.DataFrame({"cell": cells}))
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert lines == ["-0.012", "-5", "-1e-05", "'-1+1", "'-a", "'-0.1 to 0.2", "'-", "'+5", "'-1.2.3", "'-٣"]
    assert list(read_csv(tmp_path / "table.csv", text_columns=("cell",))["cell"]) == cells


def test_the_names_of_columns_and_categories_are_disarmed_too(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_csv(path, pd.DataFrame({"=cmd": pd.Categorical(["@a", "b"]), "p_x": [1, 2]}))
    assert path.read_text() == "'=cmd,p_x\n'@a,1\nb,2\n"
    assert list(read_csv(path)["=cmd"]) == ["@a", "b"]


@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_bit_of_a_number_comes_back_and_negative_numbers_stay_numbers(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    path = tmp_path_factory.mktemp("any") / "table.csv"
    write_csv(path, pd.DataFrame({"number": numbers}))
    back = read_csv(path)["number"].to_numpy(np.float64)
    assert back.tobytes() == np.array(numbers).tobytes()


def test_an_empty_cell_is_missing_and_the_table_given_is_not_changed(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": ["=a", None], "number": [1.5, math.nan]})
    write_csv(tmp_path / "table.csv", table)
    back = read_csv(tmp_path / "table.csv", text_columns=("text",))
    assert list(back["text"].isna()) == list(back["number"].isna()) == [False, True]
    assert table["text"].iloc[0] == "=a"


def test_a_missing_table_asks_where_the_folder_comes_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"folds\.csv is missing in {tmp_path.name}: was this folder made by"):
        read_csv(tmp_path / "folds.csv")


@pytest.mark.parametrize(
    "content",
    [b"", b'a,b\n1,2,3,4\n1,"2\n', b"a\n\xff\xfe\n", b"a,b\n1,2,3\n4,5,6\n"],
    ids=["empty", "cut off in a quote", "not text", "longer than its header"],
)
def test_a_table_that_was_cut_off_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "folds.csv").write_bytes(content)
    with pytest.raises(IntegrityFailure, match=r"folds\.csv is not a table .*changed"):
        read_csv(tmp_path / "folds.csv")
