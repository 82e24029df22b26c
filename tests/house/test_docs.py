"""Are the pages about the code true of the code?"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = sorted(set(re.findall(r"`(medtl(?:\.\w+)+)`", (ROOT / "docs" / "walks.md").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("name", NAMED)
def test_every_name_of_the_walks_is_there(name: str) -> None:
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:depth]))
        except ModuleNotFoundError:
            continue
        for part in parts[depth:]:
            found = getattr(found, part)
        return
    pytest.fail(f"{name} is not there")


def test_every_file_and_tuple_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:medtl|tests|docs)/[\w/.]+)`", text):
        assert (ROOT / path).is_file(), path
    for name, path in re.findall(r"`([A-Z]+)` in `([\w/.]+)`", text):
        assert re.search(rf"^{name}\b", (ROOT / path).read_text(encoding="utf-8"), flags=re.M), (name, path)


def test_the_citation_has_the_packages_version() -> None:
    import medtl

    assert f"\nversion: {medtl.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
