"""What all tests share: figures are drawn for the pages, but not once more as pictures for print."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def print_pictures() -> Iterator[None]:
    """An empty picture in the place of each figure's PNG of 300 dots per inch, which takes as long as the page itself.

    The tests of figure files override this fixture.
    """
    from medtl.report.drawing import Drawing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "as_png", lambda _figure: b"")
        yield
