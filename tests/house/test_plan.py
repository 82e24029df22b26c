"""The house is as it is drawn: floors, doors, and the README's tree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "medtl"
FLOORS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
MOST_NAMES_AT_A_DOOR = 8
LONGEST_ROOM = 300
BESIDE_THE_DOOR = {
    "medtl.cohort.phantoms",
    "medtl.cohort.sampling",
    "medtl.cohort.near_duplicates",
    "medtl.cohort.feature_neighbours",
    "medtl.cohort.border_suspects",
    "medtl.cohort.multiplicity",
    "medtl.cohort.confounding",
    "medtl.cohort.doubtful_numbers",
    "medtl.cohort.cells",
    "medtl.cohort.delimited",
    "medtl.cohort.manifest_links",
    "medtl.cohort.patient_ids",
    "medtl.cohort.positive_class",
    "medtl.imaging.arrivals",
    "medtl.explanation.checks_record",
    "medtl.report.compared_models",
    "medtl.report.comparison_page",
    "medtl.report.audit_page",
    "medtl.report.predictions_page",
}
"""Rooms that one caller each enters, so that the floor's door keeps to eight names."""


def test_every_floor_of_the_design_exists_and_says_what_it_is_for() -> None:
    expected = (
        "adaptation cli cohort comparison controls encoders evaluation explanation folds held_out imaging intake maps "
        "predictions report training"
    )
    assert expected.split() == FLOORS
    for floor in FLOORS:
        assert ast.get_docstring(ast.parse((PACKAGE / floor / "__init__.py").read_text())), floor


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("floor", FLOORS)
def test_a_door_has_few_names_and_each_opens(floor: str) -> None:
    sign = PACKAGE / floor / "__init__.pyi"
    if not sign.is_file():
        return
    names = [
        alias.asname or alias.name
        for node in ast.parse(sign.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert len(names) <= MOST_NAMES_AT_A_DOOR
    module = __import__(f"medtl.{floor}", fromlist=names)
    assert all(hasattr(module, name) for name in names)


def test_other_floors_enter_by_the_door() -> None:
    climbed = []
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("medtl."):
                parts = node.module.split(".")
                if len(parts) > 2 and parts[1] in FLOORS and parts[1] != own and node.module not in BESIDE_THE_DOOR:
                    climbed.append(f"{path.relative_to(ROOT)}: from {node.module}")
    assert not climbed


def test_no_room_is_a_hall() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST_ROOM
    }
    assert not long


def test_the_training_loop_is_short_and_the_staircase_too() -> None:
    assert len((PACKAGE / "training" / "fit.py").read_text().splitlines()) <= 150
    tree = ast.parse((PACKAGE / "study.py").read_text())
    (staircase,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run_study")
    assert staircase.end_lineno is not None
    assert staircase.end_lineno - staircase.lineno < 100


def test_the_readmes_tree_is_the_folders() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = readme.split("## The house")[1].split("```")[1]
    drawn = set(re.findall(r"^(?:    )?(?:medtl/)?([A-Za-z_.]+/?)  ", tree, flags=re.M))
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listed.stdout.split("\n")
    top = {name.split("/")[0] + ("/" if "/" in name else "") for name in tracked if name}
    rooms = {f"{floor}/" for floor in FLOORS}
    rooms |= {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    convention = {".gitignore", ".ci/", "LICENSE", "CHANGELOG.md", "Makefile", "constraints.txt"}
    assert drawn == rooms | (top - convention)


@pytest.mark.parametrize(
    "door",
    ["cohort", "folds", "predictions", "evaluation", "report", "check", "study_settings", "encoders.catalogue", "cli"],
)
def test_these_rooms_open_without_torch_or_monai(door: str) -> None:
    code = (
        f"import sys, medtl.{door} as room\n"
        "[getattr(room, name) for name in getattr(room, '__all__', []) if room.__name__ != 'medtl.encoders']\n"
        "print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
