from .augmentation import augment as augment
from .facts import ScanFacts as ScanFacts
from .inspection import inspect_cohort as inspect_cohort
from .prepared.cache import PreparedCache as PreparedCache
from .prepared.cache import default_cache_folder as default_cache_folder
from .prepared.cohort import PreparedCohort as PreparedCohort
from .prepared.cohort import prepare_cohort as prepare_cohort
from .settings import AugmentationSettings as AugmentationSettings
from .settings import PreparationSettings as PreparationSettings

__all__ = [
    "AugmentationSettings",
    "PreparationSettings",
    "PreparedCache",
    "PreparedCohort",
    "ScanFacts",
    "augment",
    "default_cache_folder",
    "inspect_cohort",
    "prepare_cohort",
]
