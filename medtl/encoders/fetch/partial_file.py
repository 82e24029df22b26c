"""What arrived of a file so far, with what its server called it, so that the next try can go on from there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.errors import ResourceExhausted
from medtl.files import NO_SPACE, write_atomically

ANSWER_FILE: Final = "answer.json"


class Answer(BaseModel):
    """The server's description of a file.

    `etag` is its strong validator: equal ones mean equal bytes. `total_bytes` is None where the server does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    etag: str | None = None
    total_bytes: int | None = None


@dataclass(frozen=True)
class PartialFile:
    """A file that is being downloaded, in a folder of its own."""

    path: Path

    @property
    def size(self) -> int:
        """Bytes that arrived."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def answer(self) -> Answer | None:
        """What the server called the part that is here; None without one that can be read."""
        try:
            return Answer.model_validate_json(self._answer_path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None

    def resumable(self, url: str) -> Answer | None:
        """The description to go on with; None where the file has to be begun anew, since nothing vouches for it."""
        answer = self.answer()
        if answer is None or answer.url != url or answer.etag is None or self.size == 0:
            return None
        return answer

    def is_whole(self, url: str) -> bool:
        """Whether every byte that was announced at this address arrived."""
        answer = self.answer()
        return answer is not None and answer.url == url and answer.total_bytes == self.size > 0

    def begin(self, answer: Answer) -> None:
        """Drop what is here, and note what comes now."""
        self.path.unlink(missing_ok=True)
        write_atomically(self._answer_path, answer.model_dump_json() + "\n")

    def add(self, data: bytes) -> None:
        """Write bytes behind those that are here.

        Raises:
            ResourceExhausted: the disk or a quota is full; what arrived before is kept.
        """
        try:
            with self.path.open("ab") as stream:
                stream.write(data)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            raise ResourceExhausted(
                f"No space left while downloading {self.path.name}, after {self.size:,} bytes of it, which are kept. "
                "Free some space and give the same command again."
            ) from error

    def drop(self) -> None:
        """Remove what is here."""
        self.path.unlink(missing_ok=True)
        self._answer_path.unlink(missing_ok=True)

    @property
    def _answer_path(self) -> Path:
        return self.path.with_name(ANSWER_FILE)
