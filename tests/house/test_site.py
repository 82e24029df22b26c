"""Is the site that `make docs` builds whole: no warning, no link that leads nowhere, every floor and every name?"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "medtl"
DOORS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


class _Page(HTMLParser):
    """What a page links to and loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.anchors |= {named[name] for name in ("id", "name") if name in named}
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if tag in ("img", "script", "source", "iframe") and "src" in named:
            self.loaded.append(named["src"])
        if tag == "link" and named.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(named["href"])


def loose_ends(site: Path) -> list[str]:
    """Each relative link without its file or its anchor, and each thing that a page would load from another host."""
    pages = {path.resolve(): _Page(path) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        found += [f"{where} loads {source}" for source in page.loaded if urlsplit(source).netloc]
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].anchors):
                found.append(f"{where} -> {link}")
    return sorted(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, in a folder of its own."""
    recipe = re.findall(r"^docs: venv\n\t\$\(BIN\)/python (.+) build/docs$", (ROOT / "Makefile").read_text(), re.M)
    folder = tmp_path_factory.mktemp("a site")
    done = subprocess.run(
        [sys.executable, *recipe[0].split(), folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert loose_ends(site) == []
    assert sum(len(_Page(path).links) for path in site.rglob("*.html")) > 1000, "hardly any link was looked at"


@pytest.mark.slow
def test_every_page_of_the_docs_is_on_the_site(site: Path) -> None:
    start = _Page(site / "index.html").links
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
        assert page.stem == "index" or f"{page.stem}.html" in start, page.name


@pytest.mark.slow
@pytest.mark.parametrize("floor", DOORS)
def test_every_floor_has_a_page_on_which_its_public_names_are_described(site: Path, floor: str) -> None:
    path = site / "built" / f"medtl.{floor}.html"
    door = next(path for path in (PACKAGE / floor / "__init__.pyi", PACKAGE / floor / "__init__.py") if path.exists())
    names = {
        alias.asname
        for node in ast.parse(door.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    described = {anchor.rsplit(".", 1)[-1] for anchor in _Page(path).anchors if anchor.startswith("medtl.")}
    rooms = {anchor.removeprefix("module-").rsplit(".", 1)[-1] for anchor in _Page(path).anchors}
    assert names <= described | rooms
    assert floor in rooms


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a page.html").write_text('<p id="here"><a href="#here"></a><a href="b.html#there"></a>')
    (tmp_path / "b.html").write_text(
        '<a href="a%20page.html#here"></a><a href="c.html"></a><script src="https://example.org/x.js"></script>'
        '<a href="https://example.org/"></a><img src="lost.png">'
    )
    assert loose_ends(tmp_path) == [
        "a page.html -> b.html#there",
        "b.html -> c.html",
        "b.html -> lost.png",
        "b.html loads https://example.org/x.js",
    ]
