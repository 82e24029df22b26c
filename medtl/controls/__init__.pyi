from .battery import ControlTask as ControlTask
from .battery import run_controls as run_controls
from .black_margins import margin_notes as margin_notes
from .metadata_only import blind_auroc as blind_auroc
from .metadata_only import blind_notes as blind_notes
from .settings import ControlSettings as ControlSettings

__all__ = [
    "ControlSettings",
    "ControlTask",
    "blind_auroc",
    "blind_notes",
    "margin_notes",
    "run_controls",
]
