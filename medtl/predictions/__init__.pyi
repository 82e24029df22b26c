from . import selection as selection
from .patients import patients_with_several_labels as patients_with_several_labels
from .patients import per_patient as per_patient
from .table import PredictionTable as PredictionTable
from .table import concatenate as concatenate

__all__ = ["PredictionTable", "concatenate", "patients_with_several_labels", "per_patient", "selection"]
