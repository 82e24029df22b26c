"""Nothing reaches for a network but `medtl weights fetch`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "medtl"
CONNECTING = re.compile(
    r"(urllib(?!\.parse)|http|socket|ssl|ftplib|smtplib|poplib|imaplib|telnetlib|socketserver|xmlrpc|asyncio|webbrowser"
    r"|requests|urllib3|httpx|aiohttp|huggingface_hub|gdown|wandb|mlflow)\b.*"
)
"""Modules that can open a connection; `urllib.parse` only takes addresses to pieces."""


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports, at its head or anywhere inside."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def importers_of(pattern: re.Pattern[str]) -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(pattern.fullmatch(module) for module in imported_by(path) if module != "urllib")
    }


LOCAL = {"tracking/mlflow_store.py"}
"""Rooms whose library could open a connection and is given a local file; `tests/study/test_export.py` watches that
none is opened."""

OF_ONE_TRAINING = {"training/meeting.py", "training/life_line.py"}
"""Rooms in which the processes that torchrun started find each other, at the address that torchrun gave them."""


def test_one_room_alone_can_open_a_connection() -> None:
    assert importers_of(CONNECTING) - LOCAL - OF_ONE_TRAINING == {"encoders/fetch/download.py"}
    for room in OF_ONE_TRAINING:
        modules = {module for module in imported_by(PACKAGE / room) if CONNECTING.fullmatch(module)}
        assert {module.partition(".")[0] for module in modules} == {"socket"}
    for room in LOCAL:
        modules = {module for module in imported_by(PACKAGE / room) if CONNECTING.fullmatch(module)}
        assert {module.partition(".")[0] for module in modules} == {"mlflow"}


def test_that_room_is_entered_by_fetch_alone() -> None:
    assert importers_of(re.compile(r"medtl\.encoders\.fetch(\.download.*)?")) == {"encoders/fetch/fetched.py"}
    outside = importers_of(re.compile(r"medtl\.encoders\.fetch.*"))
    assert {room for room in outside if not room.startswith("encoders/fetch/")} == {"cli/weight_verbs.py"}
    tree = ast.parse((PACKAGE / "cli" / "weight_verbs.py").read_text(encoding="utf-8"))
    verbs = {
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("medtl.encoders.fetch")
    }
    assert verbs == {"fetch"}


def test_no_other_command_loads_it() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from medtl.cli import app\n"
        "for words in (['weights', 'list'], ['doctor'], ['weights', 'verify']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0, words\n"
        "print([name for name in sys.modules if name.startswith('medtl.encoders.fetch')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
