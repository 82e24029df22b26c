from .fold_maps import explain_fold as explain_fold
from .patient_space import on_scan_grid as on_scan_grid
from .saliency import RawSaliency as RawSaliency
from .saliency import hirescam as hirescam
from .settings import ExplanationSettings as ExplanationSettings

__all__ = ["ExplanationSettings", "RawSaliency", "explain_fold", "hirescam", "on_scan_grid"]
