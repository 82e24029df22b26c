"""The tags that distinguish acquisitions, reconstructions or units within one series.

A series may hold several stacks: the standard only asks for one modality, one equipment and one frame of reference in
it (PS3.3 C.7.3.1). Slices that differ in a tag of the first table are never slices of one volume. Those of the second
may differ slice by slice in a good series, as the last column says; they separate stacks only where each of few
values has a regular stack of its own.

Never within one volume (`STEADY`):

| tag                                                     | why slices that differ are of two volumes |
|---------------------------------------------------------|---|
| ConvolutionKernel, FilterType, ReconstructionAlgorithm  | CT reconstructed twice: edges and noise differ |
| KVP                                                     | two energies: HU of bone and iodine differ |
| ContrastBolusAgent, -AgentPhase, -StartTime             | native, arterial, venous: HU of vessels differ by hundreds |
| TemporalPositionIdentifier, TemporalPositionIndex       | two times (PS3.3 C.8.3.1); each slice its own: no |
| DiffusionBValue, DiffusionDirectionality                | weighting; also in makers' own elements |
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
| MakersImageKind                                         | GE's field maps, Philips' weightings (`private_elements`) |
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

The b-value also stands in makers' own elements (`private_elements`).
"""

from __future__ import annotations

import math

STEADY = (
    "ConvolutionKernel", "FilterType", "ReconstructionAlgorithm", "KVP", "ContrastBolusAgent",
    "ContrastBolusAgentPhase", "ContrastBolusStartTime", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "DiffusionBValue", "DiffusionDirectionality", "DiffusionGradientOrientation", "Units",
    "CorrectedImage", "AttenuationCorrectionMethod", "ScatterCorrectionMethod", "DecayCorrection",
    "ReconstructionMethod", "SequenceName", "PulseSequenceName", "ScanningSequence", "SequenceVariant", "ScanOptions",
    "AcquisitionContrast", "ReceiveCoilName", "ImagedNucleus", "ProtocolName", "PatientPosition", "ImageLaterality",
    "MakersImageKind",
)  # fmt: skip

EACH_ITS_OWN = frozenset(("TemporalPositionIdentifier", "TemporalPositionIndex", "DiffusionGradientOrientation"))
"""Where each slice has a value of its own, these count slices or follow rounding, and separate no stacks."""

VARYING = (
    "SliceThickness", "SpacingBetweenSlices", "ReconstructionDiameter", "DataCollectionDiameter", "RepetitionTime",
    "InversionTime", "TriggerTime", "NominalPercentageOfCardiacPhase", "FlipAngle", "EchoTrainLength",
    "PixelBandwidth", "RescaleType", "FrameReferenceTime", "ActualFrameDuration",
)  # fmt: skip

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
