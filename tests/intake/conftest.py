"""What the tests of the intake share: the command itself, a private home, and what it left behind."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medtl.cli import app

Cells = dict[str, str]


@dataclass(frozen=True)
class Taken:
    """An intake that ended: exit code, output, and what lies beside its manifest."""

    code: int
    stdout: str
    stderr: str
    manifest: Path
    home: Path

    @property
    def cases(self) -> list[Cells]:
        return table(self.manifest)

    @property
    def refusals(self) -> list[Cells]:
        return table(self.manifest.with_name(f"{self.manifest.stem}.exclusions.csv"))

    @property
    def page(self) -> str:
        return self.manifest.with_name(f"{self.manifest.stem}.intake.html").read_text(encoding="utf-8")

    @property
    def links(self) -> dict[str, Cells]:
        (file,) = (self.home / "links").glob("intake-*.csv")
        return {row["case_id"]: row for row in table(file)}

    @property
    def notes(self) -> list[str]:
        return [line.removeprefix("Note: ") for line in self.stdout.splitlines() if line.startswith("Note: ")]

    @property
    def counts(self) -> tuple[int, int, int]:
        """(found, used, refused) of the first line."""
        found = re.match(r"([\d,]+) files? found \(.*\): ([\d,]+) used, ([\d,]+) refused", self.stdout)
        assert found, self.stdout
        total, used, refused = (int(number.replace(",", "")) for number in found.groups())
        return total, used, refused

    def reasons_by_name(self) -> dict[str, str]:
        """The outcome of every source file by its name: a reason, or used."""
        return {Path(file).name: row["outcome"] for row in self.links.values() for file in json.loads(row["files"])}

    def source_names(self, case: Cells) -> list[str]:
        return [Path(file).name for file in json.loads(self.links[case["case_id"]]["files"])]


def table(path: Path) -> list[Cells]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private folder of whoever takes in."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MEDTL_HOME", str(folder))
    monkeypatch.setenv("MEDTL_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def intake(home: Path, tmp_path: Path) -> Callable[..., Taken]:
    """`medtl intake` as typed; further words are options."""

    def run(folder: Path, *options: object, out: Path | None = None, code: int = 0) -> Taken:
        manifest = out or tmp_path / "study" / "manifest.csv"
        done = CliRunner().invoke(app, ["intake", str(folder), "--out", str(manifest), *map(str, options)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.stderr
        return Taken(done.exit_code, done.stdout, done.stderr, manifest, home)

    return run
