"""The role of each case in each fold, as a table and as lists of cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

    from medtl.cohort import Case

TRAINING, VALIDATION, TEST = ROLES = ("training", "validation", "test")
COLUMNS = ("case_id", "patient_id", "label", "repeat", "fold", "role")


@dataclass(frozen=True)
class Split:
    """The case ids of one fold on each side, in cohort order."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FoldTable:
    """One row per fold and case: case_id, patient_id, label, repeat, fold, role; by fold, then in cohort order.

    Folds are numbered through over the repeats: repeat 1 of five folds begins with fold 5.
    """

    rows: pd.DataFrame

    @property
    def folds(self) -> tuple[int, ...]:
        """The fold numbers, rising."""
        return tuple(sorted({int(fold) for fold in self.rows["fold"]}))

    def split(self, fold: int) -> Split:
        """The cases of one fold.

        Raises:
            ConfigurationError: there is no such fold.
        """
        own = self.rows[self.rows["fold"] == fold]
        if own.empty:
            raise ConfigurationError(f"There is no fold {fold}; the folds are {', '.join(map(str, self.folds))}.")
        training, validation, test = (tuple(map(str, own.loc[own["role"] == role, "case_id"])) for role in ROLES)
        return Split(training=training, validation=validation, test=test)


def table_of(roles: Iterable[tuple[int, int, Case, str]]) -> FoldTable:
    """The table of (repeat, fold, case, role)."""
    import pandas as pd

    rows = [(case.case_id, case.patient_id, case.label, repeat, fold, role) for repeat, fold, case, role in roles]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return FoldTable(table.astype({"repeat": "int64", "fold": "int64"}))
