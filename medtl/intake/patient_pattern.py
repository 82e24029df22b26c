"""A pattern that says which part of a path is the patient: `{patient}_*`, `*/{patient}/*`, `{site}/{patient}-*`.

`*` is anything within one folder's or file's name, `**` also across folders, `?` one character. `{patient}` is as
short as the pattern allows; `{patient:2}` are two parts (parts stand between blanks, `_`, `-`, `.` and brackets).
Further words in braces belong to who the patient is: with `{site}/{patient}_*` patient 1 of two sites are two.
A pattern with `/` is for the path below the collection's folder, another one for the file's name; endings may be left
out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from medtl.errors import ConfigurationError

PIECES = re.compile(r"\*\*/?|\*|\?|\{[^{}]*\}|[^*?{}]+|[{}]")
FIELD = re.compile(r"\{([a-z_]+)(?::([1-9]))?\}")
BETWEEN, WITHIN = r"[\s_.()\[\]\-]", r"[^\s_.()\[\]\-/]"


@dataclass(frozen=True)
class PatientPattern:
    """A compiled pattern, to be matched with paths."""

    text: str
    matcher: re.Pattern[str]

    def patient_in(self, path: str) -> str:
        """The patient of a path with or without its ending; empty where the pattern does not fit."""
        subject = path if "/" in self.text or "**" in self.text else path.rpartition("/")[2]
        match = self.matcher.fullmatch(subject)
        return "/".join(match.groupdict().values()) if match else ""


def patient_pattern(text: str) -> PatientPattern:
    """The pattern that a text of the option --patients-from describes.

    Raises:
        ConfigurationError: it does not name the patient once, or has a brace or a word that is not understood.
    """
    built, names = "", list[str]()
    for piece in PIECES.findall(text):
        if piece.startswith("**"):
            built += r"(?:.*/)?" if piece == "**/" else ".*"
        elif piece in ("*", "?"):
            built += r"[^/]*" if piece == "*" else r"[^/]"
        elif field := FIELD.fullmatch(piece):
            names.append(field[1])
            many = f"{WITHIN}+(?:{BETWEEN}+{WITHIN}+){{{int(field[2]) - 1}}}" if field[2] else r"[^/]+?"
            built += f"(?P<{field[1]}>{many})" + (f"(?!{WITHIN})" if field[2] else "")
        elif piece in "{}" or piece.startswith("{"):
            names.append("")
        else:
            built += re.escape(piece)
    if names.count("patient") != 1 or "" in names or len(set(names)) < len(names):
        raise ConfigurationError(
            f"--patients-from {text}: expected folder, folder:N, file, name, or a pattern that holds {{patient}} once, "
            'such as "{patient}_*" for a file\'s name or "*/{patient}/*" for its path below the folder.'
        )
    return PatientPattern(text, re.compile(built))
