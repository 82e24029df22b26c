from .battery import run_controls as run_controls
from .black_margins import margin_findings as margin_findings
from .black_margins import size_finding as size_finding
from .metadata_only import blind_auroc as blind_auroc
from .metadata_only import blind_findings as blind_findings
from .settings import ControlSettings as ControlSettings

__all__ = [
    "ControlSettings",
    "blind_auroc",
    "blind_findings",
    "margin_findings",
    "run_controls",
    "size_finding",
]
