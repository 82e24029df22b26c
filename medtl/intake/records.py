"""What was converted before, so that an intake that was stopped goes on: one line of JSON for each finished case.

A record holds for the bytes of its source files, the options and the versions that made it, all in its fingerprint. The
file lies beside the manifest and names nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from pydantic import ValidationError

from medtl.files import sha256_of_file
from medtl.imaging.for_intake import deciding_versions
from medtl.intake.conversion import ConversionResult
from medtl.intake.settings import IntakeSettings

SCHEMA = "3"
"""Raised by one whenever an intake writes other bytes than before."""

PASSING = ("decoder_crashed", "decoder_timeout", "unreadable_file", "missing_file")
"""Reasons that may be gone at the next attempt, and so are not remembered."""


class Records:
    """The finished cases of one manifest."""

    def __init__(self, path: Path, *, key: bytes, settings: IntakeSettings) -> None:
        self.path = path
        self._key = key
        reading = [settings.fewest_slices, settings.correct_tilt, settings.volume, settings.pages_mm]
        self._options = [SCHEMA, *reading, deciding_versions()]
        self._known = _read(path)
        self._written = {result.case_id for result in self._known.values()}
        self._hashes: dict[Path, str] = {}
        self._lock = Lock()

    def fingerprint(self, case_id: str, files: Sequence[Path]) -> str:
        """A hash of all that decides how a case is converted; each file is read once."""
        parts = [case_id, sorted(self._hash(file) for file in files), *self._options]
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

    def known(self, fingerprint: str) -> ConversionResult | None:
        """The result of an earlier run, when what it wrote is still there as it was."""
        result = self._known.get(fingerprint)
        if result is None:
            return None
        for name, digest in ((result.image, result.image_sha256), (result.mask, result.mask_sha256)):
            file = self.path.parent / name
            if name and not (file.is_file() and sha256_of_file(file) == digest):
                return None
        return result

    def wrote(self, name: str) -> bool:
        """Whether an earlier run of this intake wrote a case of this id, which may so be replaced."""
        return name in self._written

    def add(self, result: ConversionResult) -> None:
        """Remember a result; a line that is torn by a crash is only one case to do again."""
        if result.reason in PASSING:
            return
        with self._lock, self.path.open("a", encoding="utf-8") as stream:
            stream.write(result.model_dump_json() + "\n")
        self._known[result.fingerprint] = result

    def _hash(self, file: Path) -> str:
        with self._lock:
            known = self._hashes.get(file)
        if known is None:
            known = sha256_of_file(file)
            with self._lock:
                self._hashes[file] = known
        return known


def _read(path: Path) -> dict[str, ConversionResult]:
    found: dict[str, ConversionResult] = {}
    if not path.is_file():
        return found
    text = path.read_text(encoding="utf-8", errors="replace")
    if text and not text.endswith("\n"):
        with path.open("a", encoding="utf-8") as stream:
            stream.write("\n")
    for line in text.splitlines():
        try:
            result = ConversionResult.model_validate_json(line)
        except ValidationError:
            continue
        found[result.fingerprint] = result
    return found
