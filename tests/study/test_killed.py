"""A study and its unsealing, killed at one write after the other: each time they go on, and end in the same bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medtl import files
from medtl.errors import ConfigurationError
from medtl.record import events, journal
from medtl.record.run_seal import verified
from medtl.report import write_reports
from medtl.study.run import run_study
from medtl.study.settings import Study, read_study
from medtl.study.unseal import unseal

pytestmark = pytest.mark.usefixtures("own_places")

AT = (
    "study.yaml", "environment.json", "folds.csv", "cohort.json", "fold_0/predictions.csv", "fold_0/DONE.json",
    "fold_1/metrics.json", "controls.json", "metrics.json", "DONE.json", "report.html", "fold_1/report.html",
)  # fmt: skip
"""Where the study is killed, in the order in which it comes there."""

UNSEALED_AT = ("DONE.json", "members.csv", "metrics.json", "record.json")
"""Where the unsealing is killed, first while it takes its old answers out of the seal."""


class Killed(BaseException):
    """The process is no more: nothing is tidied up."""


class Killing:
    """Ends the process at the write of one file: what was begun stays beside it, and nothing more is written."""

    def __init__(self, patch: pytest.MonkeyPatch, run: Path) -> None:
        self.run, self.at, self.is_dead = run, "", False
        replace, add, unlink = os.replace, files.add_line, Path.unlink

        def replaced(source: Path, target: Path) -> None:
            if Path(target).is_relative_to(run) and Path(target).relative_to(run).as_posix().endswith(self.at or "\0"):
                self.is_dead = True
                raise Killed
            replace(source, target)

        def added(path: Path, line: str) -> None:
            if self.is_dead:
                raise OSError
            add(path, line)

        def unlinked(path: Path, *, missing_ok: bool = False) -> None:
            if not self.is_dead:
                unlink(path, missing_ok=missing_ok)

        patch.setattr(files.os, "replace", replaced)
        patch.setattr(events, "add_line", added)
        patch.setattr(Path, "unlink", unlinked)

    def during(self, work: Callable[[], object], *, at: str) -> None:
        """Do the work until it is killed at the write of `at`; the line that it was writing then is torn."""
        self.at, self.is_dead = at, False
        with pytest.raises(Killed):
            work()
        self.at, self.is_dead = "", False
        if (self.run / "events.jsonl").is_file():
            with (self.run / "events.jsonl").open("a") as stream:
                stream.write('{"at": "20')
        assert [path for path in self.run.rglob(".*") if files.is_temporary(path.name)], at


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, own_places: None, new_cohort: Callable[[Path], Any]) -> Study:
    """A study of frozen features with a sealed test and few controls."""
    cohort = new_cohort(tmp_path_factory.mktemp("killed"))
    for number, row in enumerate(cohort.rows):
        row["official"] = "test" if number >= len(cohort.rows) - 8 else "train"
    cohort.write(
        folds={"count": 2, "seed": 7, "sealed": "official"},
        classes=["well", "ill"],
        controls={"permutations": 0, "thumbnail": False, "border_only": False},
    )
    return read_study(cohort.folder / "study.yaml")


@pytest.fixture(scope="module")
def still() -> Iterator[None]:
    """Time stands, so that runs can be compared byte for byte."""
    with pytest.MonkeyPatch.context() as patch:
        for room in (events, journal):
            patch.setattr(room, "utc_now", lambda: "2026-01-01T00:00:00+00:00")
        patch.setattr(journal.time, "monotonic", lambda: 0.0)
        yield


@pytest.fixture(scope="module")
def unbroken(study: Study, still: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of a run that nothing disturbed, by its name."""
    run = tmp_path_factory.mktemp("unbroken") / "run"
    run_study(study, out=run)
    return contents(run)


def contents(run: Path) -> dict[str, bytes]:
    """All files but the log, the seal, which hashes it, and the locks."""
    paths = {path.relative_to(run).as_posix(): path for path in run.rglob("*") if path.is_file()}
    left_out = ("events.jsonl", "DONE.json")
    return {name: path.read_bytes() for name, path in paths.items() if name not in left_out and path.name != ".lock"}


@pytest.mark.slow
def test_killed_at_one_write_after_the_other_a_run_and_its_unsealing_go_on_and_end_in_the_same_bytes(
    study: Study, unbroken: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        killing = Killing(patch, run)
        for at in AT:
            killing.during(lambda: run_study(study, out=run, resume=True), at=at)
        run_study(study, out=run, resume=True)
        assert "events.jsonl ended in a line that was not finished (10 bytes)" in capsys.readouterr().err
        ended = contents(run)
        assert sorted(ended) == sorted(unbroken)
        assert [name for name in unbroken if ended[name] != unbroken[name]] == []
        assert "is whole" in verified(run)
        events = [json.loads(line)["event"] for line in (run / "events.jsonl").read_text().splitlines()]
        assert events.count("started") == len(AT) - 1, "the first two kills came before the log"

        for at in UNSEALED_AT:
            killing.during(lambda: unseal(run), at=at)
        killing.during(lambda: unseal(run), at="sealed/record.json")
        killing.during(lambda: unseal(run), at="report.html")
    said = capsys.readouterr().err
    again = "and was stopped before its answer was complete. They are asked about again"
    assert said.count(again) == len(UNSEALED_AT) + 1
    assert "is whole" in verified(run)
    with pytest.raises(ConfigurationError, match="medtl report makes the pages anew without opening anything"):
        unseal(run)
    write_reports(run)
    page = (run / "report.html").read_text()
    assert "not answered: stopped before anything was written down" in page
    whole = tmp_path / "whole"
    run_study(study, out=whole)
    unseal(whole)
    for name in ("members.csv", "predictions.csv", "metrics.json", "uncertainty.csv"):
        path = Path("held_out") / "sealed" / name
        assert (run / path).read_bytes() == (whole / path).read_bytes()
