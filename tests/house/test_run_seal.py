"""A finished run is sealed as a whole: one flipped bit, one lost or added file is named, and logs only grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import add_line, is_temporary, replacing, whole_lines, write_atomically, write_json
from medtl.record.run_folder import RunFolder
from medtl.record.run_seal import differences, refuse_changed, refuse_changed_table, seal_of_run, seal_run, verified

FILES = {
    "study.yaml": b"name: one\nmanifest: ../data/manifest.csv\nseed: 1\n",
    "folds.csv": b"case_id,fold\nc1,0\n",
    "predictions.csv": b"case_id,p\nc1,0.5\n",
    "metrics.json": b"{}\n",
    "cohort.json": b'{"cases": 1}\n',
    "audit/00.png": b"\x89PNG",
    "fold_0/predictions.csv": b"case_id,p\nc1,0.5\n",
    "fold_0/checkpoint.safetensors": bytes(range(256)),
    "fold_0/saliency/c1.nii.gz": b"\x1f\x8b",
    "fold_0/DONE.json": b'{"fold": 0}\n',
    "held_out/sealed/record.json": b"{}\n",
}
LOGS = {"events.jsonl": b'{"event": "started"}\n', "held_out/sealed/openings.jsonl": b'{"at": "now"}\n'}
EXEMPT = (
    "report.html", "report.pdf", "model_card.md", "references.bib", "statements.yaml", ".lock", "figures/roc.svg",
    "tables/models.csv", "fold_0/report.html", "fold_0/figures/roc.png", "fold_0/tables/models.csv",
    ".metrics.json.abcd1234.part",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A sealed run."""
    folder = tmp_path / "one"
    for name, content in {**FILES, **LOGS, **dict.fromkeys(EXEMPT, b"made anew")}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_json(folder / "environment.json", {"fingerprint": "abc"})
    seal_run(RunFolder(folder))
    return RunFolder(folder)


def flip(path: Path, *, at: int = -2) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def test_a_run_as_it_was_sealed_is_whole(run: RunFolder) -> None:
    assert verified(run.path) == "one is whole: 14 files are as the run published them (fingerprint abc)."
    assert refuse_changed(run.path) == seal_of_run(run.path)


@pytest.mark.parametrize("name", [*FILES, *LOGS, "environment.json"])
def test_one_flipped_bit_in_any_kind_of_file_is_found_and_named(run: RunFolder, name: str) -> None:
    flip(run / name)
    with pytest.raises(
        IntegrityFailure, match=rf"one is not what the run published:\n  changed: {name}\nRestore"
    ) as no:
        verified(run.path)
    assert (no.value.exit_code, no.value.facts["changed"]) == (7, (name,))
    with pytest.raises(IntegrityFailure, match=f"  changed: {name}\n"):
        refuse_changed(run.path)


@pytest.mark.parametrize("name", ["predictions.csv", "fold_0/DONE.json", "events.jsonl", "held_out/sealed/record.json"])
def test_a_lost_file_is_named(run: RunFolder, name: str) -> None:
    (run / name).unlink()
    for ask in (verified, refuse_changed):
        with pytest.raises(IntegrityFailure, match=f"  missing: {name}\n"):
            ask(run.path)


@pytest.mark.parametrize("name", ["notes.txt", "fold_1/predictions.csv", "fold_0/extra.csv", "held_out/b/record.json"])
def test_an_added_file_is_named_by_verify_and_stops_no_reader(run: RunFolder, name: str) -> None:
    write_atomically(run / name, "more")
    with pytest.raises(IntegrityFailure, match=f"  added: {name}\n"):
        verified(run.path)
    assert refuse_changed(run.path) is not None


@pytest.mark.parametrize("name", EXEMPT)
def test_what_is_made_anew_or_filled_in_by_people_is_not_compared(run: RunFolder, name: str) -> None:
    (run / name).write_bytes(b"another")
    assert "is whole" in verified(run.path)
    (run / name).unlink()
    assert "is whole" in verified(run.path)


@pytest.mark.parametrize("name", LOGS)
def test_a_log_may_grow_and_not_change(run: RunFolder, name: str) -> None:
    add_line(run / name, '{"event": "opened"}')
    assert "is whole" in verified(run.path)
    (run / name).write_bytes(b"")
    with pytest.raises(IntegrityFailure, match=f"changed: {name}"):
        verified(run.path)


def test_many_differences_are_cut_for_readers_and_all_named_by_verify(run: RunFolder) -> None:
    for name in FILES:
        flip(run / name)
    with pytest.raises(IntegrityFailure, match="and 1 more; medtl verify names all"):
        refuse_changed(run.path)
    with pytest.raises(IntegrityFailure) as caught:
        verified(run.path)
    assert str(caught.value).count("  changed: ") == len(FILES)


def test_a_manifest_that_moved_is_no_change_for_readers_but_one_for_verify(run: RunFolder) -> None:
    study = run / "study.yaml"
    study.write_bytes(study.read_bytes().replace(b"../data", b"/elsewhere"))
    assert refuse_changed(run.path) is not None
    with pytest.raises(IntegrityFailure, match=r"changed: study\.yaml"):
        verified(run.path)
    study.write_bytes(study.read_bytes().replace(b"seed: 1", b"seed: 2"))
    with pytest.raises(IntegrityFailure, match=r"changed: study\.yaml"):
        refuse_changed(run.path)


@pytest.mark.parametrize("content", ["", "{", "3", '{"sha256": {}}'])
def test_a_seal_that_was_changed_itself_is_told(run: RunFolder, content: str) -> None:
    (run / "DONE.json").write_text(content)
    with pytest.raises(IntegrityFailure, match=r"DONE\.json of the run is not what medtl wrote"):
        refuse_changed(run.path)


def test_a_finished_run_of_an_earlier_medtl_is_read_with_a_sentence(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "DONE.json").unlink()
    assert refuse_changed(run.path) is None
    assert "one is not sealed as a whole: it was made by an earlier medtl" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="one is not sealed as a whole"):
        verified(run.path)
    (run / "metrics.json").unlink()
    assert (refuse_changed(run.path), capsys.readouterr().err) == (None, "")
    with pytest.raises(ConfigurationError, match="The run in one is not finished, so it is not sealed"):
        verified(run.path)
    with pytest.raises(ConfigurationError, match="fold_0 is no run folder"):
        verified(run.fold(0))


def test_a_table_out_of_a_sealed_run_is_compared_too_and_one_from_elsewhere_is_not(run: RunFolder) -> None:
    refuse_changed_table(run / "predictions.csv")
    flip(run / "predictions.csv")
    for name in ("predictions.csv", "fold_0/predictions.csv"):
        with pytest.raises(IntegrityFailure, match=r"changed: predictions\.csv"):
            refuse_changed_table(run / name)
    (run.path.parent / "theirs.csv").write_text("a\n")
    refuse_changed_table(run.path.parent / "theirs.csv")


def test_of_a_test_that_is_being_opened_only_the_log_is_sealed(run: RunFolder) -> None:
    seal_run(run, without="held_out/sealed")
    seal = seal_of_run(run.path)
    assert seal is not None
    assert "held_out/sealed/record.json" not in seal.sha256
    assert "held_out/sealed/openings.jsonl" in seal.logs
    assert differences(run.path, seal).added == ("held_out/sealed/record.json",)
    with pytest.raises(IntegrityFailure, match="when medtl unseal was stopped: give it again"):
        verified(run.path)


# What a kill leaves


def test_what_a_kill_leaves_half_written_is_removed_under_the_lock_and_nothing_else(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    names = [".folds.csv.abcd1234.part", ".state-0.safetensors.x_9z8y7w.part", ".report.html.abcd1234"]
    kept = [".gitignore", ".hidden.csv", "a.csv.part", ".lock"]
    for folder in (run.path, run.fold(0) / "saliency"):
        folder.mkdir(parents=True)
        for name in (*names, *kept):
            (folder / name).write_text("half")
    assert all(map(is_temporary, names))
    with run.held():
        left = sorted(path.name for path in run.path.rglob("*") if path.is_file())
    assert left == sorted(kept * 2)


def test_a_file_that_is_being_written_is_known_as_one(tmp_path: Path) -> None:
    for name in ("folds.csv", "DONE.json", "c.nii.gz", "checkpoint.safetensors", "report.html", "study.yaml"):
        with replacing(tmp_path / name) as temporary:
            assert is_temporary(temporary.name)
            temporary.write_bytes(b"x")
        assert not is_temporary(name)


def test_a_fold_does_not_vouch_for_what_a_kill_left(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_atomically(run.fold(0) / "predictions.csv", "a\n")
    (run.fold(0) / ".metrics.json.abcd1234.part").write_text("half")
    run.finish_fold(0)
    (run.fold(0) / ".metrics.json.abcd1234.part").unlink()
    assert run.is_finished(0)


def test_a_line_that_a_kill_tore_is_cut_off_said_and_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "events.jsonl"
    add_line(log, '{"event": "started"}')
    with log.open("a") as stream:
        stream.write('{"event": "di')
    assert whole_lines(log) == ['{"event": "started"}']
    add_line(log, '{"event": "did"}')
    assert log.read_text() == '{"event": "started"}\n{"event": "did"}\n'
    assert "events.jsonl ended in a line that was not finished (13 bytes): it was cut off" in capsys.readouterr().err
