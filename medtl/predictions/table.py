"""The table of predictions: a row per case, fold, role and model, with the truth and a probability for each class.

In: rows from the learning wing or from a CSV of any other tool. Out: a frozen table that is valid once it exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import write_csv
from medtl.outcomes import PROBABILITY, Outcome, outcome_of
from medtl.predictions.columns import classes_among, covariates_among, in_house_types, read_untyped
from medtl.predictions.faults import faults_of

if TYPE_CHECKING:
    from medtl.cohort import Case

Role = Literal["validation", "test"]


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions in the contract's columns; read `rows`, never change them.

    `rows` has case_id, patient_id, fold, role (validation or test), model, truth, p_<class> for each class in the
    study's order (with two classes the last is positive), then covariates. Probabilities are float64, covariates
    float64 (NaN when empty) or text (None when empty). A table may be empty.

    Raises:
        IntegrityFailure: one message with every fault: a probability that is not finite, outside [0, 1] or a row that
            does not sum to 1; a truth that is no class; a (case, fold, role, model) given twice; a case with two
            truths or two patients; a patient in validation and test of one fold; an empty or unprintable name.
    """

    rows: pd.DataFrame

    def __post_init__(self) -> None:
        rows = in_house_types(self.rows)
        faults = faults_of(rows, classes_among(rows.columns))
        if faults:
            raise IntegrityFailure(
                f"The predictions cannot be judged, {len(faults)} fault{'s' if len(faults) > 1 else ''}:\n"
                + "\n".join(f"  - {fault}" for fault in faults)
                + "\nNothing was dropped or repaired; correct the table where it was made.",
                faults=faults,
            )
        object.__setattr__(self, "rows", rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the study's order."""
        return classes_among(self.rows.columns)

    @property
    def positive_class(self) -> str | None:
        """The class whose probability is the score, or None with more than two classes."""
        return self.outcome.positive_class

    @property
    def outcome(self) -> Outcome:
        """The outcome that is predicted; it answers everything that depends on the kind of the classes."""
        return outcome_of(self.classes)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The names of the covariates, in table order."""
        return covariates_among(self.rows.columns)

    @property
    def models(self) -> tuple[str, ...]:
        """The models in order of appearance, which is the study's order."""
        return tuple(dict.fromkeys(self.rows["model"]))

    @property
    def folds(self) -> tuple[int, ...]:
        """The fold numbers, ascending."""
        return tuple(sorted({int(fold) for fold in self.rows["fold"]}))

    @property
    def probabilities(self) -> Float[np.ndarray, "row class"]:
        """The probabilities, a copy, classes in the study's order."""
        return self.rows[list(self.outcome.columns)].to_numpy(dtype="float64", copy=True)

    def of(self, *, model: str | None = None, role: Role | None = None, fold: int | None = None) -> PredictionTable:
        """The rows of one model, role or fold; empty when the table knows each but has no row with all of them.

        Raises:
            ConfigurationError: the table has no such model, or no such fold, or the role does not exist.
        """
        keep = np.ones(len(self.rows), dtype=bool)
        if model is not None:
            _must_be_known(model, self.models, what="model")
            keep &= (self.rows["model"] == model).to_numpy()
        if role is not None:
            _must_be_known(role, ("validation", "test"), what="role")
            keep &= (self.rows["role"] == role).to_numpy()
        if fold is not None:
            _must_be_known(fold, self.folds, what="fold")
            keep &= (self.rows["fold"] == fold).to_numpy()
        return _part(self.rows[keep].reset_index(drop=True))

    def write(self, path: Path) -> None:
        """Write the table as CSV: whole or absent, floats to the last bit, formulas disarmed."""
        write_csv(path, self.rows)

    @classmethod
    def read(cls, path: Path) -> PredictionTable:
        """Read what `write` wrote, or another tool's table in the same columns.

        Raises:
            ConfigurationError: the file is missing.
            IntegrityFailure: the file has no rows, or faults as in the constructor.
        """
        table = cls(read_untyped(path))
        if not len(table):
            raise IntegrityFailure(
                f"{path.name} in {path.parent.name} has a header but no predictions.", file=path.name
            )
        return table

    @classmethod
    def of_cases(
        cls,
        cases: Sequence[Case],
        probabilities: Float[np.ndarray, "case class"],
        *,
        classes: Sequence[str],
        covariates: Sequence[str] = (),
        fold: int,
        role: Role,
        model: str,
    ) -> PredictionTable:
        """The predictions of one model for these cases in one fold.

        Args:
            cases: the cases, in the order of the rows of `probabilities`.
            probabilities: (case, class).
            classes: in the study's order.
            covariates: names of the covariates that go into the table.
            fold: number of the fold.
            role: validation or test.
            model: name of the model.

        Raises:
            IntegrityFailure: there is not one row of probabilities per case and one column per class; else as in the
                constructor.
        """
        values = np.asarray(probabilities, dtype="float64")
        if values.shape != (len(cases), len(classes)):
            raise IntegrityFailure(
                f"Expected probabilities of shape (case, class) = {(len(cases), len(classes))}, got {values.shape}: "
                f"model {model} must say one probability per class for every case of fold {fold}.",
                expected=(len(cases), len(classes)),
                got=values.shape,
            )
        columns: dict[str, object] = {
            "case_id": [case.case_id for case in cases],
            "patient_id": [case.patient_id for case in cases],
            "fold": np.full(len(cases), fold, dtype="int64"),
            "role": [role] * len(cases),
            "model": [model] * len(cases),
            "truth": [case.label for case in cases],
        }
        columns |= {PROBABILITY + name: values[:, index] for index, name in enumerate(classes)}
        columns |= {name: [case.covariates.get(name) for case in cases] for name in covariates}
        return cls(pd.DataFrame(columns))


def concatenate(tables: Sequence[PredictionTable]) -> PredictionTable:
    """The rows of several tables, one after another.

    Raises:
        ConfigurationError: there is no table, or their classes or covariates differ.
        IntegrityFailure: together they have faults that each alone has not (a case given twice, two truths).
    """
    if not tables:
        raise ConfigurationError("There are no tables of predictions to put together: has any fold finished?")
    first = tables[0]
    for number, table in enumerate(tables[1:], start=2):
        for what, expected, got in (
            ("classes", first.classes, table.classes),
            ("covariates", first.covariates, table.covariates),
        ):
            if expected != got:
                raise ConfigurationError(
                    f"Tables of predictions belong together only with the same {what} in the same order: table 1 has "
                    f"{', '.join(expected) or 'none'}, table {number} has {', '.join(got) or 'none'}.",
                    expected=expected,
                    got=got,
                )
    filled = [table.rows.astype(object) for table in tables if len(table)] or [first.rows]
    return PredictionTable(pd.concat(filled, ignore_index=True))


def _part(rows: pd.DataFrame) -> PredictionTable:
    # A part of a valid table is valid: checking it again would cost more than judging it.
    table = object.__new__(PredictionTable)
    object.__setattr__(table, "rows", rows)
    return table


def _must_be_known(name: str | int, known: Sequence[str | int], *, what: str) -> None:
    if name not in known:
        raise ConfigurationError(
            f"The predictions have no {what} {name!r}; there is {', '.join(str(name) for name in known) or 'none'}.",
            asked=name,
            known=tuple(known),
        )
