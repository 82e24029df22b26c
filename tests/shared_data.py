"""Where the real scans and weights lie: beside the checkout, or where MEDTL_SHARED says. They may be absent."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("MEDTL_SHARED") or Path(__file__).resolve().parents[2] / "shared")
