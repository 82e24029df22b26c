"""What a result was made with: versions, machine, device; nothing that names a person, a host or a path."""

from __future__ import annotations

import os
import platform
from importlib import metadata

PACKAGES = (
    "medtl", "torch", "monai", "numpy", "scipy", "scikit-learn", "pandas", "pydicom", "nibabel", "pillow",
    "matplotlib", "safetensors", "pydantic",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """The installed version of every package that can move a number; None where one is missing. Imports none."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict[str, object]:
    """Python, operating system and processor count."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
    }
