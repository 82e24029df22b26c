"""The study page as PDF: whole, the same bytes each time, fetching nothing; a letter where it cannot be made."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medtl.errors import ConfigurationError
from medtl.record import read_run
from medtl.report import write_study_page
from medtl.report.html.pdf import as_pdf, write_pdf


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


def test_without_weasyprint_the_letter_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'medtl\[pdf\]', or open report\.html in a browser"):
        as_pdf("<p>text</p>")


def test_a_run_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no report\.html\. Write it first with medtl report"):
        write_pdf(tmp_path)


@pytest.mark.slow
def test_the_page_becomes_the_same_pdf_each_time(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    pytest.importorskip("weasyprint", reason="the extra medtl[pdf] is not installed", exc_type=ImportError)
    folder = run_writer(tmp_path, run_recipe(patients=20, fold_count=2, resamples=100))
    write_study_page(read_run(folder))
    first = write_pdf(folder).read_bytes()
    assert first.startswith(b"%PDF-")
    assert first.rstrip().endswith(b"%%EOF")
    assert write_pdf(folder).read_bytes() == first


def test_nothing_is_fetched_for_a_pdf(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    pytest.importorskip("weasyprint", reason="the extra medtl[pdf] is not installed", exc_type=ImportError)
    (tmp_path / "private.css").write_text("p { color: red }")
    logging.getLogger("weasyprint").propagate = True
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        data = as_pdf(
            '<img src="http://127.0.0.1:9/x.png" alt="x">'
            f'<link rel=stylesheet href="{(tmp_path / "private.css").as_uri()}"><p>text</p>'
        )
    assert data.startswith(b"%PDF-")
    refused = [record.getMessage() for record in caplog.records if "disallowed protocol" in record.getMessage()]
    assert len(refused) == 2
