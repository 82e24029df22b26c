"""Which tags of a header tell one acquisition, reconstruction or unit of a series from another.

A series may hold several stacks: the standard only asks for one modality, one equipment and one frame of reference in
it (PS3.3 C.7.3.1). Slices that differ in a tag of the first table are never slices of one volume. Those of the second
may differ slice by slice in a good series, as the last column says; they tell stacks apart only where each of few
values has a regular stack of its own.

Never within one volume (`STEADY`):

| tag                                                     | why slices that differ are of two volumes |
|---------------------------------------------------------|---|
| ConvolutionKernel, FilterType, ReconstructionAlgorithm  | CT reconstructed twice: edges and noise differ |
| KVP                                                     | two energies: HU of bone and iodine differ |
| ContrastBolusAgent, -AgentPhase, -StartTime             | native, arterial, venous: HU of vessels differ by hundreds |
| TemporalPositionIdentifier, TemporalPositionIndex       | two times (PS3.3 C.8.3.1); each slice its own: no |
| DiffusionBValue, DiffusionDirectionality                | weighting; also private, see below |
| DiffusionGradientOrientation                            | direction of the weighting; each slice its own: no |
| Units                                                   | PET in counts beside Bq/ml |
| CorrectedImage, AttenuationCorrectionMethod,            | PET with and without a correction, or reconstructed twice |
| ScatterCorrectionMethod, DecayCorrection,               | |
| ReconstructionMethod                                    | |
| SequenceName, PulseSequenceName, ScanningSequence,      | MR of two sequences |
| SequenceVariant, ScanOptions, AcquisitionContrast       | |
| ReceiveCoilName                                         | images of single coils |
| ImagedNucleus                                           | proton beside sodium |
| ProtocolName                                            | two protocols under one series |
| PatientPosition, ImageLaterality                        | prone beside supine, left beside right |

What makes slices of one kind is compared before that, and is not repeated here: study, series, patient, frame of
reference, SOP class, modality, size, bits, photometric interpretation, ImageType and FrameType (magnitude, phase,
water, fat, derived), ComplexImageComponent, EchoTime, EchoNumbers, StackID, PixelSpacing, orientation.

May vary within one volume (`VARYING`):

| tag                                             | why it may vary slice by slice in a good series |
|-------------------------------------------------|---|
| SliceThickness, SpacingBetweenSlices            | rounding; collimation that changes along the table |
| ReconstructionDiameter, DataCollectionDiameter  | rounding; a field of view that follows the body |
| RepetitionTime, InversionTime, TriggerTime      | follow the heart beat; slice timing of echo planar MR |
| NominalPercentageOfCardiacPhase                 | likewise |
| FlipAngle, EchoTrainLength, PixelBandwidth      | ramped angles; rounding |
| RescaleType                                     | values in another unit: what it does not part is refused |
| FrameReferenceTime, ActualFrameDuration         | PET by bed position |

Clocks (`CLOCKS`) run on while one volume is taken: AcquisitionNumber and AcquisitionTime change from rotation to
rotation, and InstanceNumber with every slice. `acquisition_runs` says when they mean two acquisitions.

The b-value also stands in the makers' public private elements: Siemens (0019,100C), GE (0043,1039, the first number,
modulo 10^9), Philips (2001,1003), United Imaging (0065,1009).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

STEADY = (
    "ConvolutionKernel", "FilterType", "ReconstructionAlgorithm", "KVP", "ContrastBolusAgent",
    "ContrastBolusAgentPhase", "ContrastBolusStartTime", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "DiffusionBValue", "DiffusionDirectionality", "DiffusionGradientOrientation", "Units",
    "CorrectedImage", "AttenuationCorrectionMethod", "ScatterCorrectionMethod", "DecayCorrection",
    "ReconstructionMethod", "SequenceName", "PulseSequenceName", "ScanningSequence", "SequenceVariant", "ScanOptions",
    "AcquisitionContrast", "ReceiveCoilName", "ImagedNucleus", "ProtocolName", "PatientPosition", "ImageLaterality",
)  # fmt: skip

EACH_ITS_OWN = frozenset(("TemporalPositionIdentifier", "TemporalPositionIndex", "DiffusionGradientOrientation"))
"""Where each slice has a value of its own, these count slices or follow rounding, and tell nothing apart."""

VARYING = (
    "SliceThickness", "SpacingBetweenSlices", "ReconstructionDiameter", "DataCollectionDiameter", "RepetitionTime",
    "InversionTime", "TriggerTime", "NominalPercentageOfCardiacPhase", "FlipAngle", "EchoTrainLength",
    "PixelBandwidth", "RescaleType", "FrameReferenceTime", "ActualFrameDuration",
)  # fmt: skip

PRIVATE_B_VALUES = {
    (0x0019, 0x100C): "SIEMENS MR HEADER",
    (0x0043, 0x1039): "GEMS_PARM_01",
    (0x2001, 0x1003): "Philips Imaging DD 001",
    (0x0065, 0x1009): "Image Private Header",
}
"""Element of each maker's b-value and the creator that its block must name."""

TEXT_GROUPS = (0x0019, 0x0043)
"""Siemens and GE write integer strings, the others binary numbers of 4 or 8 bytes."""

GE_B_VALUE_OFFSET = 10**9
"""GE adds multiples of it as a flag."""

DIRECTION_DIGITS = 2
SAME_NUMBER_DIGITS = 4
"""Headers round: numbers that agree in four digits are the same setting."""


def setting_text(keyword: str, value: object) -> str:
    """A value as text that is equal for equal settings: numbers rounded, words without regard to capitals and blanks.

    Empty for a missing value.
    """
    if value is None or isinstance(value, str):
        return _one(keyword, value)
    try:
        parts = list(value)  # type: ignore[call-overload]
    except TypeError:
        return _one(keyword, value)
    return "\\".join(_one(keyword, part) for part in parts)


def _one(keyword: str, value: object) -> str:
    text = "" if value is None else " ".join(str(value).split())
    try:
        number = float(text)
    except ValueError:
        return text.casefold()
    if not math.isfinite(number):
        return ""
    if keyword == "DiffusionGradientOrientation":
        return f"{round(number, DIRECTION_DIGITS) + 0.0:.{DIRECTION_DIGITS}f}"
    return f"{number:.{SAME_NUMBER_DIGITS}g}"


def private_b_value(elements: Mapping[tuple[int, int], object], creators: Mapping[tuple[int, int], str]) -> str:
    """The b-value of a maker's own element, as `setting_text` writes it; empty when there is none.

    `creators` names the creator of the block of each element.
    """
    for tag, creator in PRIVATE_B_VALUES.items():
        if tag in elements and creators.get(tag, "").strip() == creator:
            number = _first_number(elements[tag], is_text=tag[0] in TEXT_GROUPS)
            if number is not None and math.isfinite(number) and number >= 0:
                return setting_text("DiffusionBValue", number % GE_B_VALUE_OFFSET if tag[0] == 0x0043 else number)
    return ""


def _first_number(value: object, *, is_text: bool) -> float | None:
    """A number, the first of several, or one in bytes whose type the file does not say."""
    if isinstance(value, bytes):
        if not is_text:
            return float(struct.unpack("<f" if len(value) == 4 else "<d", value)[0]) if len(value) in (4, 8) else None
        value = value.decode("ascii", errors="replace").split("\\")[0].strip(" \0")
    elif not isinstance(value, str | int | float) and value is not None:
        values = list(value)  # type: ignore[call-overload]
        value = values[0] if values else None
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None
