"""Is the map worth looking at? The checks of one fold after the other, on its own out-of-fold cases.

In: a finished run's folds and their fitted classifiers. Out: `SaliencyChecks`, written after every fold, so that a run
that was stopped goes on at the next one; a fold that was made anew is checked anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from medtl.adaptation import Classifier, freezing
from medtl.cohort import Case
from medtl.encoders import build_untrained
from medtl.explanation.check_cases import cases_to_check, other_fold
from medtl.explanation.check_verdicts import judged
from medtl.explanation.energy import border_share, on_prepared_grid, outside_share
from medtl.explanation.faithfulness import centre_gaussian, curves
from medtl.explanation.lesion import found_in, read_mask
from medtl.explanation.map_similarity import on_common_grid, rank_correlation, structural_similarity
from medtl.explanation.patient_space import on_scan_grid
from medtl.explanation.randomisation import PICTURES, MapMaker, cascade, each_mapped
from medtl.explanation.saliency import RawSaliency, map_stage, saliency_maps
from medtl.explanation.settings import Method, SaliencySettings
from medtl.files import sha256_of, write_json
from medtl.folds import FoldTable
from medtl.outcomes import Outcome
from medtl.progress import track
from medtl.record.saliency import READOUT
from medtl.record.saliency_checks import CheckedCase, FoldChecks, OnLesion, Repeated, SaliencyChecks, Step
from medtl.training.study_data import StudyData


@dataclass(frozen=True)
class FoldModels:
    """The models of a study's folds, whose maps are checked.

    `fitted` gives a fold's model by name and network; `finished` names what each finished fold wrote. `stage` is the
    one that maps are made at, None for the one that `stage_to_look_at` chooses. `threshold` gives the declared one of
    a fold's model by fold and name, None where it has none.
    """

    folds: FoldTable
    fitted: Callable[[int], tuple[str, Classifier]]
    finished: Mapping[int, str]
    stage: str | None
    threshold: Callable[[int, str], float | None] = lambda _fold, _model: None


@dataclass(frozen=True)
class Mapped:
    """A case with its prepared scan, the class that its map explains (what it is called), and the map."""

    case: Case
    scan: torch.Tensor
    raw: RawSaliency


def check_saliency(data: StudyData, models: FoldModels, settings: SaliencySettings, *, path: Path) -> SaliencyChecks:
    """Check the maps of every finished fold and write what was found to `path`, fold after fold."""
    empty = SaliencyChecks(method=settings.method, cases_per_fold=settings.checked(data.preparation), seed=data.seed)
    kept = {one.fold: one for one in _written(path, like=empty).folds}
    fitted = lru_cache(maxsize=2)(models.fitted)  # a fold's model, and the next one's that its cases are shown too
    checks = empty
    for fold in track(sorted(models.finished), what="checks of the maps", total=len(models.finished)):
        there = kept.get(fold)
        if there is None or there.made_from != models.finished[fold]:
            there = check_fold(data, models, settings, fold=fold, fitted=fitted)
        checks = checks.model_copy(update={"folds": (*checks.folds, there)})
        write_json(path, judged(checks).model_dump(mode="json"))
    return judged(checks)


def check_fold(
    data: StudyData,
    models: FoldModels,
    settings: SaliencySettings,
    *,
    fold: int,
    fitted: Callable[[int], tuple[str, Classifier]],
    make: MapMaker | None = None,
) -> FoldChecks:
    """Measure all checks on one fold's cases.

    Args:
        data: the cohort and scans of the study.
        models: of its folds.
        settings: how many cases, and the method.
        fold: number of the fold.
        fitted: gives the name and the classifier of a fold's chosen model.
        make: makes the maps in tests; None takes the study's own method.
    """
    model, classifier = fitted(fold)
    names = cases_to_check(
        data.cohort,
        models.folds.split(fold).test,
        fold=fold,
        seed=data.seed,
        at_most=settings.checked(data.preparation),
    )
    by_id = {case.case_id: case for case in data.cohort.cases}
    scans = [torch.from_numpy(data.prepared.pixels(name))[None] for name in names]
    stage = models.stage or map_stage(classifier, scans[0])
    made = make or partial(_made, stage=stage, method=settings.method)
    targets = _called(classifier, scans, outcome=data.cohort.outcome, threshold=models.threshold(fold, model))
    raws = each_mapped(classifier, scans, targets, make=made)
    mapped = [Mapped(by_id[name], scan, raw) for name, scan, raw in zip(names, scans, raws, strict=True)]
    seed = int(sha256_of(f"{data.seed}|saliency checks|{fold}".encode())[:8], 16)
    shown = [one for one in mapped if one.raw.strength > 0]
    alike, randomised = _like_others(shown), _randomised(shown, classifier, made, seed=seed)
    cases = []
    for one in mapped:
        name = one.case.case_id
        known = CheckedCase(
            case_id=name,
            patient_id=one.case.patient_id,
            target_class=data.cohort.classes[one.raw.target],
            strength=one.raw.strength,
            like_others=alike.get(name),
            randomised=randomised.get(name, ()),
        )
        found = _on_lesion(one, data, classifier, made)
        if one.raw.strength > 0:
            found |= _measured(one, classifier, seed=seed)
            found |= {"repeated": _repeated(one, models, made, fold=fold, fitted=fitted)}
        cases.append(known.model_copy(update=found))
    return FoldChecks(fold=fold, made_from=models.finished[fold], model=model, stage=stage, cases=tuple(cases))


def _made(
    classifier: Classifier, scans: torch.Tensor, targets: Sequence[int], *, stage: str, method: Method
) -> tuple[RawSaliency, ...]:
    """The study's maps; another fold's model may be another network, whose own stage is looked at then."""
    is_known = stage in classifier.encoder.stages or (stage == READOUT and classifier.readout != "last")
    own = stage if is_known else map_stage(classifier, scans[:1])
    return saliency_maps(classifier, scans, targets, stage=own, method=method)


def _called(
    classifier: Classifier, scans: Sequence[torch.Tensor], *, outcome: Outcome, threshold: float | None
) -> list[int]:
    """The class that each scan is called, as in the gallery of maps; pictures go through together."""
    device = next(classifier.parameters()).device
    together = [torch.cat(list(scans))] if scans[0].ndim == PICTURES else scans
    with freezing.eval_mode(classifier), torch.inference_mode():
        logits = torch.cat([classifier(batch.to(device)).double().cpu() for batch in together])
    return [int(index) for index in outcome.decide(logits.softmax(dim=1).numpy(), threshold)]


def _like_others(shown: Sequence[Mapped]) -> dict[str, float]:
    """The mean similarity of each map to the maps of the other cases."""
    if len(shown) < 2:
        return {}
    common = [on_common_grid(one.raw) for one in shown]
    alike = np.full((len(common), len(common)), np.nan)
    for row, first in enumerate(common):
        for column, second in enumerate(common[:row]):
            alike[row, column] = alike[column, row] = structural_similarity(first, second)
    return {one.case.case_id: float(np.nanmean(alike[row])) for row, one in enumerate(shown)}


def _randomised(
    shown: Sequence[Mapped], classifier: Classifier, make: MapMaker, *, seed: int
) -> dict[str, tuple[Step, ...]]:
    """The similarity of each map to itself after each step of the cascade."""
    if not shown:
        return {}
    steps = cascade(
        classifier,
        [one.scan for one in shown],
        [one.raw.target for one in shown],
        make=make,
        untrained=build_untrained(classifier.encoder.card, seed=seed),
        seed=seed,
    )
    common = [on_common_grid(one.raw) for one in shown]
    return {
        one.case.case_id: tuple(
            Step(part=part, similarity=structural_similarity(common[index], on_common_grid(raws[index])))
            for part, raws in steps
        )
        for index, one in enumerate(shown)
    }


def _measured(one: Mapped, classifier: Classifier, *, seed: int) -> dict[str, object]:
    """The checks that need the scan and this fold's model."""
    by = curves(classifier, one.scan, one.raw, seed=seed)
    prepared_map = on_prepared_grid(one.raw, tuple(one.scan.shape[2:]))
    return {
        "by_map": by["map"],
        "by_random": by["random"],
        "by_centre": by["centre"],
        "outside": outside_share(prepared_map, one.scan[0].numpy()),
        "border": border_share(prepared_map),
    }


def _repeated(
    one: Mapped, models: FoldModels, make: MapMaker, *, fold: int, fitted: Callable[[int], tuple[str, Classifier]]
) -> Repeated | None:
    other = other_fold(models.folds, case_id=one.case.case_id, fold=fold)
    if other is None or other.fold not in models.finished:
        return None
    (raw,) = make(fitted(other.fold)[1], one.scan, [one.raw.target])
    return Repeated(
        other_fold=other.fold,
        role=other.role,
        similarity=structural_similarity(on_common_grid(one.raw), on_common_grid(raw)),
        rank_correlation=rank_correlation(one.raw, raw),
    )


def _on_lesion(one: Mapped, data: StudyData, classifier: Classifier, make: MapMaker) -> dict[str, object]:
    """Agreement with the lesion mask of the map for the reference standard's class, and of the centre-Gaussian."""
    if one.case.mask is None:
        return {}
    facts = data.prepared.facts[one.case.case_id]
    mask = read_mask(one.case.mask, facts)
    if isinstance(mask, str):
        return {"without_mask": mask}
    truth = int(data.cohort.outcome.targets([one.case.label])[0])
    raw = one.raw if truth == one.raw.target else make(classifier, one.scan, [truth])[0]
    centre = RawSaliency(truth, centre_gaussian(raw.values.shape).astype(np.float32))
    by_map, by_centre = (found_in(on_scan_grid(each, facts, preparation=data.preparation), mask)
                         for each in (raw, centre))  # fmt: skip
    return {"lesion": OnLesion(by_map=by_map, by_centre=by_centre)}


def _written(path: Path, *, like: SaliencyChecks) -> SaliencyChecks:
    """The checks that an earlier start wrote with the same settings; empty where they cannot be read."""
    if not path.is_file():
        return like
    try:
        found = SaliencyChecks.model_validate(json.loads(path.read_bytes()))
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError):
        return like
    same = (found.method, found.cases_per_fold, found.seed) == (like.method, like.cases_per_fold, like.seed)
    return found if same else like
