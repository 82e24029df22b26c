from . import flow as flow
from . import pseudonyms as pseudonyms
from .case import Case as Case
from .case import Cohort as Cohort
from .case import Exclusion as Exclusion
from .manifest import read_manifest as read_manifest
from .settings import ManifestSettings as ManifestSettings

__all__ = ["Case", "Cohort", "Exclusion", "ManifestSettings", "flow", "pseudonyms", "read_manifest"]
