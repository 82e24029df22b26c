from .augmentation import augment as augment
from .facts import ScanFacts as ScanFacts
from .inspection import inspect_cohort as inspect_cohort
from .prepared_cache import PreparedCache as PreparedCache
from .prepared_cohort import PreparedCohort as PreparedCohort
from .prepared_cohort import prepare_cohort as prepare_cohort
from .settings import AugmentationSettings as AugmentationSettings
from .settings import PreparationSettings as PreparationSettings

__all__ = [
    "AugmentationSettings",
    "PreparationSettings",
    "PreparedCache",
    "PreparedCohort",
    "ScanFacts",
    "augment",
    "inspect_cohort",
    "prepare_cohort",
]
