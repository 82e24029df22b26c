"""Why a case of a run gets no DICOM object: one sentence for the table, while the others go on."""

from __future__ import annotations


class LeftOut(ValueError):
    """A case that cannot be exported; its text says why and what to do, and names no file and no person."""
