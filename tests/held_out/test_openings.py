"""Openings: each is written down, by run and by images, and none can be taken back quietly."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.held_out import OpeningLog
from medtl.record.held_out import read_held_out
from medtl.record.sealed import read_seal


def log_of(
    tmp_path: Path, run: str, *, images: str = "abc", name: str = "sealed", pixels: tuple[str, ...] = ()
) -> OpeningLog:
    folder = tmp_path / run / "held_out" / name
    return OpeningLog(folder, images, pixels or (images * 20,), home=tmp_path / "home")


def test_an_opening_is_counted_by_its_run_and_by_others_that_open_the_same_images(tmp_path: Path) -> None:
    first, second, other = log_of(tmp_path, "one"), log_of(tmp_path, "two"), log_of(tmp_path, "three", images="xyz")
    assert (first.by_this_run, first.elsewhere) == ((), ())
    opening = first.write(run="one", fingerprint="f1")
    second.write(run="two", fingerprint="f2")
    second.write(run="two", fingerprint="f2")
    other.write(run="three", fingerprint="f3")
    assert first.by_this_run == (opening,)
    assert [one.run for one in first.elsewhere] == ["two", "two"]
    assert len(second.by_this_run) == 2
    assert second.elsewhere == (opening,)
    assert other.elsewhere == ()


def test_where_an_opening_cannot_be_written_down_nothing_is_opened(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the place of the folder")
    with pytest.raises(ConfigurationError, match=r"cannot be written down .* so nothing was opened\. Set MEDTL_HOME"):
        log_of(tmp_path, "one").write(run="one", fingerprint="f")


@pytest.mark.parametrize("line", ["{", '{"at": "now"}', '{"at": 1, "run": 2, "fingerprint": 3, "more": 4}'])
def test_a_log_that_was_changed_is_refused(tmp_path: Path, line: str) -> None:
    log = log_of(tmp_path, "one")
    log.folder.mkdir(parents=True)
    (log.folder / "openings.jsonl").write_text(line + "\n")
    with pytest.raises(IntegrityFailure, match=r"an opening cannot be taken back"):
        _ = log.by_this_run


def test_a_seal_that_was_changed_is_refused_and_none_is_none(tmp_path: Path) -> None:
    assert read_seal(tmp_path) is None
    assert read_held_out(tmp_path) == ()
    (tmp_path / "sealed.json").write_text('{"cases": -1}')
    with pytest.raises(IntegrityFailure, match=r"sealed\.json .* cannot be made anew"):
        read_seal(tmp_path)


def test_the_same_images_under_another_name_or_in_another_selection_are_opened_already(tmp_path: Path) -> None:
    everyone, some, others = ("a" * 64, "b" * 64, "c" * 64), ("b" * 64,), ("d" * 64,)
    first = log_of(tmp_path, "one", images="all", name="hospital-b", pixels=everyone)
    first.write(run="one", fingerprint="f1")
    renamed = log_of(tmp_path, "one", images="all", name="hospital-c", pixels=everyone)
    part = log_of(tmp_path, "one", images="part", name="hospital-d", pixels=some)
    separate = log_of(tmp_path, "one", images="none", name="hospital-e", pixels=others)
    assert [len(log.by_this_run) for log in (renamed, part, separate)] == [1, 1, 0]
    assert [len(log.elsewhere) for log in (renamed, part, separate)] == [0, 0, 0]
    abroad = log_of(tmp_path, "two", images="part", pixels=some)
    assert [one.run for one in abroad.elsewhere] == ["one"]
    assert renamed.folders == (renamed.folder, first.folder)


def test_an_opening_is_answered_when_the_log_says_so(tmp_path: Path) -> None:
    log = log_of(tmp_path, "one", pixels=("a" * 64,))
    opening = log.write(run="one", fingerprint="f1")
    assert [one.is_answered for one in log.by_this_run] == [False]
    log.answer(opening)
    assert [one.is_answered for one in log.by_this_run] == [True]
    assert len((log.folder / "openings.jsonl").read_text().splitlines()) == 2


def test_openings_of_an_earlier_medtl_count_as_answered(tmp_path: Path) -> None:
    log = log_of(tmp_path, "one")
    log.folder.mkdir(parents=True)
    (log.folder / "openings.jsonl").write_text(
        '{"at": "2025-01-01T00:00:00+00:00", "run": "one", "fingerprint": "f"}\n'
    )
    assert [one.is_answered for one in log.by_this_run] == [True]


def test_a_line_torn_by_a_kill_is_no_opening_and_the_log_goes_on(tmp_path: Path) -> None:
    log = log_of(tmp_path, "one", pixels=("a" * 64,))
    log.write(run="one", fingerprint="f1")
    for path in (log.folder / "openings.jsonl", tmp_path / "home" / "openings" / "abc.jsonl"):
        path.write_text(path.read_text() + '{"at": "20')
    assert len(log.by_this_run) == 1
    log.write(run="one", fingerprint="f1")
    assert (len(log.by_this_run), len(log.elsewhere)) == (2, 0)
