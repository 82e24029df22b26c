"""A concern: what speaks against a result, with its evidence and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Concern:
    """`title` stands in the verdict; `evidence` are the numbers; `advice` says what to do about it.

    `question` is how a reviewer would put it; empty where nobody has put it yet.
    """

    title: str
    evidence: str
    advice: str
    question: str = ""
