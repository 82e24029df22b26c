"""Where the real manifest lies, if it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def kermany_manifest() -> Path:
    shared = Path(os.environ.get("MEDTL_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
    manifest = shared / "data" / "kermany_cxr_224" / "manifest.csv"
    if not manifest.is_file():
        pytest.skip("the pneumonia radiographs are not beside the checkout (MEDTL_SHARED)")
    return manifest
