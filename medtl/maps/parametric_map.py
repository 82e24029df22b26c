"""A saliency map as a DICOM parametric map: real numbers, a frame on each slice of the source (PS3.3, A.75)."""

from __future__ import annotations

import highdicom
import numpy as np
import pydicom
from highdicom.pm import ParametricMap, RealWorldValueMapping
from jaxtyping import Float32
from pydicom.sr.codedict import codes

from medtl.imaging.for_intake import ImageHeader
from medtl.maps.identity import MANUFACTURER, Words, file_under, nameless, software_version
from medtl.maps.left_out import LeftOut
from medtl.maps.source_series import SourceSeries

MEANING = "saliency, no units, 0-1 relative, not validated as localisation"
"""At most 64 characters; goes into the mapping of values, which a viewer shows beside a number."""

LABEL = "SALIENCY"
SERIES_NUMBER = 9001
"""Far above a scanner's own, so that maps come last in a list."""

HIGHDICOM_FAULTS = (ValueError, TypeError, AttributeError, KeyError, IndexError)


def parametric_map(
    series: SourceSeries,
    planes: Float32[np.ndarray, "slice row column"],
    *,
    identity: pydicom.Dataset,
    words: Words,
) -> pydicom.Dataset:
    """The map as an object of its own series in the source's study; frame by frame it refers to the image below it.

    Raises:
        LeftOut: the source lacks what a parametric map must have.
    """
    if not all((series.header.frame_of_reference_uid, series.header.study_uid, series.header.series_uid)):
        raise LeftOut(
            "The source has no frame of reference, study or series identifier, so a parametric map cannot say where it "
            "lies."
        )
    positions = [highdicom.PlanePositionSequence("PATIENT", one.plane.position or ()) for one in series.slices]
    try:
        made = ParametricMap(
            source_images=_stand_ins(series, thickness_mm=_thickness(identity, series)),
            pixel_array=planes,
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER,
            software_versions=software_version(),
            device_serial_number=words.run,
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[
                RealWorldValueMapping(
                    lut_label=LABEL,
                    lut_explanation=MEANING,
                    unit=codes.UCUM.NoUnits,
                    value_range=(0.0, 1.0),
                    slope=1.0,
                    intercept=0.0,
                )
            ],
            voi_lut_transformations=[
                highdicom.VOILUTTransformation(
                    window_center=0.5, window_width=1.0, voi_lut_function=highdicom.VOILUTFunctionValues.LINEAR_EXACT
                )
            ],
            plane_positions=positions,
            content_label=LABEL,
            content_description=words.content,
            series_description=words.description,
        )
    except HIGHDICOM_FAULTS as error:
        raise LeftOut(f"highdicom cannot make a parametric map of this source ({error}).") from error
    file_under(made, identity)
    return made


def _thickness(identity: pydicom.Dataset, series: SourceSeries) -> float:
    """The source's slice thickness, else the distance of its slices."""
    try:
        thickness_mm = float(identity.get("SliceThickness") or 0)
    except (TypeError, ValueError):
        thickness_mm = 0.0
    return thickness_mm if np.isfinite(thickness_mm) and thickness_mm > 0 else series.spacing_mm


def _stand_ins(series: SourceSeries, *, thickness_mm: float) -> list[pydicom.Dataset]:
    """The source images as highdicom wants to see them, all with the first one's orientation to the last digit."""
    if series.header.frames > 1:
        return [_of_frames(series, thickness_mm=thickness_mm)]
    images = []
    for one in series.slices:
        image = _with_frame_of_reference(one.header)
        image.ImagePositionPatient = list(one.plane.position or ())
        image.ImageOrientationPatient = _orientation(series)
        image.update(_measures(series, thickness_mm=thickness_mm))
        images.append(image)
    return images


def _of_frames(series: SourceSeries, *, thickness_mm: float) -> pydicom.Dataset:
    """One object of several frames, in the order of its own frames."""
    image, shared, orientation, each = _with_frame_of_reference(series.header), pydicom.Dataset(), pydicom.Dataset(), []
    orientation.ImageOrientationPatient = _orientation(series)
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [_measures(series, thickness_mm=thickness_mm)]
    for one in sorted(series.slices, key=lambda one: one.frame):
        groups, position = pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = list(one.plane.position or ())
        groups.PlanePositionSequence = [position]
        each.append(groups)
    image.NumberOfFrames = len(each)
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = [shared], each
    return image


def _with_frame_of_reference(header: ImageHeader) -> pydicom.Dataset:
    image = nameless(header)
    image.FrameOfReferenceUID = header.frame_of_reference_uid
    return image


def _orientation(series: SourceSeries) -> list[float]:
    return list(series.slices[0].plane.orientation or ())


def _measures(series: SourceSeries, *, thickness_mm: float) -> pydicom.Dataset:
    """Pixel spacing, slice thickness and distance of slices."""
    measures = pydicom.Dataset()
    measures.PixelSpacing = list(series.slices[0].plane.pixel_mm or ())
    measures.SliceThickness, measures.SpacingBetweenSlices = f"{thickness_mm:.10g}", f"{series.spacing_mm:.10g}"
    return measures
