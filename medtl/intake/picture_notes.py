"""What was decided about DICOM pictures as a whole, and how to decide otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.imaging.for_intake import Candidate, FrameChoice


def picture_notes(candidates: Sequence[Candidate], frame: FrameChoice | None) -> tuple[str, ...]:
    """A note about clips of which frames were taken."""
    accepted = [candidate for candidate in candidates if candidate.is_picture and not candidate.faults]
    clips = {candidate.slices[0].file for candidate in accepted if candidate.header.frames > 1}
    notes: tuple[str, ...] = ()
    if clips:
        what = {"all": "every frame", "first": "the first frame", "middle": "the middle frame"}.get(
            str(frame), f"frame {frame}"
        )
        notes += (
            f"Of {len(clips)} clip{'s' if len(clips) > 1 else ''} {what} was taken (--frame {frame}); the column frame "
            "says which. Without --frame clips are refused.",
        )
    return notes
