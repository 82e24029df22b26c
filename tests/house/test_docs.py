"""Are the pages about the code true of the code?"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import pytest
import yaml
from house_numbers import PAGE, body_lines, numbers, positional_booleans, quantile, rows, texts_read, written_anew

ROOT = Path(__file__).resolve().parents[2]
NAMED = sorted(set(re.findall(r"`(medtl(?:\.\w+)+)`", (ROOT / "docs" / "walks.md").read_text(encoding="utf-8"))))

TUPLES = re.compile(r"`([A-Z]+)` in `([\w/.]+)`")
"""How CONTRIBUTING names a tuple of a kind, and its file."""


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


COMMANDS = sorted(
    {
        words
        for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for words in re.findall(r"`medtl ([^`]+)`", " ".join(page.read_text(encoding="utf-8").split()))
    }
)
"""What the pages give as commands in a sentence or a table; blocks are executed elsewhere."""


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_in_a_sentence_is_one_and_has_the_options_that_it_is_given(words: str) -> None:
    from typer.main import get_command

    from medtl.cli import app

    command = get_command(app)
    names = [word for word in words.split() if word.startswith("-") and word != "--help"]
    for word in words.split():
        if word in getattr(command, "commands", {}):
            command = command.commands[word]  # type: ignore[attr-defined]
        else:
            break
    known = {name for parameter in command.params for name in parameter.opts}
    assert command.name != "medtl" or words.startswith("--"), f"there is no such verb: medtl {words}"
    assert set(names) <= known, (words, sorted(known))


def test_every_file_and_tuple_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:medtl|tests|docs)/[\w/.]+)`", text):
        assert (ROOT / path).is_file(), path
    for name, path in TUPLES.findall(text):
        assert re.search(rf"^{name}\b", (ROOT / path).read_text(encoding="utf-8"), flags=re.M), (name, path)


def run_folder_page(part: str) -> list[list[str]]:
    """The rows of the table in a part of the page, as the code in each cell."""
    page = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8").split(part)[1]
    table = re.findall(r"^\| `.*\|$", page.split("\n## ")[0], flags=re.M)
    return [
        re.findall(r"`([^`]+)`", line.split(" | ")[0]) + re.findall(r"`(\w+)`", line.split(" | ")[-1]) for line in table
    ]


def test_every_event_and_its_fields_are_on_the_page_of_the_run_folder() -> None:
    from typing import get_args

    from medtl.record.events import Event

    kinds = {
        kind.model_fields["event"].default: set(kind.model_fields) - {"event"} for kind in get_args(get_args(Event)[0])
    }
    described = {event: set(fields) for event, *fields in run_folder_page("## events.jsonl")}
    assert set(described) == set(kinds)
    for event, fields in kinds.items():
        assert fields <= described[event], event


def test_every_file_of_the_inventory_is_on_the_page_of_the_run_folder() -> None:
    from medtl.record import inventory

    page = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")
    files = (*inventory.OF_RUN, *inventory.OF_FOLD, *inventory.OF_HELD_OUT)
    missing = {
        name
        for name in files
        if not any(f"{part}`" in page or f"{part}/`" in page for part in (name, name.split("/")[0]))
    }
    assert not missing


def test_the_architecture_page_draws_the_floors_as_the_package_does() -> None:
    import medtl

    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^(?:\w+/|findings\.py) [^`]*", page, flags=re.M)[0].rstrip()
    assert textwrap.indent(drawn, "    ", lambda line: line.strip() != "") in str(medtl.__doc__)


def test_the_architecture_page_and_contributing_know_the_same_kinds_and_tuples() -> None:
    page, contributing = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("docs/architecture.md", "CONTRIBUTING.md")
    )
    listed = re.findall(r"`(medtl(?:\.\w+)+)\.([A-Z]+)`", page.split("## Kinds")[1])
    for module, name in listed:
        assert name in vars(importlib.import_module(module)), (module, name)
    named = {(path.removesuffix(".py").replace("/", "."), name) for name, path in TUPLES.findall(contributing)}
    in_a_list_for_each_page = {(module, name) for module, name in named if name == "SECTIONS"}
    assert set(listed) == named - in_a_list_for_each_page


@pytest.mark.parametrize("what", numbers())
def test_the_numbers_of_the_house_page_are_not_out_of_date(what: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (written,) = re.findall(rf"^\| {re.escape(what)} \| ([\d.,]+) \|$", page, flags=re.M)
    now = numbers()[what]
    assert float(written.replace(",", "")) == pytest.approx(now, rel=0.1), (
        f"docs/house.md is out of date: {what} is {now:.2f}. `python tests/house_numbers.py write` counts anew."
    )


def test_a_page_of_old_numbers_is_written_anew_and_nothing_else_of_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    old = re.sub(r"\| [\d.,]+ \|$", "| 1 |", page, flags=re.M)
    assert old != page
    anew = written_anew(old, day=date(2031, 2, 3))
    assert "Counted on 2031-02-03 with" in anew
    assert "\n".join(rows()) in anew
    assert re.sub(r"[\d.,-]+", "", anew) == re.sub(r"[\d.,-]+", "", page)


def test_the_counter_of_the_house_counts_by_its_rules() -> None:
    source = ast.parse(
        "def one(a, b=True, *, c=False):\n"
        "    'Says.'\n\n"
        "    x = 1\n\n"
        "    return x\n"
        "async def two(): 'only a docstring'\n"
    )
    one, two = (node for node in source.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    assert [body_lines(one), body_lines(two)] == [3, 0]
    assert [positional_booleans(one), positional_booleans(two)] == [1, 0]
    tests = ast.parse(
        "with pytest.raises(ValueError, match='a') as caught: pass\n"
        "with pytest.raises(ValueError): pass\n"
        "re.compile(match='a')\n"
        "assert 'a' in str(caught.value)\n"
        "assert str(caught.value) in 'a'\n"
    )
    assert texts_read(tests) == 2
    assert [quantile([4, 1, 3, 2], share) for share in (0.5, 0.95)] == [2.0, 4.0]


def test_the_hooks_before_a_commit_are_of_the_environment_and_part_of_make_check() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"], "other repositories would be fetched"
    checked = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck: venv\n")[1].split("\n\n")[0]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system", "other hooks install what they need"
        python, *words = hook["entry"].split()
        assert python == ".venv/bin/python"
        assert "$(BIN)/python -m " + " ".join(word for word in words[1:] if word != "--force-exclude") in checked
        done = subprocess.run([sys.executable, *words, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_citation_has_the_packages_version() -> None:
    import medtl

    assert f"\nversion: {medtl.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
