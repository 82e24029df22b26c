"""Clips: files of several frames without a position in the patient, such as ultrasound and angiography.

A case is one picture, so that a clip is refused by name until somebody says which frame is meant. Frames are counted
from 1, as DICOM does; the middle one of an even number is the later of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medtl.imaging.dicom.image_header import MOST_FRAMES, ImageHeader, Plane
from medtl.imaging.dicom.series import Candidate, Slice
from medtl.imaging.dicom.series_rules import FrameChoice
from medtl.imaging.dicom.slice_stack import Fault


def clip_sentence(header: ImageHeader) -> str:
    """The message that refuses a clip and says how to choose a frame."""
    return (
        f"The file is a clip of {header.frames} frames ({header.modality or 'unknown modality'}, {header.rows} x "
        f"{header.columns}) that do not say where they lie; a case is one picture or one volume. Take it in with "
        f"medtl intake --frame middle (or first, a number up to {header.frames}, or all: an image for each frame)."
    )


def with_chosen_frames(candidates: Sequence[Candidate], choice: FrameChoice | None) -> tuple[Candidate, ...]:
    """The candidates, each clip replaced by the frames that are wanted of it, each a picture of its own.

    With a choice, clips of other modalities than pictures are taken too. A clip without the chosen frame is refused.
    """
    if choice is None:
        return tuple(candidates)
    return tuple(one for candidate in candidates for one in _frames_of(candidate, choice))


def _frames_of(candidate: Candidate, choice: FrameChoice) -> list[Candidate]:
    header = candidate.header
    if not header.is_clip or header.frames > MOST_FRAMES:
        return [candidate]
    if isinstance(choice, int) and choice > header.frames:
        sentence = f"It has {header.frames} frames, and --frame asks for number {choice}."
        return [replace(candidate, is_picture=True).refused(Fault("no_such_frame", sentence))]
    return [_frame(candidate, number) for number in _numbers(header.frames, choice)]


def _numbers(frames: int, choice: FrameChoice) -> range:
    if choice == "all":
        return range(frames)
    first = 0 if choice == "first" else frames // 2 if choice == "middle" else int(choice) - 1
    return range(first, first + 1)


def _frame(candidate: Candidate, number: int) -> Candidate:
    header, file = candidate.header, candidate.slices[0].file
    plane = header.planes[number] if number < len(header.planes) else Plane()
    one = Slice(file, number, header, plane)
    return replace(candidate, slices=(one,), is_picture=True, moment=f"frame {number + 1} of {header.frames}")
