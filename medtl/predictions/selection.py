"""The candidate model with the least log loss on a fold's validation patients.

In: a fold's predictions of every model. Out: the choice, and the predictions with the chosen candidate's rows once more
under the name `selected`. Nothing here looks at a test row.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.errors import IntegrityFailure
from medtl.files import write_json
from medtl.outcomes.log_loss import log_losses
from medtl.policies import policy_of
from medtl.predictions.patients import per_patient
from medtl.predictions.table import PredictionTable, concatenate

SELECTED = "selected"


class CandidateModel(BaseModel):
    """A candidate model and its mean log loss per validation patient, in nats."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    log_loss: float


class Selection(BaseModel):
    """The model chosen on the validation patients of a fold, and its candidates."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    chosen: str
    candidates: tuple[CandidateModel, ...]
    patients: int


def choose(predictions: PredictionTable) -> Selection:
    """Choose the candidate with the least log loss per validation patient; of equals, the study's first."""
    patients = per_patient(predictions.of(role="validation"))
    candidates = tuple(
        CandidateModel(model=model, log_loss=_log_loss(patients.of(model=model)))
        for model in predictions.models
        if not is_control(model)
    )
    best = min(candidates, key=lambda candidate: candidate.log_loss)
    count = patients.of(model=best.model).rows["patient_id"].nunique()
    return Selection(chosen=best.model, candidates=candidates, patients=int(count))


def is_control(model: str) -> bool:
    """Whether a model stands beside the candidates and cannot be selected."""
    policy = policy_of(model)
    return policy is not None and policy.is_control


def with_selected(predictions: PredictionTable, chosen: str) -> PredictionTable:
    """The predictions, led by those of the chosen candidate once more under the name `selected`."""
    rows = predictions.of(model=chosen).rows.assign(model=SELECTED)
    return concatenate([PredictionTable(rows), predictions])


def write_selection(choice: Selection, path: Path) -> None:
    """Write selection.json."""
    write_json(path, choice.model_dump(mode="json"))


def read_selection(path: Path) -> Selection:
    """The choice that the run wrote.

    Raises:
        IntegrityFailure: the file was changed.
    """
    try:
        return Selection.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} does not say what was selected: it was changed after the run wrote it. "
            "Restore it, or delete the fold's folder and run again with --resume."
        ) from error


def _log_loss(table: PredictionTable) -> float:
    return float(log_losses(table.probabilities, table.outcome.targets(table.rows["truth"])).mean())
