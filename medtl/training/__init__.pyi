from . import pretraining as pretraining
from .batches import Scans as Scans
from .device import choose_device as choose_device
from .feature_table import feature_table as feature_table
from .fold import FoldTask as FoldTask
from .fold import train_fold as train_fold
from .fold import write_fold as write_fold
from .recipe import Recipe as Recipe

__all__ = [
    "FoldTask",
    "Recipe",
    "Scans",
    "choose_device",
    "feature_table",
    "pretraining",
    "train_fold",
    "write_fold",
]
