"""What the controls found, as values that a run writes and a page reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from medtl.evaluation import Estimate
from medtl.record import run_folder as names
from medtl.record.typed_files import Frozen, Text, read_typed, write_typed

AWAY = 0.02
ERRORS_AWAY = 3.0
"""A null above 0.5 by more than both, in AUROC and in its standard errors, is no accident of the draws."""

SUSPICIOUS = 0.6
"""Point estimate from which a lower bound above 0.5 is worth a warning; below it no conclusion changes."""

LEVEL = 0.025
"""Of the one-sided test: that of the lower end of a 95 % interval."""

Name = Literal["thumbnail", "border_only", "centre_masked", "image_level_split"]


class PermutedLabels(Frozen):
    """The AUROC when labels are permuted: `mean` and `sd` of the draws, `observed` with the true labels.

    `p_value` is (1 + draws that reach the observed) / (1 + draws) (Phipson and Smyth 2010); `unit` is what is ranked: a
    patient counts once per label. AUROCs count pairs of the same fold, so `observed` need not be the pooled number.
    """

    draws: Annotated[int, Field(ge=1)]
    observed: float
    mean: float
    sd: float
    highest: float
    p_value: float
    unit: Literal["patient", "image"]
    n: Annotated[int, Field(ge=1)]

    @property
    def error_of_mean(self) -> float:
        """Standard error of the mean of the draws."""
        return self.sd / float(self.draws) ** 0.5

    @property
    def is_lifted(self) -> bool:
        """Whether the null lies above 0.5, so that something leaks; below 0.5 cross-validation itself pulls it."""
        return self.mean - 0.5 > max(AWAY, ERRORS_AWAY * self.error_of_mean)


class Control(Frozen):
    """One control by name with its out-of-fold AUROC; it has to lie near 0.5, but for `image_level_split`."""

    name: Name
    auroc: Estimate


class Controls(Frozen):
    """All controls of a study; `permuted_labels` is None where it was not asked for or could not be drawn (`why`)."""

    permuted_labels: PermutedLabels | None = None
    why: str = ""
    controls: tuple[Control, ...] = ()


class BlindAuroc(Frozen):
    """An out-of-fold AUROC by patient (the mean over classes with more than two), and the properties behind it.

    `p_value` is one-sided, from labels permuted between patients with the model fitted again; it stands in for the
    interval where a class has too few patients for one, and is None elsewhere.
    """

    properties: tuple[Text, ...]
    auroc: Estimate
    p_value: float | None = None

    @property
    def is_suspicious(self) -> bool:
        """Whether the label can be predicted without the disease."""
        value, low = self.auroc.value, self.auroc.low
        if value is None or value < SUSPICIOUS:
            return False
        return low > 0.5 if low is not None else self.p_value is not None and self.p_value <= LEVEL


def write_controls(controls: Controls, run: Path) -> None:
    """Write controls.json into a run folder."""
    write_typed(run / names.CONTROLS, controls)


def read_controls(run: Path) -> Controls | None:
    """The controls.json of a run folder; None where it has none.

    Raises:
        IntegrityFailure: it is not what medtl wrote.
    """
    path = run / names.CONTROLS
    return read_typed(path, Controls, what="what the controls found") if path.is_file() else None
