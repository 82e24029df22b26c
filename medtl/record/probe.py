"""probe.json of a fold: the regularisation that the probe's inner folds chose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from medtl.files import write_json
from medtl.record import run_folder as names
from medtl.record.typed_files import Count, Frozen, read_typed

Positive = Annotated[float, Field(gt=0)]


READ_FROM: Mapping[str, str] = {
    "last": "the mean of each map of the last stage",
    "last_two": "the mean and standard deviation of each map of the last two stages",
    "all": "the mean and standard deviation of each map of every stage",
}
"""What the features of each readout are."""


class ProbeChoice(Frozen):
    """The regularisation that the inner folds chose: `penalty_inverse` is scikit-learn's C.

    `readout` says which stages the probe reads, and `readout_log_losses` what the best C of each readout reached; they
    are empty where there was no choice. `tried` are the values of C in the order of `inner_log_losses`; both are empty
    where nothing was chosen among.
    """

    model_config = ConfigDict(validate_by_name=True)

    penalty_inverse: Positive = Field(alias="C")
    tried: tuple[Positive, ...] = Field(alias="C_grid")
    inner_log_losses: tuple[float, ...] = Field(alias="inner_log_loss")
    inner_folds: Count
    converged: bool
    readout: Literal["last", "last_two", "all"] = "last"
    readout_log_losses: Mapping[str, float] = {}

    @property
    def was_offered_readouts(self) -> bool:
        """Whether the inner folds chose among several readouts."""
        return len(self.readout_log_losses) > 1

    @property
    def at_the_edge(self) -> bool:
        """Whether the choice is the smallest or largest value tried, so that the grid may have been too short."""
        return len(self.tried) > 1 and self.penalty_inverse in (min(self.tried), max(self.tried))


def write_probe(choice: ProbeChoice, folder: Path) -> None:
    """Write probe.json into the folder of a fold, or of one of its variants."""
    write_json(folder / names.PROBE, choice.model_dump(mode="json", by_alias=True))


def read_probe(folder: Path) -> ProbeChoice | None:
    """The probe.json of a fold; None where no probe was fitted.

    Raises:
        IntegrityFailure: it is not what medtl wrote.
    """
    path = folder / names.PROBE
    return read_typed(path, ProbeChoice, what="what the probe chose") if path.is_file() else None
