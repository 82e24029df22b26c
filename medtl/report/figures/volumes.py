"""What a page shows of a volume: the sheet of slices always, and for some cases the data of the interactive viewer.

In: the files of one case. Out: a frozen value. A case never takes more than 2 MB of a page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote
from zlib import adler32

import numpy as np
from markupsafe import Markup
from PIL import Image

from medtl.axes import NORMAL
from medtl.errors import IntegrityFailure
from medtl.record.saliency import VolumeFiles
from medtl.record.view import ViewFacts, along, point_words, read_view
from medtl.report.html.embedded_picture import Picture, picture
from medtl.report.html.numbers import count, joined
from medtl.report.html.page import Link

LARGEST_CASE_BYTES = 2_000_000
"""Of the text that a case with a viewer adds to a page."""

FOR_THE_VIEWER = {"affine", "checksums", "columns", "peak", "seen_box", "shape", "slice_weights", "spacing_mm"}
"""What the script reads of the facts; the rest stays out of the page."""

DIGITS = 5
"""Of millimetres: far below what a scanner knows."""


@dataclass(frozen=True)
class Viewer:
    """The data of one viewer: `facts` is JSON, the others are the mosaics as data URIs."""

    facts: str
    scan: Markup
    saliency: Markup


@dataclass(frozen=True)
class VolumeShown:
    """A volume in the gallery. `slices` and `peak` are sentences, empty when the run did not record them."""

    montage: Picture
    slices: str
    peak: str
    whole_map: Link | None
    view: ViewFacts | None
    files: VolumeFiles
    viewer: Viewer | None = None


def volume_shown(files: VolumeFiles, *, fold: int, up: str) -> VolumeShown:
    """The sheet with its words; `up` leads from the page to the fold's folder."""
    view = None if files.view_json is None else read_view(files.view_json, fold=fold)
    return VolumeShown(
        montage=picture(files.montage_png, fold=fold),
        slices="" if view is None else _slices(view),
        peak="" if view is None or view.peak_mm is None else f"The map is strongest at {point_words(view.peak_mm)}.",
        whole_map=_link(files.map_file, up=up),
        view=view,
        files=files,
    )


def with_viewer(shown: VolumeShown, *, fold: int) -> VolumeShown:
    """The same volume with the data of its viewer; unchanged when the run left no small copy.

    Raises:
        IntegrityFailure: a mosaic is not the grey picture that its facts describe, or the case is too large.
    """
    scan, saliency = shown.files.view_scan, shown.files.view_map
    if shown.view is None or scan is None or saliency is None:
        return shown
    pictures = [picture(path, fold=fold) for path in (scan, saliency)]
    checksums = (shown.view.checksums.scan, shown.view.checksums.map)
    for path, found, checksum in zip((scan, saliency), pictures, checksums, strict=True):
        is_described = found.size_px == shown.view.mosaic_px and found.is_grey
        if not is_described or adler32(np.asarray(Image.open(path)).tobytes()) != checksum:
            raise IntegrityFailure(
                f"fold_{fold}/saliency/{path.name} is not the grey picture of "
                f"{' x '.join(map(str, shown.view.mosaic_px))} pixels that its view describes. "
                "The files are from different runs; restore them, or run again with --resume.",
                file=path.name,
            )
    viewer = Viewer(_facts(shown.view), pictures[0].uri, pictures[1].uri)
    size = sum(len(text) for text in (viewer.facts, viewer.scan, viewer.saliency, shown.montage.uri))
    if size > LARGEST_CASE_BYTES:
        raise IntegrityFailure(
            f"The pictures of {shown.files.montage_png.name} and its viewer in fold_{fold}/saliency take {size:,} "
            f"bytes of a page; at most {LARGEST_CASE_BYTES:,} are embedded. They were changed after the run wrote "
            "them. Restore them, or set explanation.viewers to 0.",
            file=shown.files.montage_png.name,
        )
    return replace(shown, viewer=viewer)


def _facts(view: ViewFacts) -> str:
    """What the script needs, with each plane's first position and step along its slice axis in mm."""
    facts = view.model_dump(mode="json", include=FOR_THE_VIEWER)
    positions = {plane: [view.along_normal_mm(plane, index) for index in (0, 1)] for plane in NORMAL}
    facts["along_mm"] = {
        plane: [round(start, DIGITS), round(after - start, DIGITS)] for plane, (start, after) in positions.items()
    }
    facts["oblique"] = [plane for plane in NORMAL if view.is_oblique(plane)]
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def _slices(view: ViewFacts) -> str:
    plane, positions = view.montage.plane, view.montage.positions_mm
    sentence = joined([along(plane, mm) for mm in positions])
    axis = " along the slice axis" if view.is_oblique(plane) else ""
    return f"{count(len(positions), f'{plane} slice')} at {sentence} mm{axis}."


def _link(path: Path | None, *, up: str) -> Link | None:
    return Link(path.name, f"{up}saliency/{quote(path.name)}") if path is not None and path.is_file() else None
