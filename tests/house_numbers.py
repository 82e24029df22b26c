"""The code in numbers, for `docs/house.md`: prints the rows of its table, or writes them there with today's date.

    python tests/house_numbers.py
    python tests/house_numbers.py write

Counted from the syntax trees of `medtl/` and `tests/`; nothing is imported or run.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "house.md"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def numbers() -> dict[str, float]:
    """What is counted -> how much of it there is now."""
    files = sorted((ROOT / "medtl").rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    trees = [ast.parse(text) for text in texts]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, Function)]
    bodies = [body_lines(function) for function in functions]
    raised = sum(isinstance(node, ast.Raise) and node.exc is not None for tree in trees for node in ast.walk(tree))
    tests = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "tests").rglob("*.py"))]
    return {
        "rooms (modules without `__init__.py`)": sum(path.name != "__init__.py" for path in files),
        "lines of them": sum(
            len(text.splitlines()) for path, text in zip(files, texts, strict=True) if path.name != "__init__.py"
        ),
        "functions and methods": len(functions),
        "lines of a body without its docstring, median": quantile(bodies, 0.5),
        "lines of a body without its docstring, 95th percentile": quantile(bodies, 0.95),
        "positional arguments that default to True or False, per 100 functions": (
            100 * sum(map(positional_booleans, functions)) / len(functions)
        ),
        "errors raised (`raise` with an error)": raised,
        "error texts that a test reads, per error raised": sum(texts_read(tree) for tree in tests) / raised,
    }


def body_lines(function: Function) -> int:
    """From the first line after the docstring to the last, blank lines and comments included."""
    statements = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def positional_booleans(function: Function) -> int:
    """How many arguments can be given without their name and default to True or False."""
    return sum(isinstance(node, ast.Constant) and isinstance(node.value, bool) for node in function.args.defaults)


def texts_read(tree: ast.Module) -> int:
    """How often `raises(…, match=…)` and `in str(error.value)` stand in a test."""
    matched = (
        any(keyword.arg == "match" for keyword in node.keywords) and ast.unparse(node.func).endswith("raises")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    )
    searched = (is_text_of_an_error(side) for side in _searched(tree))
    return sum(matched) + sum(searched)


def _searched(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from (
                side for operator, side in zip(node.ops, node.comparators, strict=True) if isinstance(operator, ast.In)
            )


def is_text_of_an_error(node: ast.expr) -> bool:
    """Whether it reads `str(….value)`."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "str"
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Attribute)
        and node.args[0].attr == "value"
    )


def quantile(values: Sequence[int], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed."""
    return float(sorted(values)[max(0, math.ceil(share * len(values)) - 1)])


def rows() -> list[str]:
    """The rows of the page's table."""
    return [
        f"| {words} | {value:,.2f} |" if value % 1 else f"| {words} | {value:,.0f} |"
        for words, value in numbers().items()
    ]


def written_anew(page: str, *, day: date) -> str:
    """The page with the numbers of now."""
    dated = re.sub(r"(?<=Counted on )\d{4}-\d\d-\d\d", day.isoformat(), page)
    return re.sub(r"(?<=\|---\|---\|\n)(?:\|.*\n)+", lambda _: "\n".join(rows()) + "\n", dated)


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8"), day=date.today()), encoding="utf-8")
    else:
        print("\n".join(rows()))
