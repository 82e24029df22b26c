"""Which source serves a study's question: frozen probes of several encoders on its folds, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from medtl import encoders, environment, evaluation, files, imaging, training
from medtl.encoders import Encoder
from medtl.encoders.catalogue import RADIMAGENET
from medtl.errors import ConfigurationError
from medtl.evaluation import Estimate, StudyMetrics
from medtl.predictions import PredictionTable, concatenate
from medtl.progress import say
from medtl.record.run_folder import PREDICTIONS
from medtl.record.sources import (
    SOURCES_CSV,
    AurocFound,
    InnerChoice,
    SourceCandidate,
    SourceComparison,
    write_sources,
)
from medtl.record.studied_cohort import studied_cohort
from medtl.report.pages.sources_page import claimed_folder, refuse_other_results, write_sources_page
from medtl.sources.candidate_probes import (
    CHOSEN,
    ProbedSource,
    chosen_in_inner_folds,
    probe_sources,
    table_of_choice,
)
from medtl.sources.cost import parameters_of, seconds_a_case
from medtl.sources.curve_data import CurveData
from medtl.sources.normalisations import SUFFIX
from medtl.sources.paired_sources import RESAMPLES, compare_sources
from medtl.sources.score_table import score_sources
from medtl.sources.source_distance import distance_from_source
from medtl.sources.source_heads import source_probabilities
from medtl.study.candidates import RANDOM, Candidates, resolve_candidates
from medtl.study.cohort import announced, audit_and_split, left_out_by_reason, read_cohort
from medtl.study.data import study_data
from medtl.study.disputed import most_disputed, write_pictures
from medtl.study.encoders import fingerprint_of
from medtl.study.settings import Study
from medtl.training import StudyData


def compare_candidates(
    study: Study, names: Sequence[str] | None, *, out: Path | None = None, device: str = "auto"
) -> tuple[Path, SourceComparison]:
    """Compare encoders by frozen probes and write the folder; gives the path of the page, and the comparison.

    The folder is `out`, or `runs/<name>-sources-<fingerprint>`. Without names the encoders of the weight store that fit
    are compared; random weights always are.

    Raises:
        ConfigurationError: the folds were made elsewhere, or an encoder is unknown, absent or does not fit.
    """
    if study.folds.foreign:
        raise ConfigurationError(
            "A comparison of sources draws its folds itself, but the study takes folds that were made elsewhere "
            "(folds.foreign). Leave it out with --set folds.foreign=false."
        )
    chosen_device = training.choose_device(device)
    store = encoders.WeightStore.from_environment()
    candidates = resolve_candidates(study, names, store=store)
    for reason in candidates.left_out:
        say(f"Not compared, {reason}")
    fingerprint = files.fingerprint([fingerprint_of(study, candidates.encoders), list(candidates.encoders)])
    folder = out or Path("runs") / f"{study.name}-sources-{fingerprint}"
    refuse_other_results(folder)
    cohort = announced(read_cohort(study))
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=imaging.PreparedCache.shared())
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    data = study_data(
        study, recruited.cohort, prepared, groups=recruited.groups, encoders=candidates.encoders, device=chosen_device
    )
    sources = {name: CurveData.of(data, recruited.folds, encoder=name) for name in candidates.encoders}
    folds = sources[RANDOM].folds
    probed = probe_sources(sources)
    learnt = {name: one for name, one in probed.items() if name != RANDOM}
    chosen = chosen_in_inner_folds(learnt, folds)
    table = concatenate([*(one.table for one in probed.values()), table_of_choice(probed, folds, chosen)])
    judged = evaluation.evaluate(table, resamples=RESAMPLES, seed=study.seed, pairs=())
    pairs = compare_sources(table, list(probed), seed=study.seed)
    disagreement = most_disputed(candidates, pairs, table)
    found = SourceComparison(
        study=study.name,
        question=study.question,
        fingerprint=fingerprint,
        seed=study.seed,
        version=environment.versions()["medtl"] or "",
        device=chosen_device.type,
        cohort=studied_cohort(recruited.cohort, without_scans=recruited.blind),
        left_out=left_out_by_reason(recruited.cohort),
        folds=len(folds),
        repeats=study.folds.repeats,
        candidates=_candidates(candidates, data, probed, judged=judged),
        left_out_candidates=candidates.left_out,
        imagenet=candidates.imagenet,
        pairs=pairs,
        disagreement=disagreement,
        choice=InnerChoice(chosen=chosen, auroc=_auroc(judged, CHOSEN)),
        scores=score_sources(
            sources,
            {
                name: source_probabilities(one, store=store, data=sources[name])
                for name, one in candidates.encoders.items()
                if name != RANDOM
            },
            {name: judged.of(name).patient.pooled.metrics.primary.value for name in learnt},
        ),
        distances=tuple(
            distance_from_source(name, candidates.encoders[name], store=store, data=sources[name]) for name in learnt
        ),
    )
    claimed_folder(folder)
    write_pictures(disagreement, prepared, folder)
    _write(found, table, folder)
    return write_sources_page(folder), found


def _candidates(
    candidates: Candidates, data: StudyData, probed: Mapping[str, ProbedSource], *, judged: StudyMetrics
) -> tuple[SourceCandidate, ...]:
    cases = list(data.content)
    return tuple(
        _candidate(
            name,
            encoder,
            candidates,
            probed[name],
            judged=judged,
            seconds=seconds_a_case(encoder, data.scans, cases, device=data.device),
            features=data.features[name].values.shape[1],
        )
        for name, encoder in candidates.encoders.items()
    )


def _candidate(
    name: str,
    encoder: Encoder,
    candidates: Candidates,
    probed: ProbedSource,
    *,
    judged: StudyMetrics,
    seconds: float,
    features: int,
) -> SourceCandidate:
    card, is_random = encoder.card, name == RANDOM
    by_fold = {one.fold: one.metrics.primary.value for one in judged.of(name).patient.folds}
    return SourceCandidate(
        name=name,
        encoder=candidates.random_of if is_random else card.name,
        architecture=card.architecture,
        trained_on="nothing: weights drawn by chance from the study's seed" if is_random else card.trained_on,
        licence="none needed: no pretrained weights" if is_random else card.licence,
        is_research_only=card.research_only and not is_random,
        is_random=is_random,
        is_imagenet=name == candidates.imagenet,
        is_radimagenet=not is_random and card.trained_on.startswith(RADIMAGENET),
        is_otherwise_normalised=name.endswith(SUFFIX),
        parameters=parameters_of(encoder),
        seconds=seconds,
        features=features,
        auroc=_auroc(judged, name),
        folds=tuple(by_fold.values()),
        inner_losses=probed.inner_losses,
    )


def _auroc(judged: StudyMetrics, name: str) -> AurocFound:
    found: Estimate = judged.of(name).patient.pooled.metrics.primary
    return AurocFound(value=found.value, low=found.low, high=found.high, reason=found.reason)


def _write(found: SourceComparison, table: PredictionTable, folder: Path) -> None:
    write_sources(found, folder)
    table.write(folder / PREDICTIONS)
    rows = [
        {
            "source": one.name, "encoder": one.encoder, "architecture": one.architecture, "auroc": one.auroc.value,
            "low": one.auroc.low, "high": one.auroc.high, "parameters": one.parameters,
            "seconds_a_case": one.seconds, "features": one.features,
            "chosen_in_folds": found.choice.chosen.count(one.name), "trained_on": one.trained_on,
            "licence": one.licence, **_distance_columns(found, one.name),
        }
        for one in found.candidates
    ]  # fmt: skip
    files.write_csv(folder / SOURCES_CSV, pd.DataFrame(rows))


def _distance_columns(found: SourceComparison, candidate: str) -> dict[str, float | None]:
    far = next((one.found for one in found.distances if one.candidate == candidate), None)
    values = (None, None, None) if far is None else (far.frechet, far.of_draws, far.outside / far.cases)
    return dict(zip(("frechet_distance", "frechet_distance_of_samples", "share_outside_source"), values, strict=True))
