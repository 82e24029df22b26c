"""A file's or folder's name in parts, and what the words in it usually mean: a mask, an image, a sequence, a side.

A word is evidence, never a verdict: what a file is, its pixels and its partner decide (`masks`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

SEPARATORS = re.compile(r"[\s_.()\[\]-]+")
HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
MASK = re.compile(
    r"(?!un).*masks?\d*|mask.*|seg(?:s|m|ms|mentation|mentations)?\d*|.+segmentations?|labels?\d*|labels?(?:map|maps|tr|ts|va"
    r"l)|labelling|lbl|gts?\d*|gr(?:ou|oo)?nd_?truths?|truths?|manual\d*|annot(?:ation|ations|ated)?\d*|contours?\d*|"
    r"delineations?|rois?\d*|\d(?:st|nd|rd|th)ho|dseg|aseg|probseg|segmentierung(?:en)?|maske|masque|mascara|"
    r"mascaras|maschera",
    re.IGNORECASE,
)
"""Words for what is drawn on an image: Decathlon, nnU-Net, BraTS, ISIC, BUSI, CHASE, DRIVE, BIDS, ITK-SNAP, Slicer."""

IMAGE = re.compile(
    r"images?|image(?:s)?(?:tr|ts|val)|imgs?|im|imaging|orig(?:inals?)?|inputs?|scans?|volumes?|vol|raw|pictures?|"
    r"photos?|bilder|source",
    re.IGNORECASE,
)
"""Words for what is drawn on."""

SEQUENCE = re.compile(
    r"t1|t1w|t1c|t1ce|t1gd|t1n|t1post|t1pre|t1km|mprage|t2|t2w|t2f|t2star|flair|dwi|adc|b\d{2,4}|hbv|dce\d*|swi|swan|pdw?|"
    r"pdfs|stir|cbf|cbv|mtt|tmax|ttp|bold|asl|dti|fa|ct|cta|ctp|ncct|cect|ctres|pet|suv|spect|mr|mri|us|"
    r"frontal|lateral|ap|pa|cc|mlo|sagittal|coronal|axial|transversal|oct|fundus|pre|post|arterial|venous|delayed|native",
    re.IGNORECASE,
)
"""Names of MR sequences, modalities, views and phases: several images of one patient that differ in what they show."""

RUNNING = re.compile(
    r"(?:ses|session|visit|scan|frame|slice|sl|time|timepoint|tp|study|exam|series|image|img|im|view|run|acq|echo|part|"
    r"crop|patch|tile|aug|rot|copy|rep|v|s|z|t|pic|photo|no|nr)\d+",
    re.IGNORECASE,
)
"""Parts that number the images of something, not the patients: `frame01`, `slice12`, `visit2`."""

GLUED = re.compile(r"([a-z]+)(\d+)")
NUMBERED_LETTER = re.compile(r"(.*\d)[A-Za-z]")
"""A number with a side or a letter after it: `01L`, `17b`."""


def parts_of(name: str) -> tuple[str, ...]:
    """The parts between blanks, `_`, `-`, `.` and brackets."""
    return tuple(part for part in SEPARATORS.split(name) if part)


def is_mask_part(part: str) -> bool:
    """Whether a part, or a word in it (`leftMask`, `labelsTr`), means that something is drawn."""
    return MASK.fullmatch(part) is not None or any(MASK.fullmatch(word) for word in HUMPS.split(part))


def is_image_part(part: str) -> bool:
    """Whether a part, or a word in it, means that this is what is drawn on."""
    return IMAGE.fullmatch(part) is not None or any(IMAGE.fullmatch(word) for word in HUMPS.split(part))


def role_of_folder(name: str) -> str:
    """`mask`, `image` or nothing: what the files in a folder of this name usually are. `Ground Truth` is a mask's."""
    parts = parts_of(name)
    pairs = [one + other for one, other in pairwise(parts)]
    if any(map(is_mask_part, (*parts, *pairs))):
        return "mask"
    return "image" if any(map(is_image_part, parts)) else ""


def is_sequence(part: str) -> bool:
    """Whether a part names a sequence, a view or a phase."""
    return SEQUENCE.fullmatch(part) is not None


def lower(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts in lower case, as names are compared."""
    return tuple(part.casefold() for part in parts)


def without_words(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts that name the patient or image, in lower case, without words for mask and image (`mask001`: 001)."""
    return tuple(filter(None, (_figure_of(part, is_mask_part, is_image_part) for part in lower(parts))))


def without_image_words(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts without words for image, in lower case; of `image001` 001."""
    return tuple(filter(None, (_figure_of(part, is_image_part) for part in lower(parts))))


def _figure_of(part: str, *tests: Callable[[str], bool]) -> str:
    """The part; of a word that passes a test the number behind it, or nothing."""
    glued = GLUED.fullmatch(part)
    if glued and any(test(glued[1]) for test in tests):
        return glued[2]
    return "" if any(test(part) for test in tests) else part


def rest_of_folder(name: str) -> tuple[str, ...]:
    """The parts of a folder's name beside mask and image: train of `train_masks`, tr of `imagesTr`."""
    words = [word for part in parts_of(name) for word in HUMPS.split(part)]
    return tuple(word for word in without_words(words) if word != "ground")


def shared_start(names: Sequence[Sequence[str]]) -> int:
    """The number of parts with which all names begin alike."""
    shortest = min(map(len, names), default=0)
    return next((n for n in range(shortest) if len({name[n] for name in names}) > 1), shortest)
