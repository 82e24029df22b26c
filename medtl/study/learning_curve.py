"""How many cases a study's question needs: its learning curve on frozen features, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from medtl import encoders, environment, files, imaging, training
from medtl.errors import ConfigurationError
from medtl.record.learning_curve import CURVE_CSV, LearningCurve, write_learning_curve
from medtl.record.studied_cohort import studied_cohort
from medtl.report.pages.learning_curve_page import claimed_folder, refuse_other_results, write_learning_curve_page
from medtl.sources.curve_data import CurveData
from medtl.sources.curve_settings import CurveSettings
from medtl.sources.draws import patients_of_each_class
from medtl.sources.fine_tuned_draws import FineTuning, fine_tune_draws, table_of
from medtl.sources.learning_curve import draw_curve, model_curves, testing_advice
from medtl.study.cohort import announced, audit_and_split, left_out_by_reason, read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import fingerprint_of, resolve_encoder
from medtl.study.settings import Study
from medtl.training.variant import Variant


def run_learning_curve(
    study: Study, settings: CurveSettings, *, out: Path | None = None, device: str = "auto"
) -> tuple[Path, LearningCurve]:
    """Draw the learning curve of a study and write its folder; gives the path of the page, and the curve.

    The folder is `out`, or `runs/<name>-curve-<fingerprint>`.

    Raises:
        ConfigurationError: the folds were made elsewhere, or a size is larger than a training part.
    """
    if study.folds.foreign:
        raise ConfigurationError(
            "A learning curve draws its folds itself, but the study takes folds that were made elsewhere "
            "(folds.foreign). Leave it out with --set folds.foreign=false."
        )
    chosen_device = training.choose_device(device)
    study, encoder = resolve_encoder(study, store=encoders.WeightStore.from_environment())
    wanted = [list(settings.sizes), settings.has_whole, settings.repeats, settings.reach, settings.half_width]
    if settings.fine_tuned_sizes:
        wanted += [list(settings.fine_tuned_sizes), settings.fine_tuned_repeats]
    fingerprint = files.fingerprint([fingerprint_of(study, {study.encoder: encoder}), wanted])
    folder = out or Path("runs") / f"{study.name}-curve-{fingerprint}"
    refuse_other_results(folder)
    cohort = announced(read_cohort(study))
    cache = imaging.PreparedCache.shared()
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    scans = study_data(
        study,
        recruited.cohort,
        prepared,
        groups=recruited.groups,
        encoders={study.encoder: encoder},
        device=chosen_device,
    )
    data = CurveData.of(scans, recruited.folds, encoder=study.encoder)
    settings = settings.within(data.largest_size)
    drawn = draw_curve(data, settings)
    fine_tuned = None
    if settings.fine_tuned_sizes:
        variant = Variant("", study.encoder, study.adaptation, study.recipe, ())
        tuning = FineTuning(data, scans, variant, cache.folder, fingerprint_of(study, {study.encoder: encoder}))
        fine_tuned = fine_tune_draws(tuning, settings, drawn)
    patients = [case.patient_id for case in data.cases]
    of_class = patients_of_each_class(patients, data.labels, classes=data.outcome.head_width)
    counts = tuple(map(len, of_class))
    models = model_curves(drawn, settings, labels=len(set(patients)), seed=study.seed)
    positive = data.outcome.positive_class
    share = None if positive is None else counts[data.classes.index(positive)] / sum(counts)
    needed_to_test, sentence = testing_advice(models, settings, share=share)
    curve = LearningCurve(
        study=study.name,
        question=study.question,
        encoder=study.encoder,
        fingerprint=fingerprint,
        seed=study.seed,
        version=environment.versions()["medtl"] or "",
        cohort=studied_cohort(recruited.cohort, without_scans=recruited.blind),
        left_out=left_out_by_reason(recruited.cohort),
        patients_of_class=counts,
        folds=len(data.folds),
        repeats=settings.repeats,
        reach=settings.reach,
        half_width=settings.half_width,
        models=models,
        test_patients=needed_to_test,
        test_sentence=sentence,
        fine_tuned=fine_tuned,
    )
    claimed_folder(folder)
    write_learning_curve(curve, folder)
    files.write_csv(folder / CURVE_CSV, pd.concat([drawn.as_table(), *map(table_of, filter(None, [fine_tuned]))]))
    return write_learning_curve_page(folder), curve
