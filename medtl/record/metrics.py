"""metrics.json: what was measured on the predictions of a fold, of a study, or of a held-out cohort."""

from __future__ import annotations

from pathlib import Path

from medtl.evaluation import FoldMetrics, StudyMetrics
from medtl.files import write_json
from medtl.record import run_folder as names
from medtl.record.typed_files import read_mapping


def write_metrics(metrics: FoldMetrics | StudyMetrics, folder: Path) -> None:
    """Write metrics.json into the folder of a fold, of a run or of a held-out cohort."""
    write_json(folder / names.METRICS, metrics.to_json())


def read_fold_metrics(fold: Path) -> FoldMetrics:
    """The metrics.json of a fold.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    return FoldMetrics.from_json(read_mapping(fold / names.METRICS))


def read_study_metrics(folder: Path) -> StudyMetrics:
    """The metrics.json of a run or of a held-out cohort.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    return StudyMetrics.from_json(read_mapping(folder / names.METRICS))
