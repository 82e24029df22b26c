"""How the site is built from these pages and from the docstrings: `make docs`.

The pages of `docs/` are taken as they are. What stands beside the folder (the README and others) and one page for each
floor are written into `docs/built/`, which git ignores.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sphinx.ext.napoleon import GoogleDocstring

import medtl

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
BUILT: Final = HERE / "built"
BROUGHT_IN: Final = {
    "readme": ROOT / "README.md",
    "manifests": ROOT / "data_manifests" / "README.md",
    "contributing": ROOT / "CONTRIBUTING.md",
    "changelog": ROOT / "CHANGELOG.md",
}
"""Pages of the site that stand beside this folder."""

project = "medtl"
version = release = medtl.__version__
html_title = f"medtl {release}"
html_theme = "furo"
html_show_sourcelink = html_copy_source = html_show_copyright = False
extensions = ["sphinx.ext.autodoc", "myst_parser"]
myst_heading_anchors = 3
default_role = "py:obj"
suppress_warnings = ["misc.highlighting_failure"]  # no colours are known for CSV
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True


def setup(app: Sphinx) -> None:
    """Have the pages written before sphinx looks for pages."""
    app.connect("builder-inited", lambda _app: write_pages())
    app.connect("source-read", lambda _app, page, text: text.append(with_links_of_the_site(text.pop(), page)))
    app.connect("autodoc-process-docstring", read_google_style)


def read_google_style(  # noqa: PLR0917 - sphinx calls it so
    app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]
) -> None:
    """Turn `Args:` and the like into fields, in place.

    As an extension of its own napoleon would also take what stands before a colon in the docstring of an attribute or
    a property for its type.
    """
    if what not in ("attribute", "property", "data"):
        lines[:] = GoogleDocstring(lines, what=what, name=name, obj=found, options=options).lines()


def write_pages() -> None:
    """Write `docs/built/`: what is brought in, and a page for each floor."""
    BUILT.mkdir(exist_ok=True)
    pages = {f"{page}.md": path.read_text(encoding="utf-8") for page, path in BROUGHT_IN.items()}
    pages |= {f"medtl.{name}.rst": page_of(f"medtl.{name}") for name in floors()}
    listed = "".join(f"   medtl.{name}\n" for name in floors())
    pages["reference.rst"] = f"Reference\n=========\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}"
    for path in BUILT.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (BUILT / name).write_text(text, encoding="utf-8")


def with_links_of_the_site(text: str, page: str) -> str:
    """A page of Markdown whose links lead to where the site has what they name."""
    placed = (HERE / page).parent
    written = BROUGHT_IN.get(Path(page).name, HERE / page).parent
    moved = {path: BUILT / f"{name}.md" for name, path in BROUGHT_IN.items()}

    def led(link: re.Match[str]) -> str:
        named = (written / link[1]).resolve()
        return f"]({os.path.relpath(moved.get(named, named), placed)}{link[2] or ''})" if named.exists() else link[0]

    return re.sub(r"\]\(([^)#:\s]+)(#[^)]*)?\)", led, text)


def floors() -> tuple[str, ...]:
    """The floors and the single rooms beside them, from the top, as the package's docstring draws them."""
    drawn = str(medtl.__doc__).split("The floors")[1].split("The learning wing")[0]
    return tuple(name.rstrip("/").removesuffix(".py") for name in re.findall(r"\b\w+(?:/|\.py\b)(?=\s|$)", drawn))


def page_of(floor: str) -> str:
    """The page of a floor: its docstring, each name at its door, and a line for each room behind it."""
    title = [floor, "=" * len(floor), ""]
    folder = ROOT.joinpath(*floor.split("."))
    if not folder.is_dir():
        return "\n".join([*title, f".. automodule:: {floor}", "   :members:", ""])
    behind = [
        line
        for path in sorted(folder.rglob("*.py"))
        if path.name != "__init__.py"
        for line in (f"``{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}``", f"   {first_line(path)}", "")
    ]
    opened, door = importlib.import_module(floor), names_at_the_door(folder)
    rooms_last = sorted(door, key=lambda name: inspect.ismodule(getattr(opened, name)))
    at_the_door = [line for name in rooms_last for line in described(floor, name, door[name])]
    return "\n".join([*title, f".. automodule:: {floor}", "", *at_the_door, "Rooms", "-----", "", *behind])


def names_at_the_door(folder: Path) -> dict[str, str]:
    """A floor's public names -> the rooms that they come from."""
    door = next(path for path in (folder / "__init__.pyi", folder / "__init__.py") if path.exists())
    package = ".".join(folder.relative_to(ROOT).parts)
    return {
        alias.asname: f"{package}.{node.module}" if node.level and node.module else node.module or package
        for node in ast.parse(door.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }


def described(floor: str, name: str, home: str) -> list[str]:
    """The lines that describe a public name; a room that is one has a heading."""
    found = getattr(importlib.import_module(floor), name)
    if inspect.ismodule(found):
        heading = f"{floor}.{name}"
        return [heading, "-" * len(heading), "", f".. automodule:: {found.__name__}", "   :members:", ""]
    if inspect.isclass(found):
        return [f".. autoclass:: {floor}.{name}", "   :members:", ""]
    if inspect.isroutine(found):
        return [f".. autofunction:: {floor}.{name}", ""]
    return [f".. autodata:: {home}.{name}", "   :no-value:", ""]


def first_line(path: Path) -> str:
    """What a room says of itself first."""
    return str(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))).split("\n", 1)[0]
