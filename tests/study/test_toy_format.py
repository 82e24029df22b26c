"""A new file format is one room and one line: its pictures are studied, and their format stands in the lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medtl.imaging.formats import known
from medtl.imaging.formats.format import Choice, Content, FilePair, Format
from medtl.imaging.scan import Scan

pytestmark = pytest.mark.usefixtures("own_places", "without_states")

SIGN = b"TOYSCAN1"


def _decode(content: Content, _choice: Choice) -> Scan:
    assert not isinstance(content, FilePair)
    height, width = content[8], content[9]
    pixels = np.frombuffer(content, dtype=np.uint8, offset=10).reshape(1, height, width)
    return Scan(pixels.astype(np.float32), None, "toy", full_scale=255.0)


TOY = Format("TOY", "picture", (".toy",), lambda start: start.startswith(SIGN), _decode)


def test_a_toy_format_is_studied_like_any_other(
    tiny: Any, new_run: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in tiny.rows:
        path = tiny.folder / row["image"]
        pixels = np.asarray(Image.open(path))
        row["image"] = str(Path(row["image"]).with_suffix(".toy"))
        (tiny.folder / row["image"]).write_bytes(SIGN + bytes(pixels.shape) + pixels.tobytes())
        path.unlink()
    refused = medtl("check", tiny.write())
    assert refused.code == 3
    monkeypatch.setattr(known, "FORMATS", (*known.FORMATS, TOY))
    answer = medtl("run", tiny.write(), "--out", new_run)
    assert answer.code == 0, answer.err
    assert "24 cases" in " ".join((new_run / "report.html").read_text().split())
    assert (new_run / "manifest.lock.csv").read_text().count(",toy") >= 24
