from .fold_maps import explain_fold as explain_fold
from .patient_space import on_scan_grid as on_scan_grid
from .saliency import hirescam as hirescam
from .settings import ExplanationSettings as ExplanationSettings
from .settings import SaliencySettings as SaliencySettings

__all__ = ["ExplanationSettings", "SaliencySettings", "explain_fold", "hirescam", "on_scan_grid"]
