"""The viewer of a volume, opened from a file in headless Chromium: it scrolls, says where it is, asks for nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medtl.report import write_reports

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READOUT = "document.querySelector('.viewer .readout').textContent"
PLACE = "document.querySelector('.viewer .plane .place').textContent"
PICTURE = "document.querySelector('.viewer canvas').toDataURL()"


@pytest.fixture(scope="module")
def page(volume_run_writer: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = volume_run_writer(tmp_path_factory.mktemp("a run of volumes") / "run")
    write_reports(run)
    return run / "fold_0" / "report.html"


def test_it_opens_at_the_strongest_point_and_keys_and_slider_scroll(page: Path, tab: Any) -> None:
    tab.open(page)
    assert tab.ask("document.querySelectorAll('.viewer canvas').length") >= 3
    assert tab.ask(READOUT).startswith("L 28.0, A 33.0, S 15.0 mm"), "where the lesion was planted"
    before, first = tab.ask(PICTURE), tab.ask(PLACE)
    tab.ask("document.querySelector('.viewer canvas').focus()")
    tab.press("PageUp", "PageUp")
    assert "S 25.0" in tab.ask(READOUT), "two slices of 5 mm towards superior"
    assert tab.ask(PLACE) != first
    assert tab.ask(PICTURE) != before
    slid = (
        "(s => { s.value = 3; s.dispatchEvent(new Event('input')); })(document.querySelector('.viewer .slider input'))"
    )
    tab.ask(slid)
    assert "I 45.0" in tab.ask(READOUT), "slice 3 of a grid that starts at -60 mm"
    tab.ask("[...document.querySelectorAll('.viewer button')].find(b => b.textContent === 'Strongest point').click()")
    assert tab.ask(READOUT).startswith("L 28.0, A 33.0, S 15.0 mm")
    assert tab.console == []


def test_hiding_the_map_changes_the_picture(page: Path, tab: Any) -> None:
    tab.open(page)
    before = tab.ask(PICTURE)
    tab.ask("document.querySelector('.viewer .controls input[type=checkbox]').click()")
    assert tab.ask(PICTURE) != before


SET = "((e, v) => {{ e.value = v; e.dispatchEvent(new Event('input')); }})(document.querySelector('{0}'), {1})"


def test_the_opacity_says_how_much_of_the_map_lies_over_the_scan(page: Path, tab: Any) -> None:
    tab.open(page)
    slider = ".viewer .controls input[type=range]"
    colours = {}
    for percent in (0, 50, 100):
        tab.ask(SET.format(slider, f"'{percent}'"))
        colours[percent] = tab.ask(PICTURE)
        assert f"{percent} %" in tab.ask("document.querySelector('.viewer .controls').textContent")
    assert len(set(colours.values())) == 3
    tab.ask(SET.format(slider, "'0'"))
    clear = tab.ask(PICTURE)
    tab.ask("document.querySelector('.viewer .controls input[type=checkbox]').click()")
    assert tab.ask(PICTURE) == clear, "no opacity is no map"
    assert tab.console == []


def test_every_window_changes_the_scan_and_the_first_brings_it_back(page: Path, tab: Any) -> None:
    tab.open(page)
    tab.ask("document.querySelector('.viewer .controls input[type=checkbox]').click()")
    windows = tab.ask("[...document.querySelector('.viewer .controls').querySelectorAll('option')].map(o => o.value)")
    assert windows == ["As stored", "Wide", "Narrow"]
    pictures = []
    for name in windows:
        tab.ask(SET.format(".viewer .controls select", repr(name)))
        pictures.append(tab.ask(PICTURE))
    assert len(set(pictures)) == len(windows)
    tab.ask(SET.format(".viewer .controls select", repr(windows[0])))
    assert tab.ask(PICTURE) == pictures[0]
    assert tab.console == []


def test_the_page_asks_for_nothing_but_itself(page: Path, tab: Any) -> None:
    tab.open(page)
    assert [address for address in tab.requests if not address.startswith(("data:", page.as_uri()))] == []
    assert page.stat().st_size < 5_000_000


def test_without_a_script_the_sheet_of_slices_is_there(page: Path, tab: Any) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.call("Page.navigate", url=page.as_uri())
        seen = "(e => !!e && e.getBoundingClientRect().height > 50)(document.querySelector('.montage img'))"
        for _ in range(100):  # nothing waits inside a page without scripts
            if tab.ask(f"document.readyState === 'complete' && {seen}"):
                break
            time.sleep(0.1)
        assert tab.ask(seen)
        assert tab.ask("document.querySelectorAll('.viewer canvas').length") == 0
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_study_page_shows_sheets_without_the_viewer(page: Path) -> None:
    study = (page.parents[1] / "report.html").read_text(encoding="utf-8")
    assert "The viewer of a volume" not in study
    assert study.count("<script") == 1, "that of the threshold"
    assert page.read_text(encoding="utf-8").count("<script") == 1
