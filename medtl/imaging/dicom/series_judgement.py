"""Accept or refuse candidates as volumes or pictures, from their headers alone.

Each rule is a function from a candidate to its faults. The first fault gives the reason code; the sentence has all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from medtl.imaging.dicom.clips import clip_sentence, with_chosen_frames
from medtl.imaging.dicom.decoding import decoder_missing
from medtl.imaging.dicom.header_text import short_number
from medtl.imaging.dicom.image_header import MOST_FRAMES, ImageHeader
from medtl.imaging.dicom.series import Candidate
from medtl.imaging.dicom.series_localizers import localizers_among
from medtl.imaging.dicom.series_rules import (
    CAPTURED_RADIOGRAPHS,
    GRID_WORDS,
    SECONDARY_CAPTURE,
    SHOW_TEXT,
    SINGLE_SLICE,
    SeriesRules,
)
from medtl.imaging.dicom.slice_stack import Fault, stack_of, usable_orientation
from medtl.imaging.dicom.stray_slices import without_strays
from medtl.imaging.one_scan import one_scan
from medtl.imaging.scan import MAX_PIXELS, MAX_VOXELS, UnreadableScan

FINEST_SPACING_MM, WIDEST_SPACING_MM = 0.01, 100.0
"""As for NIfTI: microscopy ends at the first, the second is a typing error."""

FARTHEST_MM = 10_000.0
"""No point of a patient lies ten metres from the scanner's origin."""

LARGEST_VALUE = 1e12
"""Activity in Bq/ml stays below a billion; a value beyond this comes from a damaged rescale."""

BITS = (8, 16, 32)
GREY = ("MONOCHROME1", "MONOCHROME2")


def judged(candidates: Sequence[Candidate], rules: SeriesRules) -> tuple[Candidate, ...]:
    """The candidates with their faults, their stacks and their notes.

    What goes wrong in the judgement of one is a fault of that one (`unforeseen_fault`), and the others are judged.
    """
    candidates = with_chosen_frames(candidates, rules.frame)
    localizers = localizers_among(candidates, fewest_slices=rules.fewest_slices)
    alone = []
    for index, candidate in enumerate(candidates):
        try:
            with one_scan():
                alone.append(_judged(candidate, rules, is_localizer=index in localizers))
        except UnreadableScan as refusal:
            alone.append(candidate.refused(Fault(refusal.reason, str(refusal))))
    return without_strays(alone)


def _judged(candidate: Candidate, rules: SeriesRules, *, is_localizer: bool) -> Candidate:
    if not rules.asks_for(candidate.header.series_description):
        candidate = candidate.refused(
            Fault("not_asked_for", "Its series description does not fit the pattern of --series.")
        )
    for rule in KIND_RULES:
        candidate = candidate.refused(*rule(candidate))
    if rules.modality is not None and candidate.header.modality.casefold() != rules.modality.casefold():
        candidate = candidate.refused(
            Fault("other_modality", f"The modality is {candidate.header.modality or 'not said'}, not {rules.modality}.")
        )
    if is_localizer and not candidate.is_picture:
        candidate = candidate.refused(Fault("localizer", "It is a localizer: images to plan others by."))
    if candidate.is_picture:
        return replace(candidate, notes=candidate.notes + _text_notes(candidate))
    if any(fault.reason == "mosaic" for fault in candidate.faults):
        return candidate
    if rules.fewest_slices == 1 and len(candidate.slices) == 1 and candidate.header.frames == 1:
        return replace(candidate, is_picture=True, notes=(*candidate.notes, SINGLE_SLICE))
    geometry = _without_geometry(candidate) or _impossible_geometry(candidate)
    if geometry:
        return candidate.refused(*geometry)
    return _stacked(candidate, rules)


def _stacked(candidate: Candidate, rules: SeriesRules) -> Candidate:
    planes = [one.plane for one in candidate.slices]
    few = len(planes) < rules.fewest_slices
    if len(planes) > 1:
        positions = np.array([plane.position for plane in planes])
        orientation = np.array(planes[0].orientation)
        stack, faults = stack_of(positions, orientation, pixel_mm=planes[0].pixel_mm or (1.0, 1.0))
        if rules.correct_tilt and stack is not None:
            faults = tuple(fault for fault in faults if fault.reason != "gantry_tilt")
        candidate = replace(candidate.refused(*faults), stack=stack)
    if few:
        sentence = (
            f"It has {len(planes)} slice{'s' if len(planes) > 1 else ''}; a volume has {rules.fewest_slices} or more."
        )
        candidate = candidate.refused(Fault("too_few_slices", sentence))
    return candidate


def _is_captured(candidate: Candidate) -> list[Fault]:
    header = candidate.header
    if header.sop_class not in SECONDARY_CAPTURE:
        return []
    if candidate.is_picture and header.modality in CAPTURED_RADIOGRAPHS and header.photometric in GREY:
        return []
    return [Fault("secondary_capture", "It is a secondary capture: a picture of a screen, whose values mean nothing.")]


def _is_raw(candidate: Candidate) -> list[Fault]:
    if not candidate.header.is_raw:
        return []
    return [
        Fault(
            "for_processing",
            "It is FOR PROCESSING: raw values of the detector, whose scale and polarity are the maker's. Use the image "
            "FOR PRESENTATION of the same exposure; to study raw images alone, name the files in a manifest.",
        )
    ]


def _is_clip(candidate: Candidate) -> list[Fault]:
    if not candidate.header.is_clip or not candidate.is_picture or candidate.moment:
        return []
    return [Fault("several_frames", clip_sentence(candidate.header))]


def _is_mosaic(candidate: Candidate) -> list[Fault]:
    header, kinds = candidate.header, candidate.slices[0].plane.image_type
    if header.tiles < 2 and not any(word in kinds for word in GRID_WORDS):
        return []
    return [
        Fault(
            "mosaic",
            "Each image is a grid with all slices of one time point as tiles (Siemens mosaic, United Imaging VFRAME). "
            "Convert it with dcm2niix, which takes the tiles apart, and take the NIfTI files in.",
        )
    ]


def _is_coloured(candidate: Candidate) -> list[Fault]:
    header = candidate.header
    if candidate.is_picture and header.samples in (1, 3):
        return []
    if header.samples == 1 and header.photometric in GREY:
        return []
    return [
        Fault("colour", f"The pixels are {header.photometric or 'colours'}; a volume has one grey value in each voxel.")
    ]


def _is_undecodable(candidate: Candidate) -> list[Fault]:
    missing = decoder_missing(candidate.header.transfer_syntax)
    return [] if missing is None else [Fault("undecodable_transfer_syntax", missing)]


def _has_odd_pixels(candidate: Candidate) -> list[Fault]:
    header = candidate.header
    depth = len(candidate.slices) if not candidate.is_picture else 1
    sides = (header.rows, header.columns, depth if candidate.is_picture else max(header.frames, depth))
    size = " x ".join(f"{side:,}" for side in sides)
    if min(sides) < 1 or header.bits_allocated not in BITS or header.bits_fault:
        bits = f"{header.bits_stored} of {header.bits_allocated} bits"
        sentence = header.bits_fault or f"The header says {size} pixels of {bits}, which cannot be."
        return [Fault("bad_header", sentence)]
    if header.rows * header.columns > MAX_PIXELS or math.prod(sides) > MAX_VOXELS or header.frames > MOST_FRAMES:
        return [Fault("too_large", f"The header says {size} pixels; at most {MAX_VOXELS:,} are read.")]
    shorter = [one for one in candidate.slices if _lacks_pixels(one.header)]
    if shorter:
        return [
            Fault(
                "truncated",
                f"{len(shorter)} of {len(candidate.slices)} images hold fewer pixels than their headers say.",
            )
        ]
    return []


def _lacks_pixels(header: ImageHeader) -> bool:
    """Whether an uncompressed image is shorter than it says; half of YBR 4:2:2's colours are left out."""
    samples = 2 if "422" in header.photometric else header.samples
    wanted = header.rows * header.columns * samples * header.frames * header.bits_allocated // 8
    return header.pixel_bytes is not None and header.pixel_bytes < wanted


def _rescales_oddly(candidate: Candidate) -> list[Fault]:
    """Slopes may differ from slice to slice (PET, exports of other software): each is applied. Units may not."""
    planes = [one.plane for one in candidate.slices]
    pairs = {plane.rescale for plane in planes}
    bits = candidate.header.bits_stored
    for slope, intercept in filter(None, pairs):
        if slope == 0 or not abs(slope) * 2.0**bits + abs(intercept) <= LARGEST_VALUE:
            rescale = f"slope {short_number(slope)}, intercept {short_number(intercept)}"
            return [Fault("bad_rescale", f"The rescale of the header is {rescale}.")]
    units = {plane.rescale_type for plane in planes}
    tables = any(one.header.has_modality_table for one in candidate.slices)
    if (None in pairs and len(pairs) > 1) or len(units) > 1 or (tables and not candidate.is_picture):
        return [
            Fault(
                "inconsistent_rescale", "Not every slice has its values in the same unit (RescaleType, rescale, table)."
            )
        ]
    return []


def _shows_text(candidate: Candidate) -> list[Fault]:
    if candidate.header.burned_in.upper() != "YES":
        return []
    return [
        Fault("burned_in_text", "The header says that text is written into the pixels, which may name the patient.")
    ]


def _text_notes(candidate: Candidate) -> tuple[str, ...]:
    if candidate.header.modality not in SHOW_TEXT or candidate.header.burned_in.upper() == "NO":
        return ()
    return ("text may be written into the pixels: not shown in the intake's page",)


def _without_geometry(candidate: Candidate) -> list[Fault]:
    plane, header = candidate.slices[0].plane, candidate.header
    if None not in (plane.position, plane.orientation, plane.pixel_mm) and len(header.planes) == header.frames:
        return []
    if header.frames > 1:
        return [
            Fault(
                "multi_frame_without_geometry",
                f"It has {header.frames} frames and does not say where they lie. Frames are taken as pictures with "
                "medtl intake --frame.",
            )
        ]
    values = (("position", plane.position), ("orientation", plane.orientation), ("pixel spacing", plane.pixel_mm))
    lacking = " and ".join(name for name, value in values if value is None)
    return [
        Fault(
            "no_geometry",
            f"The header does not say where in the patient the image lies (no {lacking}), which a slice of a volume "
            f"needs ({header.modality or 'no modality given'}). Export the series again with all its "
            "tags; to study each image as a picture, name the files in a manifest.",
        )
    ]


def _impossible_geometry(candidate: Candidate) -> list[Fault]:
    planes = [one.plane for one in candidate.slices]
    positions = np.array([plane.position for plane in planes], dtype=np.float64)
    sizes = np.array(planes[0].pixel_mm, dtype=np.float64)
    possible = (
        bool((np.abs(positions) <= FARTHEST_MM).all())
        and all(usable_orientation(np.array(plane.orientation)) for plane in planes)
        and bool(((sizes >= FINEST_SPACING_MM) & (sizes <= WIDEST_SPACING_MM)).all())
    )
    if possible:
        return []
    return [
        Fault(
            "bad_geometry",
            "The header's position, orientation or pixel spacing is impossible (not a number, not at right angles, or "
            f"pixels outside {FINEST_SPACING_MM:g} to {WIDEST_SPACING_MM:g} mm).",
        )
    ]


KIND_RULES: tuple[Callable[[Candidate], list[Fault]], ...] = (
    _is_captured,
    _is_raw,
    _is_clip,
    _is_mosaic,
    _is_coloured,
    _has_odd_pixels,
    _is_undecodable,
    _rescales_oddly,
    _shows_text,
)
"""What an image is comes before how it lies, and the weightiest of it first."""
