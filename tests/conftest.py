"""What all tests share: figures are drawn for the pages, but not once more as pictures for print.

Where CI is set, hypothesis tries the same examples each time, so that a landing never hangs on chance; elsewhere it
goes on searching. Every call into the package checks the shapes in its signature.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import shapes_enforced
from hypothesis import settings

shapes_enforced.install()

settings.register_profile("same-examples", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("same-examples")


@pytest.fixture(scope="module", autouse=True)
def print_pictures() -> Iterator[None]:
    """An empty picture in the place of each figure's PNG of 300 dots per inch, which takes as long as the page itself.

    The tests of figure files override this fixture.
    """
    from medtl.report.html.drawing import Drawing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "as_png", lambda _figure: b"")
        yield
