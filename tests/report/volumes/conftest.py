"""A run of volumes: the run folder of chance alone, with maps of one phantom head whose lesion is at a known place."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
import yaml

from medtl.explanation.volume_pictures import SliceWeights, write_volume_pictures
from medtl.files import read_csv, write_csv

SPACING_MM = np.array([4.0, 3.0, 5.0])
SHAPE = (36, 60, 28)
LESION_MM = (-28.0, 33.0, 15.0)
"""In the patient's left, anterior and upper part; a voxel's centre."""

AFFINE = np.array([[-4.0, 0, 0, 72.0], [0, 3.0, 0, -90.0], [0, 0, 5.0, -60.0], [0, 0, 0, 1.0]])
"""The first axis of the file runs towards the patient's left, as most scanners write it."""

WINDOW = "brain window, black 0 HU, white 80 HU"


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """A head in [0, 1] with a bright lesion, and a map that is strongest at the lesion."""
    index = np.stack(np.meshgrid(*(np.arange(count) for count in SHAPE), indexing="ij"), axis=-1)
    mm = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    radius = np.linalg.norm((mm - [2, 0, 8]) / [62, 82, 62], axis=-1)
    distance = np.linalg.norm(mm - np.array(LESION_MM), axis=-1)
    scan = np.where(radius < 1, 0.42 + 0.05 * np.sin(mm[..., 0] / 6) * np.cos(mm[..., 1] / 7), 0.0)
    scan = np.where((radius > 0.9) & (radius < 1), 0.95, scan)
    scan = np.where(distance < 9, 0.8, scan)
    saliency = np.exp(-((distance / 14) ** 2)) * (radius < 1)
    return scan.astype(np.float32), (saliency / saliency.max()).astype(np.float32)


@dataclass(frozen=True)
class VolumeKind:
    """How the maps of a run of volumes are: with weights or not, with an unseen part or not."""

    with_weights: bool = True
    with_unseen: bool = True
    viewers: int | None = None
    window: str = WINDOW


def turn_into_volumes(run: Path, kind: VolumeKind) -> Path:
    """Give every map of a run folder the files of the phantom in place of its two pictures."""
    scan, saliency = phantom()
    seen = np.ones(SHAPE, dtype=bool)
    seen[:, :5] = not kind.with_unseen
    values = np.exp(-((np.arange(SHAPE[2]) - 15.0) ** 2) / 30)
    weights = SliceWeights.on_grid(values / values.sum(), plane="axial", affine=np.diag([-1, 1, 1, 1]) @ AFFINE)
    if kind.viewers is not None:
        settings = yaml.safe_load((run / "study.yaml").read_text(encoding="utf-8"))
        settings["explanation"]["viewers"] = kind.viewers
        (run / "study.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    for folder in sorted(run.glob("fold_*/saliency")):
        table = read_csv(folder / "saliency.csv", text_columns=("case_id", "patient_id"))
        for picture in folder.glob("*.png"):
            picture.unlink()
        written = write_volume_pictures(
            scan, saliency * seen, affine=AFFINE, seen=seen, window=WINDOW, strength=1.84, folder=folder,
            stem="lp_ft-0", slice_weights=weights if kind.with_weights else None,
        )  # fmt: skip
        (folder / "lp_ft-0.nii.gz").write_bytes(b"a map on the scan's own grid")
        files = {"montage_png": written.montage, "map_file": "lp_ft-0.nii.gz", "view_json": written.view}
        pictures = dict.fromkeys(("scan_png", "overlay_png", "spacing_row_mm", "spacing_column_mm"))
        table = table.assign(**pictures, **files, window=kind.window, positions="7 x 7 x 6")
        write_csv(folder / "saliency.csv", table)
    return run


@pytest.fixture(scope="session")
def volume_kind() -> type[VolumeKind]:
    """How the maps of a run of volumes are."""
    return VolumeKind


@pytest.fixture(scope="session")
def volume_run_writer(run_writer: Callable[..., Path], run_recipe: type) -> Callable[..., Path]:
    """Writes a small run of volumes of a kind; further words go into the run's recipe."""

    def write(folder: Path, kind: VolumeKind = VolumeKind(), **words: Any) -> Path:
        recipe = run_recipe(**{"patients": 16, "fold_count": 2, "resamples": 100, "images_per_patient": 1, **words})
        return turn_into_volumes(run_writer(folder, recipe), kind)

    return write


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


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """A tab of headless Chromium."""
    binary = os.environ.get("MEDTL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not binary:
        pytest.skip("no Chromium on this machine; set MEDTL_CHROMIUM to its path")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Tab(binary, profile) as opened:
        yield opened
