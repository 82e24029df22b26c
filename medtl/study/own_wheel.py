"""The installed medtl as a wheel: what an image or a machine without internet installs is what runs here.

In: the package and the metadata of its distribution. Out: the bytes of a wheel, the same ones for the same package.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import medtl

NAME = f"medtl-{medtl.__version__}-py3-none-any.whl"
"""How pip names a wheel of pure Python."""

METADATA, ENTRY_POINTS = "METADATA", "entry_points.txt"
LICENCES = "licenses"
DECLARATION = "Wheel-Version: 1.0\nGenerator: medtl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
"""https://packaging.python.org/en/latest/specifications/binary-distribution-format/"""

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in it, so that it does not depend on when it was packed."""


def own_wheel() -> bytes:
    """A wheel of medtl as it is installed here, with what its distribution says that it requires."""
    information = f"medtl-{medtl.__version__}.dist-info"
    files = dict(_package())
    files |= {f"{information}/{name}": data for name, data in _metadata()}
    files[f"{information}/WHEEL"] = DECLARATION.encode()
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return packed.getvalue()


def _package() -> Iterator[tuple[str, bytes]]:
    """The files of the package: code, stubs and the templates of the pages."""
    folder = Path(medtl.__file__).parent
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            yield f"medtl/{path.relative_to(folder).as_posix()}", path.read_bytes()


def _metadata() -> Iterator[tuple[str, bytes]]:
    """Requirements, the command and the licence, as the distribution has them."""
    distribution = metadata.distribution("medtl")
    for name in (METADATA, ENTRY_POINTS):
        yield name, (distribution.read_text(name) or "").encode()
    for file in distribution.files or ():
        if LICENCES in file.parts:
            yield f"{LICENCES}/{file.name}", file.read_binary()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
