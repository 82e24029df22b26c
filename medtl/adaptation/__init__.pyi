from . import freezing as freezing
from . import probe as probe
from .classifier import Classifier as Classifier
from .classifier import classifier_from_probe as classifier_from_probe
from .classifier import classifier_with_new_head as classifier_with_new_head
from .parameter_groups import parameter_groups as parameter_groups
from .policy import AdaptationSettings as AdaptationSettings

__all__ = [
    "AdaptationSettings",
    "Classifier",
    "classifier_from_probe",
    "classifier_with_new_head",
    "freezing",
    "parameter_groups",
    "probe",
]
