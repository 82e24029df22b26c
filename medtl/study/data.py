"""From a study's settings to the data that its folds, its controls, its curve and its held-out cases share."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from medtl import imaging, training
from medtl.cohort import Cohort
from medtl.encoders import Encoder
from medtl.study.settings import Study


def study_data(
    study: Study,
    cohort: Cohort,
    prepared: imaging.PreparedCohort,
    *,
    groups: Mapping[str, str],
    encoders: Mapping[str, Encoder],
    device: torch.device,
    ranks: training.Ranks = training.ALONE,
) -> training.StudyData:
    """The prepared scans of a cohort with the frozen features of every encoder, as the study says.

    Args:
        study: the settings.
        cohort: the cases.
        prepared: their scans.
        groups: case -> the group that stays on one side of every split; empty where nothing is split.
        encoders: by name, the study's own first.
        device: where features are computed.
        ranks: the processes that share a fit.
    """
    folder, workers = imaging.PreparedCache.shared().folder, study.recipe.loading_workers
    return training.StudyData.of(
        cohort,
        prepared,
        groups=groups,
        preparation=study.preparation,
        augmentation=study.augmentation,
        encoders=encoders,
        store=training.FeatureStore(folder, device, workers),
        seed=study.seed,
        readouts=study.adaptation.readouts,
        ranks=ranks,
    )
