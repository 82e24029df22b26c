from . import curves as curves
from .appraisal import Appraisal as Appraisal
from .estimate import Estimate as Estimate
from .evaluate_study import evaluate as evaluate
from .evaluate_study import evaluate_fold as evaluate_fold
from .patient_scores import PatientScores as PatientScores
from .patient_scores import patient_scores as patient_scores
from .prediction_findings import UNLIKE_CASES as UNLIKE_CASES
from .prediction_findings import prediction_findings as prediction_findings
from .settings import EvaluationSettings as EvaluationSettings
from .study_metrics import FoldMetrics as FoldMetrics
from .study_metrics import StudyMetrics as StudyMetrics

__all__ = [
    "UNLIKE_CASES",
    "Appraisal",
    "Estimate",
    "EvaluationSettings",
    "FoldMetrics",
    "PatientScores",
    "StudyMetrics",
    "curves",
    "evaluate",
    "evaluate_fold",
    "patient_scores",
    "prediction_findings",
]
