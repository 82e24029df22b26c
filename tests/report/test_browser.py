"""The pages in a real browser: nothing that a user wrote runs, nothing is fetched, nothing is wider than a phone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from medtl.cli.command import app
from medtl.report import write_reports
from medtl.report.manuscript.statements import GROUPS, Statements, form

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MARKER = "EXECUTED"
PAYLOADS = (
    f"<script>document.title='{MARKER}'</script>",
    f"<img src=x onerror=\"document.title='{MARKER}'\">",
    f"<svg onload=\"document.title='{MARKER}'\">",
    f"\"><script>document.title='{MARKER}'</script>",
    f"'><img src=x onerror=document.title='{MARKER}'>",
    f"</style><script>document.title='{MARKER}'</script>",
    f"</title><script>document.title='{MARKER}'</script>",
    f"<iframe srcdoc=\"<script>parent.document.title='{MARKER}'</script>\">",
    f"<body onload=document.title='{MARKER}'>",
    f"<details open ontoggle=document.title='{MARKER}'>",
    f"javascript:document.title='{MARKER}'",
    f"{{{{ ''.__class__ }}}}<b onmouseover=document.title='{MARKER}'>",
    f"--><script>document.title='{MARKER}'</script><!--",
    f"\" onfocus=document.title='{MARKER}' autofocus tabindex=1 x=\"",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css><meta http-equiv=refresh content=0;url=http://127.0.0.1:9/>"
    "<style>@import url(http://127.0.0.1:9/y);*{background:url(http://127.0.0.1:9/z)}</style>",
)
PHONE_PX = 390
WITHOUT_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


@pytest.fixture(scope="module")
def hostile_pages(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[Path, ...], ...]:
    """The pages of runs whose labels, ids, names and notes are payloads, a third of the payloads at a time."""
    runs = []
    for start in range(0, len(PAYLOADS), 5):
        mark = " ".join(PAYLOADS[start : start + 5])
        recipe = run_recipe(
            classes=(f"normal {mark}", f"pneumonia {mark}"), patients=14, fold_count=2, mark=mark, resamples=100,
            images_per_patient=1,
        )  # fmt: skip
        folder = run_writer(tmp_path_factory.mktemp("hostile"), recipe)
        (folder / "statements.yaml").write_text(
            form(Statements({group: dict.fromkeys(keys, mark) for group, keys in GROUPS.items()})), encoding="utf-8"
        )
        _audit(folder, mark)
        pages = write_reports(folder)
        judged, compared = folder / "judged", folder / "compared"
        other = folder / f"{mark[:40].replace('/', '')}.csv"
        shutil.copy(folder / "predictions.csv", other)
        for words in (
            ["evaluate", other, "--out", judged, "--resamples", 20],
            ["compare", folder, other, "--out", compared, "--resamples", 20],
        ):
            done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
            assert done.exit_code == 0, done.output
        runs.append((*pages, judged / "report.html", compared / "report.html"))
    return tuple(runs)


def _audit(run: Path, mark: str) -> None:
    """An audit whose every text is a payload."""
    (run / "audit").mkdir()
    Image.new("L", (8, 8)).save(run / "audit" / "00.png")
    case = {"case_id": mark, "patient_id": mark, "label": mark, "split": mark, "picture": "00.png"}
    told = {
        "pairs": [{"found": mark, "contradicts": True, "between_patients": True, "cases": [case, case]}],
        "all_pairs": 2,
        "suspects": [
            {
                "what": "marks",
                "against": mark,
                "place": mark,
                "told": mark,
                "examples": [{"group": mark, "case_id": mark, "picture": "00.png"}],
            }
        ],
    }
    (run / "audit.json").write_text(json.dumps(told))


def test_nothing_that_a_user_wrote_is_executed(
    hostile_pages: tuple[tuple[Path, ...], ...], chromium: Callable[..., str], tmp_path: Path
) -> None:
    for pages in hostile_pages:
        for page in (*pages[:2], *pages[-2:]):
            assert MARKER in page.read_text(encoding="utf-8") or "127.0.0.1:9" in page.read_text(encoding="utf-8")
            bare = tmp_path / "bare.html"
            bare.write_text(WITHOUT_POLICY.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
            for path in (page, bare):
                dom = chromium("--dump-dom", path.as_uri())
                title = re.search(r"<title>(.*?)</title>", dom)
                assert title is not None
                assert title.group(1) != MARKER, "what ran would have taken the whole title"
                assert "medtl" in title.group(1)


def test_the_test_would_notice_a_script(chromium: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "open.html"
    path.write_text(f"<!doctype html><title>medtl</title><p>{PAYLOADS[1]}</p>")
    assert f"<title>{MARKER}</title>" in chromium("--dump-dom", path.as_uri())


def test_nothing_is_fetched_and_the_console_stays_silent(
    hostile_pages: tuple[tuple[Path, ...], ...], chromium: Callable[..., str], tmp_path: Path
) -> None:
    for number, pages in enumerate(hostile_pages):
        log = tmp_path / f"net{number}.json"
        for page in (pages[0], *pages[-2:]):
            said = chromium("--enable-logging=stderr", f"--log-net-log={log}", "--dump-dom", page.as_uri())
            assert ":CONSOLE" not in said
            asked = json.dumps(json.loads(log.read_text()).get("events", []))
            assert "127.0.0.1:9" not in asked


@pytest.mark.parametrize("page", ["report.html", "fold_0/report.html"])
def test_nothing_is_wider_than_a_phone(
    small_run: Path, on_a_phone: Callable[[Path], tuple[int, int, int]], page: str
) -> None:
    if not (small_run / page).is_file():
        write_reports(small_run)
    assert on_a_phone(small_run / page) == (PHONE_PX, PHONE_PX, 0)
