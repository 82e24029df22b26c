"""The house is as it is drawn: floors, doors, and the README's tree."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "medtl"
FLOORS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
LONGEST_ROOM = 300


def test_the_floor_plan_is_the_folders() -> None:
    plan = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text())) or ""
    drawn = set(re.findall(r"^ {4}(\w+)/  ", plan, flags=re.M))
    assert sorted(drawn) == FLOORS
    rooms = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    assert (
        set(re.findall(r"\b\w+\.py\b", plan.split("\n    findings.py")[1].split("\n\n")[0])) | {"findings.py"} == rooms
    )


def test_every_floor_says_what_it_is_for() -> None:
    for door in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(door.read_text())), door


def test_a_folder_of_the_report_has_at_most_twenty_rooms() -> None:
    for folder in (PACKAGE / "report").iterdir():
        assert len(list(folder.glob("*.py"))) <= 21, folder


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("door", sorted(PACKAGE.rglob("__init__.pyi")), ids=lambda path: path.parent.name)
def test_every_name_at_a_door_opens(door: Path) -> None:
    names = [
        alias.asname or alias.name
        for node in ast.parse(door.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    module = __import__(".".join(door.parent.relative_to(ROOT).parts), fromlist=names)
    assert all(hasattr(module, name) for name in names)


def test_no_room_is_a_hall() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST_ROOM
    }
    assert not long


def test_the_training_loop_is_short_and_the_staircase_too() -> None:
    assert len((PACKAGE / "training" / "fit.py").read_text().splitlines()) <= 150
    tree = ast.parse((PACKAGE / "study" / "run.py").read_text())
    (staircase,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run_study")
    assert staircase.end_lineno is not None
    assert staircase.end_lineno - staircase.lineno < 100


@pytest.mark.parametrize(
    "door",
    [
        "cohort",
        "folds",
        "predictions",
        "evaluation",
        "record",
        "report",
        "study.check",
        "study.settings",
        "encoders.catalogue",
        "cli",
    ],
)
def test_these_rooms_open_without_torch_or_monai(door: str) -> None:
    code = (
        f"import sys, medtl.{door} as room\n"
        "[getattr(room, name) for name in getattr(room, '__all__', []) if room.__name__ != 'medtl.encoders']\n"
        "print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_room_but_its_own_names_a_policy() -> None:
    named = re.compile(r"""["'](?:probe|centroid|lp_ft|full|scratch)["']""")
    may = {"study/demo.py"}  # a study file, written in Python
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if named.search(path.read_text()) and path.parent.name != "policies"
    }
    assert found <= may


def test_what_depends_on_the_number_of_classes_is_asked_of_the_outcome() -> None:
    may_refuse = {"cohort/settings.py", "cohort/labels.py", "predictions/columns.py", "predictions/external.py"}
    drawn = {"report/figures/confusion.py"}  # the size of its numbers
    counting = re.compile(r"len\([\w.]*classes\) *(?:==|!=|<|>)|is_binary|is_multi")
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if counting.search(_without_words(path.read_text())) and path.parent.name != "outcomes"
    }
    assert found <= may_refuse | drawn


def test_no_docstring_cites_a_file_that_is_not_in_the_repository() -> None:
    cited = re.compile(r"\b(?:EVIDENCE|FIELD|DESIGN|REPORT)\b(?:\.md|,? section|:| \d)")
    found = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.py") if cited.search(path.read_text())}
    assert not found


def test_what_depends_on_the_kind_of_network_is_asked_of_its_family() -> None:
    asking = re.compile(r"""is_resnet|is_densenet|startswith\(["'](?:resnet|densenet)|form *[!=]= *["']""")
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if asking.search(path.read_text()) and path.parent.name != "families"
    }
    assert not found


@pytest.mark.parametrize(
    "phrase",
    [
        r"import pickle\b|pickle\.load",
        r"joblib\.load",
        r"(?<!\.)\beval\(",
        r"\bexec\(",
        r"shell=True",
        r"strict=False",
        r"except Exception",
        r"torch\.load\((?!.*weights_only=True)",
        r"from torchvision|import torchvision",
        r"yaml\.(?:unsafe_|full_|safe_)?load\(",
    ],
)
def test_nothing_runs_data_as_code_or_swallows_what_it_cannot_name(phrase: str) -> None:
    code = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    found = []
    for path, text in code.items():
        stripped = _without_words(text)
        found += [str(path.relative_to(ROOT)) for _ in re.findall(phrase, stripped)]
    assert not found


def _without_words(text: str) -> str:
    """The code with its string constants emptied: docstrings and messages may name what code may not do."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


PRIVATE_WORDS = {
    "told", "said", "asked", "apart", "place", "places", "mark", "marked", "borrow", "borrowed", "wearing", "mended",
    "letter", "letters", "fate", "fates", "doubt", "doubts", "doubtful", "arrivals", "likeness",
}  # fmt: skip
"""Words of an earlier vocabulary that hid what things are; DESIGN, section 2, names the field's words instead."""

OF_THE_ALPHABET = {
    "NUMBERED_LETTER", "BETWEEN_LETTER_AND_DIGIT", "DRIVE_LETTER", "LETTERS",
    "test_a_letter_in_a_corner_is_one_mark_where_it_was_drawn",
    "test_a_letter_in_the_middle_and_a_body_alone_are_no_marks",
    "test_a_byte_order_mark_and_semicolons_change_nothing",
}  # fmt: skip
"""Letters of an alphabet, of an orientation or burned into a picture; a byte order mark."""

FINISHED = (
    "medtl", "pipelines", "tests/intake", "tests/maps", "tests/held_out", "tests/imaging", "tests/explanation",
    "tests/controls", "tests/folds", "tests/predictions", "tests/encoders",
)  # fmt: skip


def names_given_in(text: str) -> set[str]:
    """The names that a file gives: of functions, classes, parameters, variables, fields and aliases."""
    found = set[str]()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.add(name)
            case ast.alias(asname=str(name)):
                found.add(name)
    return found


@pytest.mark.parametrize("folder", FINISHED)
def test_names_are_the_words_of_the_field(folder: str) -> None:
    ours = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in ([ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"))
        for name in names_given_in(path.read_text()) - OF_THE_ALPHABET
        if PRIVATE_WORDS & set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))
    }
    assert not ours


def test_a_private_word_in_a_name_is_found_and_in_a_sentence_is_not() -> None:
    assert names_given_in("class IntakeTold:\n    place: int\ndef f(mark): ...\n") == {
        "IntakeTold",
        "place",
        "mark",
        "f",
    }
    assert names_given_in("x = 'a place that was told'") == {"x"}


NAMED_AS_ITS_ROOM = [
    (".".join(door.parent.relative_to(ROOT).parts), room, name)
    for door in sorted(PACKAGE.rglob("__init__.pyi"))
    for room, name in re.findall(r"^from \.([\w.]+) import (\w+) as", door.read_text(), flags=re.M)
    if room.rpartition(".")[2] == name
]


@pytest.mark.parametrize(("floor", "room", "name"), NAMED_AS_ITS_ROOM)
def test_a_door_gives_the_function_also_where_its_room_was_imported_first(floor: str, room: str, name: str) -> None:
    importlib.import_module(f"{floor}.{room}")
    assert not isinstance(getattr(importlib.import_module(floor), name), ModuleType)
