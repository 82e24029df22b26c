"""Write the saliency maps of a fold.

In: a fold's fitted classifier and its predictions on the test part. Out: `saliency/` with `saliency.csv` for the cases
that the page shows, their pictures, and the maps on the grids of the original scans, listed in `maps.csv`: 16-bit PNG
for pictures, NIfTI with the original affine for volumes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from medtl.adaptation import Classifier, freezing
from medtl.cohort import Case, Cohort
from medtl.explanation.gallery import CaseToExplain, choose, others
from medtl.explanation.overlay import map_png, overlay_picture, png, scan_picture
from medtl.explanation.patient_space import on_scan_grid, write_volume
from medtl.explanation.saliency import RawSaliency, map_stage, saliency_maps
from medtl.explanation.settings import ExplanationSettings, SaliencySettings
from medtl.explanation.volume_pictures import SliceWeights, write_volume_pictures
from medtl.files import write_atomically
from medtl.imaging import PreparationSettings, PreparedCohort
from medtl.predictions import PredictionTable
from medtl.progress import track
from medtl.record.saliency import DESCRIPTION, PICTURE_COLUMNS, write_saliency

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
"""Ids that can be file names as they are; others are numbered, and the tables say which is which."""


@dataclass(frozen=True)
class FoldMaps:
    """The model, cases and scans of one fold, for its maps."""

    classifier: Classifier
    model: str
    cases: Mapping[str, Case]
    prepared: PreparedCohort
    preparation: PreparationSettings
    folder: Path


@dataclass(frozen=True)
class ExplainedCase:
    """A case with its raw map, the map on the scan's own grid, and the prepared scan that the network saw."""

    pick: CaseToExplain
    raw: RawSaliency
    saliency: Float[np.ndarray, "*scan"]
    scan: torch.Tensor
    stem: str


def explain_fold(
    classifier: Classifier,
    predictions: PredictionTable,
    *,
    model: str,
    cohort: Cohort,
    prepared: PreparedCohort,
    preparation: PreparationSettings,
    settings: ExplanationSettings,
    saliency: SaliencySettings,
    folder: Path,
    threshold: float | None = None,
) -> None:
    """Write saliency maps of a fold's test cases: the clearest ones as pictures, and of volumes every one as NIfTI.

    Args:
        classifier: the fold's fitted model.
        predictions: of this model on the fold's test part.
        model: its name in the file names.
        cohort: the cases.
        prepared: their prepared scans.
        preparation: how they were prepared.
        settings: which cases and which stage.
        saliency: the method.
        folder: where the files go.
        threshold: the fold's declared one with two classes.
    """
    task = FoldMaps(classifier, model, {case.case_id: case for case in cohort.cases}, prepared, preparation, folder)
    shown = choose(predictions, of_each_kind=settings.cases_of_each_kind, threshold=threshold)
    mapped = (
        *shown,
        *(others(predictions, shown=shown, threshold=threshold) if settings.maps_all(preparation) else ()),
    )
    stage, shown_rows, files = settings.stage, list[dict[str, object]](), list[dict[str, object]]()
    for number, pick in enumerate(track(mapped, what="maps", total=len(mapped))):
        scan = torch.from_numpy(prepared.pixels(pick.case_id))[None]
        stage = stage or map_stage(classifier, scan)
        (raw,) = saliency_maps(classifier, scan, [pick.target], stage=stage, method=saliency.method)
        on_scan = on_scan_grid(raw, prepared.facts[pick.case_id], preparation=preparation)
        one = ExplainedCase(pick, raw, on_scan, scan, _stem(pick.case_id, model=model, number=number))
        row = _row(task, pick, raw, predictions, stage=stage) | _write_map(task, one)
        files.append(row)
        if pick.kind:
            shown_rows.append(row | (_show_volume(task, one) if preparation.is_volume else _show_picture(task, one)))
    write_saliency(folder, shown=shown_rows, maps=files, of_volumes=preparation.is_volume)


def _row(
    task: FoldMaps, pick: CaseToExplain, raw: RawSaliency, predictions: PredictionTable, *, stage: str
) -> dict[str, object]:
    case, positions = task.cases[pick.case_id], " x ".join(map(str, raw.values.shape))
    label = predictions.classes[pick.target]
    cells = (
        pick.case_id, case.patient_id, task.model, pick.kind, label, case.label, pick.probability, raw.strength,
        stage, positions,
    )  # fmt: skip
    return dict(zip(DESCRIPTION, cells, strict=True))


def _show_picture(task: FoldMaps, one: ExplainedCase) -> dict[str, object]:
    facts, view = task.prepared.facts[one.pick.case_id], task.prepared.displayed(one.pick.case_id)
    pictures = {
        "scan": png(scan_picture(view.pixels), pixel_size=facts.pixel_size),
        "overlay": png(overlay_picture(view.pixels, one.saliency), pixel_size=facts.pixel_size),
    }
    for kind, data in pictures.items():
        write_atomically(task.folder / f"{one.stem}-{kind}.png", data)
    row_mm, column_mm = facts.spacing_mm or (None, None)
    cells = (f"{one.stem}-scan.png", f"{one.stem}-overlay.png", view.window, row_mm, column_mm)
    return dict(zip(PICTURE_COLUMNS, cells, strict=True))


def _show_volume(task: FoldMaps, one: ExplainedCase) -> dict[str, object]:
    facts, view = task.prepared.facts[one.pick.case_id], task.prepared.displayed(one.pick.case_id)
    written = write_volume_pictures(
        view.pixels[0],
        one.saliency,
        affine=np.array(facts.affine),
        seen=facts.placement(task.preparation).seen(),
        window=view.window,
        strength=one.raw.strength,
        slice_weights=_slice_weights(task, one),
        folder=task.folder,
        stem=one.stem,
    )
    return {"montage_png": written.montage, "view_json": written.view, "window": view.window}


def _slice_weights(task: FoldMaps, one: ExplainedCase) -> SliceWeights | None:
    """The weight of each slice of the first plane; None where the network sees the volume as a whole."""
    encoder = task.classifier.encoder
    device = next(encoder.parameters()).device
    with freezing.eval_mode(encoder), torch.inference_mode():
        weights = encoder.slice_weights(encoder.normalised(one.scan.to(device)))
    facts = task.prepared.facts[one.pick.case_id]
    affine = facts.placement(task.preparation).affine(np.array(facts.affine))
    planes = ((plane, values[0].cpu().numpy()) for plane, values in weights.items())
    return next((SliceWeights.on_grid(values, plane=plane, affine=affine) for plane, values in planes), None)


def _write_map(task: FoldMaps, one: ExplainedCase) -> dict[str, object]:
    facts = task.prepared.facts[one.pick.case_id]
    if not task.preparation.is_volume:
        write_atomically(task.folder / f"{one.stem}-map.png", map_png(one.saliency))
        return {"map_file": f"{one.stem}-map.png", "seen_file": None}
    seen, name = facts.placement(task.preparation).seen(), f"{one.stem}-seen.nii.gz"
    write_volume(task.folder / f"{one.stem}-map.nii.gz", one.saliency, facts)
    if seen.all():
        return {"map_file": f"{one.stem}-map.nii.gz", "seen_file": None}
    write_volume(task.folder / name, seen, facts)
    return {"map_file": f"{one.stem}-map.nii.gz", "seen_file": name}


def _stem(case_id: str, *, model: str, number: int) -> str:
    return f"{model}-{case_id}" if PLAIN_NAME.fullmatch(case_id) else f"{model}-{number:03d}"
