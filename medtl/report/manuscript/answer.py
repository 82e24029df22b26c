"""One thing that a run says on an item of a reporting guideline.

In: text. Out: a frozen value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What the run says, the section of the page that shows it, and what is still for the authors to say."""

    section: str
    answer: str
    still: str = ""
