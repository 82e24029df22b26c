"""A network fine-tuned on a few draws at a few sizes, on the draws of the curve, so that frozen models stand beside it.

In: the curve's data and the study's scans. Out: the AUROC of each draw, pooled over the folds. The networks start from
the probe of their own draw. What a draw gave is kept on disk, so that an interrupted curve goes on with the next one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from medtl.adaptation import probe
from medtl.files import fingerprint, write_atomically
from medtl.policies.lp_ft import LP_FT
from medtl.progress import say, track
from medtl.record.learning_curve import FineTuned, FineTunedPoint
from medtl.sources.cost import seconds_a_case
from medtl.sources.curve_data import CurveData, CurveFold, PooledPatients, Positions
from medtl.sources.curve_settings import CurveSettings
from medtl.sources.learning_curve import DrawnCurve, drawn_probes
from medtl.training.drawn_fit import DrawnCases, fit_on_draw, seconds_to_learn
from medtl.training.study_data import StudyData
from medtl.training.variant import Variant

SCHEMA = 1
Probabilities = Float[np.ndarray, "case class"]


@dataclass(frozen=True, eq=False)
class PlannedFit:
    """One network: the draw that it learns from, and the probe that it starts from."""

    size: int
    repeat: int
    fold: CurveFold
    own: Positions
    start: probe.Probe


@dataclass(frozen=True, eq=False)
class FineTuning:
    """What every fit shares: the curve's data, the scans, the recipe, and the cache that keeps finished fits.

    `identity` names the study and the pretrained weights.
    """

    curve: CurveData
    study: StudyData
    variant: Variant
    cache: Path
    identity: str

    def drawn(self, fit: PlannedFit) -> DrawnCases:
        """The cases of a fit by id."""
        training, test = (
            tuple(self.curve.cases[position].case_id for position in side) for side in (fit.own, fit.fold.test)
        )
        return DrawnCases(fit.fold.number, training, test, ("learning curve", "fine-tuned", fit.size, fit.repeat))

    def path(self, fit: PlannedFit) -> Path:
        """Where its probabilities are kept; the name holds all that decides them."""
        draw, content = self.drawn(fit), self.study.content
        scans = [[content[case] for case in side] for side in (draw.training, draw.test)]
        decides = [
            SCHEMA,
            self.identity,
            self.study.device.type,
            self.study.seed,
            draw.fold,
            list(draw.seed_names),
            scans,
        ]
        settings = [self.variant.recipe.deciding(), self.variant.adaptation.model_dump()]
        return self.cache / "learning-curve" / f"{fingerprint([decides, settings])}.json"

    def stored(self, fit: PlannedFit) -> Probabilities | None:
        """The probabilities of a finished fit, or None."""
        try:
            values = np.array(json.loads(self.path(fit).read_bytes()), dtype=np.float64)
        except (OSError, ValueError):
            return None
        is_whole = values.shape == (len(fit.fold.test), self.curve.outcome.head_width) and bool(
            np.isfinite(values).all()
        )
        return values if is_whole else None

    def fitted(self, fit: PlannedFit) -> Probabilities:
        """The probabilities of the fold's test cases."""
        known = self.stored(fit)
        if known is not None:
            return known
        values = fit_on_draw(LP_FT.name, self.study, self.variant, self.drawn(fit), start=fit.start)
        write_atomically(self.path(fit), json.dumps(values.tolist()), shared=self.cache)
        return values


def fine_tune_draws(tuning: FineTuning, settings: CurveSettings, drawn: DrawnCurve) -> FineTuned:
    """Fine-tune on the first draws of each asked size, and put the models of the curve on the same draws beside it."""
    data = tuning.curve
    plan = [
        PlannedFit(size, repeat, fold, own, start)
        for size in settings.fine_tuned_sizes
        for fold in data.folds
        for repeat, (own, start) in enumerate(drawn_probes(data, fold, size=size, repeats=settings.fine_tuned_repeats))
    ]
    say(_cost(tuning, [fit for fit in plan if tuning.stored(fit) is None], of=len(plan)))
    found = {
        (fit.size, fit.repeat, fit.fold.number): tuning.fitted(fit)
        for fit in track(plan, what="networks fine-tuned on draws", total=len(plan))
    }
    tested = PooledPatients.of(data)
    points = []
    for size in settings.fine_tuned_sizes:
        values = [
            tested.auroc(np.concatenate([found[size, repeat, fold.number] for fold in data.folds]))
            for repeat in range(settings.fine_tuned_repeats)
        ]
        others = {
            model: tuple(map(float, of_size[size][: settings.fine_tuned_repeats]))
            for model, of_size in drawn.drawn.items()
        }
        points.append(FineTunedPoint(patients=size, values=tuple(values), others=others))
    return FineTuned(
        model=LP_FT.name,
        label=LP_FT.label,
        phrase=LP_FT.phrase,
        epochs=tuning.variant.recipe.epochs,
        points=tuple(points),
    )


def table_of(found: FineTuned) -> pd.DataFrame:
    """A row for each draw, as in the table of the curve: n, model, repeat, auroc."""
    rows = [
        (str(point.patients), found.model, repeat, value)
        for point in found.points
        for repeat, value in enumerate(point.values)
    ]
    return pd.DataFrame(rows, columns=["n", "model", "repeat", "auroc"])


def _cost(tuning: FineTuning, missing: Sequence[PlannedFit], *, of: int) -> str:
    """How many networks are fitted, and how long that will take by the time of one step."""
    finished = f" {of - len(missing)} of {of} are there from an interrupted run." if len(missing) < of else ""
    if not missing:
        return f"{LP_FT.short}: every one of {of} networks is there from an earlier run."
    study, epochs = tuning.study, tuning.variant.recipe.epochs
    most = max((tuning.drawn(fit).training for fit in missing), key=len)
    learning = seconds_to_learn(study, tuning.variant, most)
    predicting = seconds_a_case(study.encoders[tuning.variant.encoder], study.scans, most, device=study.device)
    images = sum(len(fit.own) for fit in missing)
    seconds = epochs * images * learning + sum(len(fit.fold.test) for fit in missing) * predicting
    minutes = round(seconds / 60)
    taken = f"about {minutes} min" if minutes else "less than a minute"
    return (
        f"{LP_FT.short}: {len(missing)} networks to fine-tune, {epochs} epochs of {images / len(missing):.0f} images "
        f"on average: {taken} on this {study.device.type}, by the time of one step.{finished} Interrupted, the same "
        "command goes on with the next network."
    )
