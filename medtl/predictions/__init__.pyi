from . import selection as selection
from .common_cases import on_common_cases as on_common_cases
from .external import ExternalTable as ExternalTable
from .external import read_external as read_external
from .patients import patients_with_several_labels as patients_with_several_labels
from .patients import per_patient as per_patient
from .table import PredictionTable as PredictionTable
from .table import concatenate as concatenate

__all__ = [
    "ExternalTable",
    "PredictionTable",
    "concatenate",
    "on_common_cases",
    "patients_with_several_labels",
    "per_patient",
    "read_external",
    "selection",
]
