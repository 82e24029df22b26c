"""A run folder: one process at a time, one study, and nothing changed behind its back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from medtl.encoders import find_encoder
from medtl.errors import ConfigurationError, IntegrityFailure, Locked
from medtl.files import write_json
from medtl.record import journal as journal_room
from medtl.record.events import Finished, Started, Stopped, add_event, read_events
from medtl.record.journal import RunJournal
from medtl.record.run_folder import DONE, ENVIRONMENT, EVENTS, LOCK, REPORT, STUDY, RunFolder, RunHold, read_done

HALF_WRITTEN = ".predictions.csv.0123abcd"

HOLDER = """
import sys
from pathlib import Path
from medtl.record.run_folder import RunFolder
run = RunFolder(Path(sys.argv[1]))
with run.held_fold(int(sys.argv[2])) if sys.argv[2:] else run.held():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another_process(folder: Path, *fold: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(folder), *map(str, fold)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def enter(run: RunFolder) -> None:
    with run.held():
        pass


def hold(run: RunFolder, fold: int) -> None:
    with run.held_fold(fold):
        pass


def lend_and_leave_a_fold_held(whole: RunHold) -> None:
    with ExitStack() as others, whole.lent():
        others.enter_context(held_by_another_process(whole.run.path, 0))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    return RunFolder(folder)


@pytest.fixture
def started(run: RunFolder) -> RunFolder:
    """A run that has begun: fingerprint abc."""
    (run / STUDY).write_text("name: one\n")
    write_json(run / ENVIRONMENT, {"fingerprint": "abc"})
    return run


@pytest.fixture
def finished(run: RunFolder) -> RunFolder:
    """A run with one finished fold."""
    fold = run.fold(0)
    (fold / "saliency").mkdir(parents=True)
    (fold / "predictions.csv").write_text("a,b\n1,2\n")
    (fold / "saliency" / "map.png").write_bytes(b"a map")
    (fold / "training" / "lp_ft").mkdir(parents=True)
    (fold / "training" / "lp_ft" / "state-0.safetensors").write_bytes(b"a state")
    run.finish_fold(0)
    return run


def test_a_finished_fold_keeps_no_state_of_training(finished: RunFolder) -> None:
    assert not (finished.fold(0) / "training").exists()
    assert finished.is_finished(0)


def test_what_is_made_anew_with_the_pages_does_not_belong_to_what_a_fold_wrote(finished: RunFolder) -> None:
    for name in ("report.html", "figures/roc.png", "tables/models.csv"):
        (finished.fold(0) / name).parent.mkdir(exist_ok=True)
        (finished.fold(0) / name).write_text("first")
    finished.finish_fold(0)
    for name in ("report.html", "figures/roc.png", "tables/models.csv"):
        (finished.fold(0) / name).write_text("another")
    assert finished.is_finished(0)


def test_a_folder_that_another_process_holds_is_locked_and_free_when_that_process_dies(run: RunFolder) -> None:
    with held_by_another_process(run.path) as other:
        with pytest.raises(Locked, match=r"Another process is working in one\. Wait for it, or .* --out") as caught:
            enter(run)
        assert (caught.value.exit_code, caught.value.facts["folder"]) == (6, "one")
        other.kill()  # as the kernel or a scheduler would: nothing is tidied up
        other.wait()
        enter(run)


def test_folds_of_a_run_can_be_held_by_several_processes_each_by_one(run: RunFolder) -> None:
    with held_by_another_process(run.path, 0):
        with run.held_fold(1):
            pass
        with pytest.raises(Locked, match=r"working on fold 0 of one\. Wait for it, and run again with --resume"):
            hold(run, 0)
        with pytest.raises(Locked, match=r"Another process is working in one\."):
            enter(run)
    hold(run, 0)


def test_a_fold_cannot_be_held_while_another_process_holds_the_whole_run(run: RunFolder) -> None:
    with (
        held_by_another_process(run.path),
        pytest.raises(Locked, match=r"working in one\. Wait for it, and run again with --resume"),
    ):
        hold(run, 0)


def test_a_run_that_is_lent_lets_folds_be_held_and_is_refused_back_while_one_is(run: RunFolder) -> None:
    with run.held() as whole:
        with whole.lent(), held_by_another_process(run.path, 0), run.held_fold(1):
            pass
        with pytest.raises(Locked, match="folds of this process are finished; another process still works on a fold"):
            lend_and_leave_a_fold_held(whole)


def test_what_a_kill_left_in_a_fold_is_removed_when_the_fold_is_held_and_in_no_other(run: RunFolder) -> None:
    left = [run.fold(fold) / HALF_WRITTEN for fold in (0, 1)]
    for path in left:
        path.parent.mkdir()
        path.write_text("half")
    hold(run, 0)
    assert [path.exists() for path in left] == [False, True]


def test_the_lock_of_a_fold_is_no_result_of_it(finished: RunFolder) -> None:
    hold(finished, 0)
    finished.finish_fold(0)
    assert LOCK not in read_done(finished.fold(0)).sha256
    assert finished.is_finished(0)


def test_a_folder_is_made_when_it_is_held_and_given_back_also_after_an_error(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a" / "b")
    with pytest.raises(ZeroDivisionError), run.held():
        _ = 1 / 0
    enter(run)
    assert [entry.name for entry in run.path.iterdir()] == [LOCK]


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"cannot be used as a run folder \(.+\)\. Choose another with --out"):
        enter(RunFolder(tmp_path / "taken" / below))
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_full_disk_is_not_called_a_wrong_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(OSError, match="No space left"):
        enter(RunFolder(tmp_path / "new"))


def test_an_empty_folder_may_be_claimed_with_and_without_resume(run: RunFolder) -> None:
    with run.held():
        run.claim(fingerprint="abc", resume=False)
        run.claim(fingerprint="abc", resume=True)


@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_with_files_of_somebody_else_is_not_touched(run: RunFolder, resume: bool) -> None:
    for name in ("thesis.docx", "a.txt", "b.txt", "c.txt"):
        (run / name).write_text("mine")
    with pytest.raises(ConfigurationError, match=r"one holds files that no study wrote \(a\.txt, b\.txt, c\.txt\)"):
        run.claim(fingerprint="abc", resume=resume)


def test_folds_that_were_made_elsewhere_may_be_brought_by_a_study_that_says_so(run: RunFolder) -> None:
    (run / "folds.csv").write_text("theirs")
    with pytest.raises(ConfigurationError, match=r"files that no study wrote \(folds\.csv\)"):
        run.claim(fingerprint="abc", resume=False)
    run.claim(fingerprint="abc", resume=False, brought=("folds.csv",))


def test_a_run_is_continued_only_when_asked_and_only_by_its_own_study(started: RunFolder) -> None:
    with pytest.raises(ConfigurationError, match=r"already holds a run\. Add --resume .* nothing was overwritten"):
        started.claim(fingerprint="abc", resume=False)
    with pytest.raises(ConfigurationError, match=r"run of another study \(fingerprint abc, this one is xyz\)"):
        started.claim(fingerprint="xyz", resume=True)
    started.claim(fingerprint="abc", resume=True)
    assert started.fingerprint() == "abc"


def test_a_run_that_was_stopped_before_it_wrote_its_fingerprint_can_be_resumed(run: RunFolder) -> None:
    (run / STUDY).write_text("name: one\n")
    with pytest.raises(ConfigurationError, match="Add --resume to continue it"):
        run.claim(fingerprint="abc", resume=False)
    run.claim(fingerprint="abc", resume=True)
    (run / "folds.csv").write_text("results without a fingerprint")
    with pytest.raises(ConfigurationError, match="run of another study"):
        run.claim(fingerprint="abc", resume=True)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "\udcff"])
def test_an_environment_that_was_changed_is_an_integrity_failure(started: RunFolder, content: str) -> None:
    (started / ENVIRONMENT).write_text(content, errors="surrogateescape")
    with pytest.raises(IntegrityFailure, match=r"one/environment\.json cannot be read: it was changed or cut off"):
        started.claim(fingerprint="abc", resume=True)


def test_a_finished_fold_vouches_for_every_file_it_wrote_but_its_page(finished: RunFolder) -> None:
    (finished.fold(0) / REPORT).write_text("a page is made anew at any time")
    finished.finish_fold(0)
    done = json.loads((finished.fold(0) / DONE).read_text())
    expected = {"predictions.csv": b"a,b\n1,2\n", "saliency/map.png": b"a map"}
    assert done["sha256"] == {name: hashlib.sha256(data).hexdigest() for name, data in expected.items()}
    (finished.fold(0) / REPORT).write_text("another page")
    assert finished.is_finished(0)
    assert not finished.is_finished(1)
    assert finished.finished_folds() == (0,)


def test_finished_folds_are_in_the_order_of_their_numbers(run: RunFolder) -> None:
    for fold in (10, 2, 1):
        run.fold(fold).mkdir()
        run.finish_fold(fold)
    run.fold(3).mkdir()
    assert run.finished_folds() == (1, 2, 10)


def test_one_changed_byte_in_a_finished_fold_is_found_and_named(finished: RunFolder) -> None:
    expected = hashlib.sha256(b"a map").hexdigest()
    found = hashlib.sha256(b"a mbp").hexdigest()
    (finished.fold(0) / "saliency" / "map.png").write_bytes(b"a mbp")
    with pytest.raises(IntegrityFailure) as caught:
        finished.is_finished(0)
    letter = str(caught.value)
    assert "fold_0/saliency/map.png is not what the fold wrote" in letter
    assert f"expected sha256 {expected[:12]}, found {found[:12]}" in letter
    assert "Delete fold_0 and run again with --resume" in letter
    assert (caught.value.exit_code, caught.value.facts["found"]) == (7, found)


def test_a_file_that_is_gone_is_found_and_named(finished: RunFolder) -> None:
    (finished.fold(0) / "predictions.csv").unlink()
    with pytest.raises(IntegrityFailure, match=r"fold_0/predictions\.csv is not what .* found nothing"):
        finished.is_finished(0)


@pytest.mark.parametrize("content", ["", "{", "3", '{"fold": 0}'])
def test_a_done_file_that_was_cut_off_is_an_integrity_failure(finished: RunFolder, content: str) -> None:
    (finished.fold(0) / DONE).write_text(content)
    with pytest.raises(IntegrityFailure, match=r"fold_0/DONE\.json cannot be read.*Delete fold_0 and run again"):
        finished.is_finished(0)


def test_what_happened_is_one_json_object_a_line_in_utc_and_only_ever_added_to(run: RunFolder) -> None:
    happened = (Started(fingerprint="abc", device="cpu"), Stopped(part="fold 0\nfold 1", error="Müller"))
    add_event(run.path, happened[0])
    before = (run / EVENTS).read_bytes()
    add_event(run.path, happened[1])
    assert (run / EVENTS).read_bytes().startswith(before)
    first, second = (json.loads(line) for line in (run / EVENTS).read_text(encoding="utf-8").splitlines())
    assert (first["event"], first["fingerprint"]) == ("started", "abc")
    assert (second["event"], second["part"], second["error"]) == ("stopped", "fold 0\nfold 1", "Müller")
    for event in (first, second):
        offset = datetime.fromisoformat(event["at"]).utcoffset()
        assert offset is not None
        assert not offset
    assert tuple(entry.what for entry in read_events(run.path)) == happened


@pytest.mark.parametrize(
    "line",
    ["{}", "3", "no json", '{"at": "now", "event": "danced"}', '{"event": "finished"}', '{"at": "x", "event": "did"}'],
)
def test_a_line_of_the_events_that_was_changed_is_named(run: RunFolder, line: str) -> None:
    add_event(run.path, Finished())
    with (run / EVENTS).open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(IntegrityFailure, match=r"Line 2 of events\.jsonl is no event as medtl writes them"):
        read_events(run.path)


def test_a_run_without_events_has_none_and_a_torn_last_line_is_left_aside(run: RunFolder) -> None:
    assert read_events(run.path) == ()
    add_event(run.path, Finished())
    with (run / EVENTS).open("a", encoding="utf-8") as stream:
        stream.write('{"at": "2026-')
    assert [entry.what for entry in read_events(run.path)] == [Finished()]


def _begun(run: RunFolder) -> RunJournal:
    return RunJournal.begin(run, fingerprint="abc", seed=1, device="cpu", cards=[find_encoder("resnet10")])


def test_each_part_of_a_run_is_told_when_it_is_done_or_by_what_stopped_it(run: RunFolder) -> None:
    (run / STUDY).write_text("name: one\n")
    record = _begun(run)
    with record.timed("features"):
        pass
    with pytest.raises(KeyboardInterrupt), record.timed("fold 0"):
        raise KeyboardInterrupt
    _, did, stopped = (json.loads(line) for line in (run / EVENTS).read_text().splitlines())
    assert (did["event"], did["part"]) == ("did", "features")
    assert (stopped["event"], stopped["part"], stopped["error"]) == ("stopped", "fold 0", "KeyboardInterrupt")
    record.finish()
    assert list(json.loads((run / ENVIRONMENT).read_text())["seconds"]) == ["features"]
    assert json.loads((run / DONE).read_text())["fingerprint"] == "abc"


def test_a_run_that_goes_on_keeps_its_start_adds_up_its_time_and_is_not_finished_any_more(run: RunFolder) -> None:
    (run / STUDY).write_text("name: one\n")
    first = _begun(run)
    first.provenance = first.provenance.model_copy(update={"seconds": {"fold 0": 40.0}})
    with first.timed("preparation"):
        pass
    first.finish()
    at = json.loads((run / ENVIRONMENT).read_text())["started_utc"]
    write_json(run / ENVIRONMENT, {**json.loads((run / ENVIRONMENT).read_text()), "started_utc": "2020-01-01"})
    again = _begun(run)
    assert not (run / DONE).exists()
    with again.timed("fold 0"):
        pass
    known = json.loads((run / ENVIRONMENT).read_text())
    assert at != known["started_utc"] == "2020-01-01"
    assert known["finished_utc"] is None
    assert 40.0 <= known["seconds"]["fold 0"] < 60.0
    assert set(known["seconds"]) == {"preparation", "fold 0"}


def test_a_disk_too_full_to_tell_what_stopped_a_part_does_not_hide_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = _begun(run)
    monkeypatch.setattr(journal_room, "add_event", full)
    with pytest.raises(ZeroDivisionError), journal.timed("fold 0"):
        _ = 1 / 0
