"""What is judged together: the units (images or patients) of one model, each once.

In: a table of predictions of one model and role. Out: arrays in a fixed order, checked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.evaluation.estimate import Undefined
from medtl.outcomes import Outcome, outcome_of
from medtl.predictions import PredictionTable

NAMED_AT_MOST = 8
"""Units named in one message; the rest are counted."""


@dataclass(frozen=True, eq=False)
class Units:
    """Units with the patient each belongs to, the index of the true class and the probabilities.

    Raises:
        IntegrityFailure: the parts differ in length, a probability is not finite (the units are named), or a truth is
            no class index.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    truth: Int[np.ndarray, " unit"]
    probabilities: Float[np.ndarray, "unit class"]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = (len(self.ids), len(self.classes))
        if self.probabilities.shape != expected or {len(self.patients), len(self.truth)} - {len(self.ids)}:
            raise IntegrityFailure(
                f"Expected {len(self.ids)} patients, truths and rows of {len(self.classes)} probabilities, got "
                f"{len(self.patients)}, {len(self.truth)} and shape {self.probabilities.shape}: give one per unit.",
            )
        finite = np.isfinite(self.probabilities).all(axis=1)
        if not finite.all():
            named = [name for name, is_finite in zip(self.ids, finite, strict=True) if not is_finite]
            more = f" and {len(named) - NAMED_AT_MOST} more" if len(named) > NAMED_AT_MOST else ""
            raise IntegrityFailure(
                f"Expected finite scores, got NaN or infinity for case {', '.join(named[:NAMED_AT_MOST])}{more}. "
                "A metric over them would look fine and mean nothing; predict these cases again.",
                cases=named,
            )
        if self.truth.size and not (self.truth.min() >= 0 and self.truth.max() < len(self.classes)):
            raise IntegrityFailure(
                f"Expected truths from 0 to {len(self.classes) - 1}, got {self.truth.min()} to {self.truth.max()}: "
                f"a truth is the index of its class in {', '.join(self.classes)}.",
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def outcome(self) -> Outcome:
        """What is predicted: everything that depends on the kind of the classes is answered by it."""
        return outcome_of(self.classes)

    @property
    def patient_count(self) -> int:
        """Different patients among the units."""
        return len(set(self.patients))

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Units per class, in class order."""
        return tuple(int(count) for count in np.bincount(self.truth, minlength=len(self.classes)))

    @property
    def absent_classes(self) -> tuple[str, ...]:
        """The classes that no unit has."""
        return tuple(name for name, count in zip(self.classes, self.class_counts, strict=True) if count == 0)

    @property
    def without_a_class(self) -> Undefined | None:
        """Why nothing can be ranked: a class has no unit. None where each has one."""
        absent = self.absent_classes
        return Undefined(f"no {' and no '.join(absent)} among the {len(self)} judged") if absent else None

    def against_the_rest(self, index: int) -> tuple[Bool[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
        """Whether each unit is of this class, and the class's probability."""
        return self.truth == index, self.probabilities[:, index]

    def among(self, keep: Bool[np.ndarray, " unit"]) -> Units:
        """The units marked."""
        return Units(
            ids=tuple(name for name, kept in zip(self.ids, keep, strict=True) if kept),
            patients=tuple(name for name, kept in zip(self.patients, keep, strict=True) if kept),
            truth=self.truth[keep],
            probabilities=self.probabilities[keep],
            classes=self.classes,
        )


def units_of(table: PredictionTable) -> Units:
    """The table's cases, each once, sorted by id; probabilities are averaged where repeats judged a case several times.

    Raises:
        ConfigurationError: the table holds several models or roles, whose scores do not belong in one number.
    """
    roles = tuple(dict.fromkeys(table.rows["role"]))
    if len(table.models) > 1 or len(roles) > 1:
        raise ConfigurationError(
            f"Expected the predictions of one model in one role, got models {', '.join(table.models)} and roles "
            f"{', '.join(roles)}: choose with table.of(model=..., role='test').",
        )
    rows = table.rows.sort_values(["case_id", "fold"], kind="stable")
    names, first, index = np.unique(rows["case_id"].to_numpy(dtype=str), return_index=True, return_inverse=True)
    probabilities = rows[list(table.outcome.columns)].to_numpy(dtype="float64")
    if len(names) < len(rows):
        total = np.zeros((len(names), len(table.classes)))
        np.add.at(total, index, probabilities)
        probabilities = total / np.bincount(index)[:, None]
    once = rows.iloc[first]
    return Units(
        ids=tuple(once["case_id"]),
        patients=tuple(once["patient_id"]),
        truth=table.outcome.targets(once["truth"]),
        probabilities=probabilities,
        classes=table.classes,
    )
