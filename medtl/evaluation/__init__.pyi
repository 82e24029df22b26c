from .calibration import reliability_curve as reliability_curve
from .curves import precision_recall_curve as precision_recall_curve
from .curves import roc_curve as roc_curve
from .estimate import Estimate as Estimate
from .judge import evaluate as evaluate
from .judge import evaluate_fold as evaluate_fold
from .study_metrics import FoldMetrics as FoldMetrics
from .study_metrics import StudyMetrics as StudyMetrics

__all__ = [
    "Estimate",
    "FoldMetrics",
    "StudyMetrics",
    "evaluate",
    "evaluate_fold",
    "precision_recall_curve",
    "reliability_curve",
    "roc_curve",
]
