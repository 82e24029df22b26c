"""The DICOM objects of one case.

A parametric map where the map has a position in the patient, a capture where there is a picture of it.

In: a map of the run and the files of its source. Out: objects not yet written, and the values of their table row.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel
import numpy as np
import pydicom
from jaxtyping import Float
from PIL import Image

from medtl.imaging.for_intake import ImageHeader
from medtl.maps.capture import capture, picture_of
from medtl.maps.identity import Words, read_identity
from medtl.maps.left_out import LeftOut
from medtl.maps.parametric_map import parametric_map
from medtl.maps.run_maps import CaseMap
from medtl.maps.source_series import LPS_TO_RAS, SourceSeries, headers_of, series_on_grid
from medtl.maps.sources import SourceFiles

NO_PICTURE = "No montage: the run draws pictures only of the cases on its pages (saliency.csv)."
NO_POSITION = "No parametric map: the run studied it as a picture, which has no position in the patient."
OF_ZEROS = "The map is zero everywhere."
UPPER_ROW, LEFT_HALF = "Above the scan, below the map over it", "Left the scan, right the map over it"


@dataclass(frozen=True)
class Made:
    """The objects made of a case. `peak_mm` is the strongest voxel: left, posterior, superior of the scanner's origin.

    `unseen_share` is the part of the voxels that the network did not see; they are 0 in the map.
    """

    series_uid: str
    saliency: pydicom.Dataset | None
    montage: pydicom.Dataset | None
    slices: int
    peak_mm: tuple[float, float, float] | None = None
    unseen_share: float | None = None
    remarks: tuple[str, ...] = ()


def volume_objects(one: CaseMap, source: SourceFiles, *, run: str) -> Made:
    """Parametric map and montage of a volume's map, as far as they can be made.

    Raises:
        LeftOut: the source is not the map's, or neither object can be made.
    """
    image = nibabel.load(one.map_file)
    values, affine = np.asarray(image.dataobj, dtype=np.float32), np.array(image.affine, dtype=np.float64)
    series = series_on_grid(source.files, shape=values.shape, affine=affine, series_uid=source.series_uid)
    identity, unseen = read_identity(series.files[0]), _unseen_share(one)
    peak, reasons = _peak_mm(values, affine), list[str]()
    saliency = montage = None
    try:
        words = _words(one, run=run, content=_seen_words(unseen))
        saliency = parametric_map(series, series.planes_of(values, affine), identity=identity, words=words)
    except LeftOut as reason:
        reasons.append(str(reason))
    try:
        montage = _montage(one, series, identity=identity, run=run)
    except LeftOut as reason:
        reasons.append(str(reason))
    if saliency is None and montage is None:
        raise LeftOut(" ".join(reasons))
    remarks = (*_remarks(peak, unseen), *reasons)
    return Made(series.header.series_uid, saliency, montage, len(series.slices), peak, unseen, remarks)


def picture_objects(one: CaseMap, source: SourceFiles, *, run: str) -> Made:
    """The secondary capture of a picture's map: scan and overlay side by side.

    Raises:
        LeftOut: the run drew no picture of the case, or the source is not one image of the map's size.
    """
    headers = [header for _, header in headers_of(source.files)]
    if len(headers) == 1 and headers[0].is_clip:
        raise LeftOut("The source is a clip, and the map is of one of its frames: such a map is not exported.")
    if len(headers) != 1 or headers[0].frames != 1 or not _same_size(one, headers[0]):
        raise LeftOut("The source is not one image of the map's size: it was cut or scaled between archive and run.")
    if not one.pictures:
        raise LeftOut(f"{NO_POSITION} {NO_PICTURE}")
    made = capture(
        picture_of(one.pictures),
        headers,
        identity=read_identity(source.files[0]),
        words=_words(one, run=run, content=LEFT_HALF),
    )
    return Made(headers[0].series_uid, None, made, 1, remarks=(NO_POSITION,))


def _remarks(peak: tuple[float, float, float] | None, unseen: float) -> tuple[str, ...]:
    seen = f"{_percent(unseen)} of the voxels were not seen by the network; they are 0 in the map."
    return (*([seen] if unseen else []), *([OF_ZEROS] if peak is None else []))


def _montage(one: CaseMap, series: SourceSeries, *, identity: pydicom.Dataset, run: str) -> pydicom.Dataset:
    if not one.pictures:
        raise LeftOut(NO_PICTURE)
    return capture(
        picture_of(one.pictures),
        [piece.header for piece in series.slices],
        identity=identity,
        words=_words(one, run=run, content=UPPER_ROW),
        plane=one.plane,
    )


def _words(one: CaseMap, *, run: str, content: str) -> Words:
    return Words.of(run=run, description=f"Saliency, {one.model}, class {one.target_class} (research)", content=content)


def _seen_words(unseen: float | None) -> str:
    return f"0 to 1, relative; 0 where the network did not see ({_percent(unseen)})" if unseen else "0 to 1, relative"


def _percent(share: float | None) -> str:
    return "less than 1 %" if share and share < 0.01 else f"{share or 0:.0%}".replace("%", " %")


def _unseen_share(one: CaseMap) -> float:
    if one.seen_file is None:
        return 0.0
    return float(1 - np.asarray(nibabel.load(one.seen_file).dataobj, dtype=bool).mean())


def _peak_mm(values: Float[np.ndarray, "i j k"], affine: Float[np.ndarray, "4 4"]) -> tuple[float, float, float] | None:
    """The first of the strongest voxels, in DICOM's patient coordinates; None for a map of zeros."""
    if not values.any():
        return None
    index = np.unravel_index(int(values.argmax()), values.shape)
    left, posterior, superior = (LPS_TO_RAS @ affine @ np.array([*index, 1.0]))[:3]
    return round(float(left), 4), round(float(posterior), 4), round(float(superior), 4)


def _same_size(one: CaseMap, header: ImageHeader) -> bool:
    with Image.open(one.map_file) as picture:
        return picture.size == (header.columns, header.rows)
