"""What a learning curve is drawn from: cases with their frozen features, classes and patients, and the folds.

In: a study's data and folds. Out: arrays by case, and for each fold of the first repeat the positions on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from medtl.encoders.readout import Readout
from medtl.errors import ConfigurationError, DataRefused
from medtl.outcomes import Outcome, outcome_of
from medtl.predictions import PredictionTable
from medtl.sources.draws import patients_of_each_class

if TYPE_CHECKING:
    from medtl.cohort import Case
    from medtl.folds import FoldTable
    from medtl.training.study_data import StudyData

Positions = Int[np.ndarray, "position"]


@dataclass(frozen=True, eq=False)
class CurveFold:
    """Positions of the cases that a fold learns from, in an order that no pseudonym changes, and of those it tests.

    Those of its validation part are neither.
    """

    number: int
    training: Positions
    test: Positions
    validation: Positions = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class CurveData:
    """Cases with features (case, feature), class indices, patients and groups, and the folds.

    The probe reads `features`, of which a readout takes the first `widths`; the other models read `last_stage`.
    """

    cases: tuple[Case, ...]
    classes: tuple[str, ...]
    features: Float[np.ndarray, "case feature"]
    last_stage: Float[np.ndarray, "case last"]
    labels: Int[np.ndarray, "case"]
    groups: tuple[str, ...]
    folds: tuple[CurveFold, ...]
    widths: Mapping[Readout, int]
    seed: int

    @classmethod
    def of(cls, data: StudyData, folds: FoldTable, *, encoder: str) -> CurveData:
        """The data of a study with the features of one encoder, in the folds of the first repeat."""
        cases = data.cohort.cases
        index = {case.case_id: position for position, case in enumerate(cases)}
        rows = folds.rows
        found = []
        for number in sorted({int(fold) for fold in rows.loc[rows["repeat"] == 0, "fold"]}):
            split = folds.split(number)
            training, test, validation = (
                np.array(sorted((index[case] for case in side), key=lambda at: cases[at].chance_key), dtype=np.int64)
                for side in (split.training, split.test, split.validation)
            )
            found.append(CurveFold(number, training, test, validation))
        names = [case.case_id for case in cases]
        return cls(
            cases=cases,
            classes=data.cohort.classes,
            features=data.features[encoder].of(names),
            last_stage=data.last_stage(encoder).of(names),
            labels=data.cohort.outcome.targets(case.label for case in cases),
            groups=tuple(data.groups[name] for name in names),
            folds=tuple(found),
            widths=data.widths(encoder),
            seed=data.seed,
        )

    @property
    def outcome(self) -> Outcome:
        """What is predicted."""
        return outcome_of(self.classes)

    def patients(self, positions: Positions) -> list[str]:
        """The patient of each of these cases."""
        return [self.cases[position].patient_id for position in positions]

    def patients_of_class(self, positions: Positions) -> tuple[int, ...]:
        """The number of patients of each class among these cases."""
        members = patients_of_each_class(
            self.patients(positions), self.labels[positions], classes=self.outcome.head_width
        )
        return tuple(map(len, members))

    @property
    def largest_size(self) -> int:
        """The patients of the rarest class in the training part that has the fewest."""
        return min(min(self.patients_of_class(fold.training)) for fold in self.folds)

    def refuse_larger(self, sizes: tuple[int, ...]) -> None:
        """Refuse sizes that a training part cannot give.

        Raises:
            ConfigurationError: a size is larger than a fold's training patients of the rarest class.
            DataRefused: a training part has no patient of a class.
        """
        counts = {fold.number: self.patients_of_class(fold.training) for fold in self.folds}
        number = min(counts, key=lambda fold: min(counts[fold]))
        fewest = min(counts[number])
        name = self.classes[counts[number].index(fewest)]
        if not fewest:
            raise DataRefused(
                f"The training part of fold {number} has no patient of {name}, so that nothing can be learnt from it. "
                "Give the study fewer folds."
            )
        large = [size for size in sizes if size > fewest]
        if large:
            raise ConfigurationError(
                f"--cases asks for {', '.join(map(str, large))} patients of each class, but the training part of fold "
                f"{number} has {fewest} of {name}, the rarest class. Give sizes up to {fewest}; `all` is the whole "
                "training part.",
                sizes=large,
                most=fewest,
            )

    def test_table(self, fold: CurveFold, probabilities: Float[np.ndarray, "test class"]) -> PredictionTable:
        """The predictions of a fold's test cases as a table."""
        return PredictionTable.of_cases(
            [self.cases[position] for position in fold.test], probabilities, classes=list(self.classes),
            fold=fold.number, role="test", model="model",
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PooledPatients:
    """Which test cases are averaged into which patient, and the class of each: as `predictions.per_patient` does it.

    A patient whose images carry several labels counts once for each.
    """

    of_case: Int[np.ndarray, "case"]
    truth: Int[np.ndarray, "patient"]
    outcome: Outcome

    @classmethod
    def of(cls, data: CurveData) -> PooledPatients:
        """The patients of the test parts of all folds, one after the other."""
        numbers: dict[tuple[int, str, int], int] = {}
        of_case = []
        for fold in data.folds:
            for patient, position in zip(data.patients(fold.test), fold.test, strict=True):
                key = (fold.number, patient, int(data.labels[position]))
                of_case.append(numbers.setdefault(key, len(numbers)))
        return cls(np.array(of_case), np.array([label for _, _, label in numbers]), data.outcome)

    def auroc(self, probabilities: Float[np.ndarray, "case class"]) -> float:
        """The AUROC by patient, ties half; the mean over the classes where there are more than two."""
        areas = []
        for index in self.outcome.judged:
            mean = np.bincount(self.of_case, weights=probabilities[:, index]) / np.bincount(self.of_case)
            positive = self.truth == index
            m, n = int(positive.sum()), int((~positive).sum())
            areas.append((rankdata(mean)[positive].sum() - m * (m + 1) / 2) / (m * n))
        return float(np.mean(areas))
