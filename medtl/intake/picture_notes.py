"""What was decided about DICOM pictures as a whole, and how to decide otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.imaging.arrivals import SECONDARY_CAPTURE, Candidate, FrameChoice


def picture_notes(candidates: Sequence[Candidate], frame: FrameChoice | None) -> tuple[str, ...]:
    """Notes about clips taken by a frame and about radiographs in secondary captures, among what was accepted."""
    accepted = [candidate for candidate in candidates if candidate.is_picture and not candidate.faults]
    clips = {candidate.slices[0].file for candidate in accepted if candidate.header.frames > 1}
    captures = sum(candidate.header.sop_class in SECONDARY_CAPTURE for candidate in accepted)
    notes: tuple[str, ...] = ()
    if clips:
        what = {"all": "every frame", "first": "the first frame", "middle": "the middle frame"}.get(
            str(frame), f"frame {frame}"
        )
        notes += (
            f"Of {len(clips)} clip{'s' if len(clips) > 1 else ''} {what} was taken (--frame {frame}); the column frame "
            "says which. Without --frame clips are refused.",
        )
    if captures:
        are = "radiographs are secondary captures" if captures > 1 else "radiograph is a secondary capture"
        notes += (f"{captures} {are}: grey levels of a copy, not calibrated.",)
    return notes
