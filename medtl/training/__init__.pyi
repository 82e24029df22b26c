from . import fold_inference as fold_inference
from . import pretraining as pretraining
from . import variants as variants
from .batches import Scans as Scans
from .device import choose_device as choose_device
from .feature_table import feature_table as feature_table
from .recipe import Recipe as Recipe
from .selection_settings import SelectionSettings as SelectionSettings

__all__ = [
    "Recipe",
    "Scans",
    "SelectionSettings",
    "choose_device",
    "feature_table",
    "fold_inference",
    "pretraining",
    "variants",
]
