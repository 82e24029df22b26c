"""What all tests share: figures are painted, but outside of the tests of pages only their words are written down.

Where CI is set, hypothesis tries the same examples each time, and the global generators of Python, NumPy and torch
start from a number drawn from the name of the fixture or test, so that no result hangs on chance or on the order of
tests. Elsewhere hypothesis goes on searching, and another TEST_SEED in the environment finds limits that are too
narrow. Every call into the package checks the shapes in its signature.
"""

from __future__ import annotations

import os
import random
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import shapes_enforced
from figure_words import words_of
from hypothesis import settings

shapes_enforced.install()

settings.register_profile("same-examples", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("same-examples")


def seed_by_name(name: str) -> None:
    """The global generators start from a number drawn from ``name``; torch's only where a test has imported it."""
    seed = zlib.crc32(f"{os.environ.get('TEST_SEED', '')}{name}".encode(errors="surrogatepass"))
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> None:
    seed_by_name(f"{fixturedef.baseid}::{fixturedef.argname}[{getattr(request, 'param', '')}]")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    seed_by_name(pyfuncitem.nodeid)


@pytest.fixture(scope="module", autouse=True)
def print_pictures() -> Iterator[None]:
    """An empty picture in the place of each figure's PNG of 300 dots per inch, which takes as long as the page itself.

    The tests of figure files override this fixture.
    """
    from medtl.report.html.drawing import Drawing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "as_png", lambda _figure: b"")
        yield


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> Iterator[None]:
    """Figures are painted and their numbers read, but the SVG holds their words alone: the rest is half of a run.

    The tests of pages override this fixture, and others that compare with pages made in another process.
    """
    from medtl.report.html import drawing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "rendered", words_of)
        yield


@pytest.fixture
def without_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits keep no states to go on from, for tests that interrupt none: 80 MB after each epoch take as long as it."""
    from medtl.training.checkpoint import CheckpointFolder

    monkeypatch.setattr(CheckpointFolder, "save", lambda *_state: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that at the end no worker waits for another one's long file."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
