"""The part of another process than the first in the fits of a study: its share of every batch, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.training.fold import case_ids_by_role, fit_policy, probe_of_fold
from medtl.training.meeting import FitName
from medtl.training.study_data import FoldData
from medtl.training.variant import Variant


def take_part(fold: FoldData, variants: Sequence[Variant], fit: FitName) -> None:
    """Do this process's share of a fit that the first of several processes makes, keeps and judges."""
    variant = next(one for one in variants if one.suffix == fit.suffix)
    cases = {case.case_id: case for case in fold.study.cohort.cases}
    ids = case_ids_by_role(fold, cases)
    labels = fold.study.cohort.outcome.targets(cases[name].label for name in ids["training"])
    start = probe_of_fold(fold, variant, labels, case_ids=ids["training"])
    fit_policy(fit.policy, fold, variant, ids=ids, start=start, cases=cases)
