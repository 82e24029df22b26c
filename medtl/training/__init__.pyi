from . import fold_inference as fold_inference
from . import pretraining as pretraining
from . import variants as variants
from .batches import Scans as Scans
from .device import choose_device as choose_device
from .feature_table import feature_table as feature_table
from .part_of_a_fit import take_part as take_part
from .ranks import ALONE as ALONE
from .ranks import Ranks as Ranks
from .recipe import Recipe as Recipe
from .selection_settings import SelectionSettings as SelectionSettings
from .step_cost import measured_step as measured_step
from .study_data import FeatureStore as FeatureStore
from .study_data import FoldData as FoldData
from .study_data import StudyData as StudyData
from .variant import variants_of as variants_of

__all__ = [
    "ALONE",
    "FeatureStore",
    "FoldData",
    "Ranks",
    "Recipe",
    "Scans",
    "SelectionSettings",
    "StudyData",
    "choose_device",
    "feature_table",
    "fold_inference",
    "measured_step",
    "pretraining",
    "take_part",
    "variants",
    "variants_of",
]
