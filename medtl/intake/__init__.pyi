from .links import CaseSource as CaseSource
from .links import source_of as source_of
from .links import sources_of as sources_of
from .run import run_intake as run_intake
from .settings import IntakeSettings as IntakeSettings
from .settings import intake_settings as intake_settings

__all__ = ["CaseSource", "IntakeSettings", "intake_settings", "run_intake", "source_of", "sources_of"]
