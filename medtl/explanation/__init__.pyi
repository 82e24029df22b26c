from .fold_maps import explain_fold as explain_fold
from .patient_space import on_scan_grid as on_scan_grid
from .saliency import hirescam as hirescam
from .saliency_checks import FoldModels as FoldModels
from .saliency_checks import check_saliency as check_saliency
from .settings import ExplanationSettings as ExplanationSettings
from .settings import SaliencySettings as SaliencySettings

__all__ = [
    "ExplanationSettings",
    "FoldModels",
    "SaliencySettings",
    "check_saliency",
    "explain_fold",
    "hirescam",
    "on_scan_grid",
]
