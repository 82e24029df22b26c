from . import selection as selection
from .common_cases import on_common_cases as on_common_cases
from .foreign import ForeignTable as ForeignTable
from .foreign import read_foreign as read_foreign
from .patients import patients_with_several_labels as patients_with_several_labels
from .patients import per_patient as per_patient
from .table import PredictionTable as PredictionTable
from .table import concatenate as concatenate

__all__ = [
    "ForeignTable",
    "PredictionTable",
    "concatenate",
    "on_common_cases",
    "patients_with_several_labels",
    "per_patient",
    "read_foreign",
    "selection",
]
