"""Which out-of-fold cases are shown, and their maps and pictures on disk.

In: a fold's fitted classifier and its predictions on the test part. Out: `saliency/` with a table, the scans, the
overlays, and every map as a 16-bit PNG on the grid of the original scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from medtl.adaptation import Classifier
from medtl.cohort import Cohort
from medtl.explanation.overlay import map_png, overlay_picture, png, scan_picture
from medtl.explanation.saliency import RawSaliency, hirescam, stage_to_look_at
from medtl.explanation.settings import ExplanationSettings
from medtl.files import write_atomically, write_csv
from medtl.imaging import PreparationSettings, PreparedCohort, ScanFacts
from medtl.predictions import PredictionTable

COLUMNS = (
    "case_id", "patient_id", "model", "kind", "target_class", "truth", "probability", "strength", "stage", "positions",
    "scan_png", "overlay_png", "map_file", "window", "spacing_row_mm", "spacing_column_mm",
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A case to explain: `kind` is right or wrong with the predicted class, `target` is that class's index."""

    case_id: str
    kind: str
    target: int
    probability: float


def choose(predictions: PredictionTable, *, of_each_kind: int) -> tuple[Chosen, ...]:
    """The most confident right and wrong cases for each predicted class, at most one image a patient and kind.

    `predictions` holds one model and one fold's test part. Deterministic: ties go by case id.
    """
    rows, values = predictions.rows, predictions.probabilities
    predicted = values.argmax(axis=1)
    confidence = values[np.arange(len(rows)), predicted]
    chosen: list[Chosen] = []
    for target, label in reversed(list(enumerate(predictions.classes))):
        for verdict in ("right", "wrong"):
            is_right = (rows["truth"] == label).to_numpy()
            kept = np.flatnonzero((predicted == target) & (is_right if verdict == "right" else ~is_right))
            ranked = sorted(kept, key=lambda row: (-confidence[row], rows["case_id"].iloc[row]))
            seen: set[str] = set()
            for row in ranked:
                patient = str(rows["patient_id"].iloc[row])
                if patient not in seen and len(seen) < of_each_kind:
                    seen.add(patient)
                    chosen.append(Chosen(str(rows["case_id"].iloc[row]), f"{verdict} {label}", target, confidence[row]))
    return tuple(chosen)


def on_scan_grid(raw: RawSaliency, facts: ScanFacts, *, preparation: PreparationSettings) -> Float[np.ndarray, "*scan"]:
    """A raw map on the scan's own pixels, scaled so that 1 is its strongest place; all zero when it has none."""
    values = torch.from_numpy(np.ascontiguousarray(raw.values, dtype=np.float32))[None, None]
    mode = "trilinear" if preparation.is_volume else "bilinear"
    prepared = torch.nn.functional.interpolate(values, size=preparation.shape, mode=mode, align_corners=False)
    own = facts.placement(preparation).to_scan_grid(prepared[0, 0].numpy())
    highest = float(own.max())
    return own / highest if highest > 0 else np.zeros_like(own)


def explain_fold(
    classifier: Classifier,
    predictions: PredictionTable,
    *,
    model: str,
    cohort: Cohort,
    prepared: PreparedCohort,
    preparation: PreparationSettings,
    settings: ExplanationSettings,
    folder: Path,
) -> None:
    """Explain a fold's most telling test cases and write them into `folder`."""
    cases = {case.case_id: case for case in cohort.cases}
    chosen = choose(predictions, of_each_kind=settings.cases_of_each_kind)
    truths = dict(zip(predictions.rows["case_id"], predictions.rows["truth"], strict=True))
    lines: list[dict[str, object]] = []
    stage = settings.stage
    for number, pick in enumerate(chosen):
        case, facts = cases[pick.case_id], prepared.facts[pick.case_id]
        scan = torch.from_numpy(prepared.pixels(pick.case_id))[None]
        stage = stage or stage_to_look_at(classifier.encoder, scan)
        (raw,) = hirescam(classifier, scan, [pick.target], stage=stage)
        saliency = on_scan_grid(raw, facts, preparation=preparation)
        view = prepared.displayed(pick.case_id)
        stem = f"{model}-{number:02d}"
        write_atomically(folder / f"{stem}-scan.png", png(scan_picture(view.pixels), spacing_mm=facts.spacing_mm))
        write_atomically(
            folder / f"{stem}-overlay.png", png(overlay_picture(view.pixels, saliency), spacing_mm=facts.spacing_mm)
        )
        write_atomically(folder / f"{stem}-map.png", map_png(saliency))
        row_mm, column_mm = facts.spacing_mm or (None, None)
        cells = (
            pick.case_id, case.patient_id, model, pick.kind, predictions.classes[pick.target], truths[pick.case_id],
            pick.probability, raw.strength, stage, " x ".join(map(str, raw.values.shape)), f"{stem}-scan.png",
            f"{stem}-overlay.png", f"{stem}-map.png", view.window, row_mm, column_mm,
        )  # fmt: skip
        lines.append(dict(zip(COLUMNS, cells, strict=True)))
    write_csv(folder / "saliency.csv", pd.DataFrame(lines, columns=list(COLUMNS)))
