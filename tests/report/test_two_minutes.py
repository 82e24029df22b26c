"""The study page is read in two minutes: short first, whole behind it, and a summary on one sheet."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from medtl.record import read_run
from medtl.report import write_study_page

MOST_WORDS, MOST_SCREENS, WIDTH_PX, SCREEN_PX = 2500, 10, 1280, 900
FOLD = re.compile(r"<details[^>]*><summary>((?:(?!<details).)*?)</summary>((?:(?!<details).)*?)</details>", re.S)


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


@pytest.fixture(scope="module")
def page(small_run: Path) -> Path:
    return write_study_page(read_run(small_run))


def words_of(text: str) -> list[str]:
    text = re.sub(r"<(style|script|svg|nav|footer)\b.*?</\1>", " ", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", text)).split()


def closed(text: str) -> str:
    """A page as it opens: of each folded part its title alone."""
    while (found := FOLD.search(text)) is not None:
        text = f"{text[: found.start()]}{found.group(1)}{text[found.end() :]}"
    return text


def test_the_page_as_it_opens_has_at_most_2500_words_and_the_rest_is_one_click_away(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(words_of(closed(text))) <= MOST_WORDS
    for behind in ("Calibration, out of fold", "AUROC by fold", "Against the frozen probe"):
        assert behind in text
        assert behind not in closed(text)
    for in_sight in ("Patients by class", "All models on the same", "Limits"):
        assert in_sight in closed(text)


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_as_it_opens_is_at_most_ten_screens_long(page: Path, chromium: Callable[..., str]) -> None:
    probe = page.with_name("measured.html")
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    script = "<script>document.title = document.documentElement.scrollHeight</script></body>"
    probe.write_text(policy.sub("", page.read_text(encoding="utf-8")).replace("</body>", script), encoding="utf-8")
    dom = chromium(f"--window-size={WIDTH_PX},{SCREEN_PX}", "--dump-dom", probe.as_uri())
    height = int(re.search(r"<title>(\d+)</title>", dom).group(1))  # type: ignore[union-attr]
    opened = probe.with_name("opened.html")
    opened.write_text(probe.read_text(encoding="utf-8").replace('id="everything"', 'id="everything" checked'))
    dom = chromium(f"--window-size={WIDTH_PX},{SCREEN_PX}", "--dump-dom", opened.as_uri())
    whole = int(re.search(r"<title>(\d+)</title>", dom).group(1))  # type: ignore[union-attr]
    assert height <= MOST_SCREENS * SCREEN_PX
    assert whole > 2 * height, "the box opens every folded part"


def test_the_summary_holds_verdict_numbers_concerns_and_maps(page: Path) -> None:
    summary = page.with_name("summary.html").read_text(encoding="utf-8")
    verdict = re.compile(r'<section class="verdict".*?</section>', re.S)
    assert verdict.search(summary).group() == verdict.search(page.read_text(encoding="utf-8")).group()  # type: ignore[union-attr]
    for part in ("Further concerns and limits", "All models on the same", "Where it looked", "report.html"):
        assert part in summary
    assert len(words_of(summary)) < 700


@pytest.mark.browser
def test_the_summary_prints_on_one_sheet(page: Path, chromium: Callable[..., str], tmp_path: Path) -> None:
    pdf = tmp_path / "summary.pdf"
    chromium("--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.with_name("summary.html").as_uri())
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf.read_bytes())) == 1


@pytest.mark.browser
def test_in_the_dark_the_page_is_dark_and_its_figures_stay_on_white(
    page: Path, chromium: Callable[..., str], tmp_path: Path
) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        shot = tmp_path / f"{scheme}.png"
        flags = ("--force-dark-mode",) if scheme == "dark" else ()
        chromium(*flags, f"--window-size={WIDTH_PX},{SCREEN_PX}", f"--screenshot={shot}", page.as_uri())
        shades[scheme] = Image.open(shot).convert("L").getpixel((4, SCREEN_PX - 4))
    assert shades["light"] == 255
    assert isinstance(shades["dark"], int)
    assert shades["dark"] < 60
