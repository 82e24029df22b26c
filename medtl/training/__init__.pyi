from . import candidates as candidates
from . import pretraining as pretraining
from . import restored as restored
from .batches import Scans as Scans
from .device import choose_device as choose_device
from .feature_table import feature_table as feature_table
from .recipe import Recipe as Recipe
from .selection_settings import SelectionSettings as SelectionSettings

__all__ = [
    "Recipe",
    "Scans",
    "SelectionSettings",
    "candidates",
    "choose_device",
    "feature_table",
    "pretraining",
    "restored",
]
