"""Whether two runs hold the same results, byte by byte, whatever time they took."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

TIMES = {"environment.json", "events.jsonl", "DONE.json", ".lock"}
"""What holds times, or hashes of what holds times."""

PAGES = {"model_card.md", "references.bib", "statements.yaml", "report.html", "summary.html"}


def results(run: Path) -> dict[str, bytes]:
    """Every result of a run but its pages and what lies beside them, which are made of these."""
    return {
        path.relative_to(run).as_posix(): without_times(path)
        for path in sorted(run.rglob("*"))
        if path.is_file()
        and path.name not in TIMES | PAGES
        and not {"figures", "tables", "slurm", "logs"} & set(path.parts)
    }


def without_times(path: Path) -> bytes:
    if path.name == "history.csv":
        return pd.read_csv(path).drop(columns="seconds").to_csv().encode()
    return path.read_bytes()


def same(run: Path, other: Path) -> None:
    """Nothing, if the results are the same; the names of those that are not otherwise."""
    ours, theirs = results(run), results(other)
    assert set(ours) == set(theirs)
    assert not [name for name, content in ours.items() if content != theirs[name]]
