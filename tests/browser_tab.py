"""A tab of headless Chromium that a test opens pages in, asks and presses keys in, over DevTools pipes."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

KEY_CODES = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "PageUp": 33, "PageDown": 34}
SWITCHES = ("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "hide-scrollbars")
PIPES = 'exec "$0" "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'
"""Chromium reads commands from file 3 and answers on file 4 (its switch remote-debugging-pipe).

Bash, since other shells take one digit for the number of a file."""


ANSWER_S = 60
ALL_SETTLED = (
    "[...document.querySelectorAll('.viewer')]"
    ".every(v => v.childElementCount || v.parentElement.querySelector('.failed'))"
)
"""Every viewer stands or has given up."""


class Tab:
    """A page in headless Chromium, driven over a pipe by the DevTools protocol.

    `console` is what the page complained of, `requests` the addresses that it asked for.
    """

    def __init__(self, binary: str, profile: str) -> None:
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", PIPES, binary, *(f"--{name}" for name in SWITCHES), "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
            env={**os.environ, "COMMANDS": str(commands), "ANSWERS": str(answers)}, pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._rest, self._number, self._session = b"", 0, ""
        self.console: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.requests: list[str] = []

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(timeout=600)
        os.close(self._out)
        os.close(self._in)

    def call(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """Ask the browser, and wait for its answer; events that come before it are noted."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        asked |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], ANSWER_S)
            assert ready, f"Chromium gave no answer for {ANSWER_S} s"
            more = os.read(self._in, 1 << 20)
            assert more, "Chromium has gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        facts = told.get("params", {})
        if told.get("method") == "Log.entryAdded":
            self.console.append(facts["entry"]["text"])
        elif told.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(facts["exceptionDetails"].get("exception", facts["exceptionDetails"])))
        elif told.get("method") == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        return told

    def open(self, page: Path, *, width: int = 1280, height: int = 900, first: str = "") -> None:
        """Load a file at a size and wait until every viewer stands or has given up; `first` runs before the page."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        if first:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=first)
        self.console, self.requests = [], []
        self.call("Page.navigate", url=page.as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")
        self.wait(ALL_SETTLED)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page, promises awaited."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true, at most 20 s."""
        rounds = "for (let i = 0; i < 400; i++) { if (%s) return true; await new Promise(r => setTimeout(r, 50)); }"
        assert self.ask(f"(async () => {{ {rounds % condition} }})()"), f"never true: {condition}"

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            for kind in ("rawKeyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEY_CODES[key])

    def click(self, selector: str, *, across: float = 0.5, down: float = 0.5) -> None:
        """Click into an element at a share of its width and height."""
        found = f"document.querySelector({selector!r})"
        self.ask(f"{found}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.ask(f"(b => [b.left, b.top, b.width, b.height])({found}.getBoundingClientRect())")
        x, y = box[0] + across * box[2], box[1] + down * box[3]
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def roll(self, selector: str, by: float) -> None:
        """Turn the wheel over the middle of an element that is in sight."""
        x, y = self.ask(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)


def opened_tab() -> Iterator[Tab]:
    """A tab for as long as a test needs it; without Chromium the test is skipped."""
    binary = os.environ.get("MEDTL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not binary:
        pytest.skip("no Chromium on this machine; set MEDTL_CHROMIUM to its path")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Tab(binary, profile) as opened:
        yield opened
