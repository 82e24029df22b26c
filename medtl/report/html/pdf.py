"""The study page and the summary as PDF on A4, made by WeasyPrint (the extra `medtl[pdf]`) from the pages there.

In: a run folder with its pages. Out: report.pdf and summary.pdf in it, the same bytes each time. Nothing is fetched: a
page carries its pictures, and an address in it is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medtl.errors import ConfigurationError
from medtl.files import write_atomically
from medtl.record import run_folder as names

HOW_TO_INSTALL = (
    "A PDF needs WeasyPrint, which is not installed here. Install it with pip install 'medtl[pdf]', or open "
    "report.html in a browser and print it: the page has a style for A4."
)


def write_pdf(folder: Path) -> tuple[Path, ...]:
    """Write report.pdf and summary.pdf; refuses a run without a page, and says what is missing to make one."""
    page = folder / names.REPORT
    if not page.is_file():
        raise ConfigurationError(
            f"{folder.name} has no {names.REPORT}. Write it first with medtl report {folder.name}."
        )
    written = []
    for html, pdf in ((names.REPORT, names.PDF), (names.SUMMARY, names.SUMMARY_PDF)):
        if (folder / html).is_file():
            write_atomically(folder / pdf, as_pdf((folder / html).read_text(encoding="utf-8")))
            written.append(folder / pdf)
    return tuple(written)


def refuse_without_weasyprint() -> None:
    """Nothing, if a PDF can be made here; asked before pages are written."""
    _weasyprint()


def as_pdf(html: str) -> bytes:
    """A page as PDF. Needs WeasyPrint."""
    weasyprint = _weasyprint()
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols={"data"}, allow_redirects=False)
    return bytes(weasyprint.HTML(string=html, url_fetcher=fetcher, media_type="print").write_pdf())


def _weasyprint() -> Any:
    try:
        import weasyprint
    except (ImportError, OSError) as error:  # OSError: the library is there, but Pango of the system is not
        raise ConfigurationError(f"{HOW_TO_INSTALL} ({type(error).__name__})", missing="weasyprint") from error
    return weasyprint
