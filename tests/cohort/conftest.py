"""Where the real manifest lies, if it is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared_data import SHARED


@pytest.fixture
def kermany_manifest() -> Path:
    manifest = SHARED / "data" / "kermany_cxr_224" / "manifest.csv"
    if not manifest.is_file():
        pytest.skip("the pneumonia radiographs are not beside the checkout (MEDTL_SHARED)")
    return manifest
