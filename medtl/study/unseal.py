"""A finished run asked about cases it never saw: its sealed test, or a cohort from elsewhere.

In: a run folder, and for an external cohort its manifest. Out: `held_out/<name>/` with the record, the predictions and
the metrics, and the run's pages made anew. The opening is written down before anything is predicted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from medtl import encoders, evaluation, files, imaging, report, training, yaml_values
from medtl.cohort import Cohort, flow, pseudonyms
from medtl.cohort.manifest_links import require_manifest
from medtl.cohort.patient_ids import cross_twins
from medtl.errors import ConfigurationError, DataRefused, IntegrityFailure
from medtl.folds import FoldSettings, sealing
from medtl.held_out import OpeningLog, averaged, joined_with_development, uncertainty
from medtl.predictions import PredictionTable, concatenate
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.record import run_seal
from medtl.record.events import Opened, add_event
from medtl.record.held_out import HeldOut, write_held_out
from medtl.record.metrics import write_metrics
from medtl.record.run_folder import RunFolder
from medtl.record.sealed import Seal, images_of, read_seal
from medtl.record.studied_cohort import read_lock
from medtl.study.cohort import read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import fingerprint_of, resolve_encoders
from medtl.study.settings import Study, read_study

if TYPE_CHECKING:
    import torch

NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
SEALED_NAME, EXTERNAL = "sealed", "external"


@dataclass(frozen=True)
class _Held:
    """Cases that the run is to be asked about, and where they came from."""

    name: str
    kind: Literal["sealed", "external"]
    source: str
    cohort: Cohort
    prepared: imaging.PreparedCohort

    @property
    def pixels(self) -> tuple[str, ...]:
        """The sha256 of every image; with `images_of` a name for the set, whatever its manifest is called."""
        return tuple(self.prepared.facts[case.case_id].pixel_sha256 for case in self.cohort.cases)


def unseal(
    folder: Path,
    *,
    external: Path | None = None,
    name: str | None = None,
    again: bool = False,
    device: str = "auto",
    ids_as_written: bool = False,
) -> Path:
    """Ask a finished run about its sealed test, or about the cases of another manifest; gives the study page.

    Raises:
        ConfigurationError: the run is not finished or seals nothing; or the cohort was opened by this run already and
            `again` does not say that it is to be opened once more.
        DataRefused: the external cohort holds patients or images of the study, ids that are near twins (unless
            `ids_as_written`), or no case can be read.
        IntegrityFailure: the sealed cases, the settings or the weights are not those that the run began with.
    """
    study, seal = _finished_study(run := RunFolder(folder))
    study = study.model_copy(update={"ids_as_written": study.ids_as_written or ids_as_written}) if external else study
    chosen_device = training.choose_device(device)
    with run.held():
        study, resolved = resolve_encoders(study, store=encoders.WeightStore.from_environment())
        held = _external(run, study, external, name) if external is not None else _sealed(run, study, resolved)
        log = OpeningLog(run / names.HELD_OUT / held.name, images_of(held.pixels), held.pixels)
        log.refuse_other_images()
        log.refuse_reopening(again=again, published=None if seal is None else frozenset(seal.sha256))
        fingerprint = str(run.fingerprint())
        opening = log.write(run=run.path.name, fingerprint=fingerprint)
        add_event(run.path, Opened(what=held.name, cases=len(held.cohort.cases), opening=len(log.by_this_run)))
        if seal is not None:
            run_seal.seal_run(run, without=f"{names.HELD_OUT}/{held.name}")
        say(f"{held.name} is opened ({opening.at}): {len(held.cohort.cases)} cases.")

        members = _predictions(run, study, resolved, held, chosen_device=chosen_device)
        out_of_fold = PredictionTable.read(run / names.PREDICTIONS)
        predictions = joined_with_development(averaged(members), out_of_fold=out_of_fold)
        settings = _settings_for(study.evaluation, predictions)
        judged = evaluation.evaluate(predictions, resamples=study.resamples, seed=study.seed, settings=settings)
        log.answer(opening)  # from here on somebody could have seen what the models say
        (log.folder / names.RECORD).unlink(missing_ok=True)
        members.write(log.folder / names.MEMBERS)
        unsure = uncertainty.case_uncertainty(members, thresholds=uncertainty.thresholds_of(judged))
        files.write_csv(log.folder / names.UNCERTAINTY, unsure)
        predictions.write(log.folder / names.PREDICTIONS)
        write_metrics(judged, log.folder)
        record = _record(held, log, fingerprint=fingerprint, members=len(members.folds), development=out_of_fold)
        write_held_out(record, log.folder)
        if seal is not None:
            run_seal.seal_run(run)
        report.write_reports(run.path)
    for line in report.result_lines(run.path):
        say(line)
    return run / names.REPORT


def _finished_study(run: RunFolder) -> tuple[Study, run_seal.RunSeal | None]:
    if not (run / names.STUDY).is_file():
        raise ConfigurationError(f"{run.path.name} is no run folder: give the folder that medtl run made.")
    if not (run / names.PREDICTIONS).is_file():
        raise ConfigurationError(
            f"The run in {run.path.name} is not finished: held-out cases are for a study that changes no more. Run it "
            "again with --resume first."
        )
    seal = run_seal.refuse_changed(run.path)
    return read_study(run / names.STUDY), seal


def _sealed(run: RunFolder, study: Study, resolved: Mapping[str, encoders.Encoder]) -> _Held:
    seal = read_seal(run.path)
    if seal is None or study.folds.sealed is None:
        raise ConfigurationError(
            f"The study in {run.path.name} seals no test. Name the column of the official split in the study "
            "(folds: {count: 5, sealed: COLUMN}), or give the manifest of another cohort with --external."
        )
    require_manifest(study.manifest)
    if fingerprint_of(study, resolved) != run.fingerprint():
        raise IntegrityFailure(
            f"The manifest, the settings or the weights of {run.path.name} have changed since it ran (fingerprint "
            f"{run.fingerprint()}, now {fingerprint_of(study, resolved)}), so nothing was opened. Put them back."
        )
    cohort = read_cohort(study)
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=imaging.PreparedCache.shared())
    cohort = cohort.without(prepared.exclusions)
    parts = sealing.seal(cohort, column=study.folds.sealed, groups={c.case_id: c.patient_id for c in cohort.cases})
    _refuse_other_cases(parts.sealed, prepared, seal)
    return _Held(SEALED_NAME, "sealed", f"column {study.folds.sealed} of the manifest", parts.sealed, prepared)


def _refuse_other_cases(sealed: Cohort, prepared: imaging.PreparedCohort, seal: Seal) -> None:
    pixels = {case.case_id: prepared.facts[case.case_id].pixel_sha256 for case in sealed.cases}
    if sealing.commitment(sealed, pixels) != seal.commitment:
        raise IntegrityFailure(
            f"The sealed cases are not those that the run sealed ({seal.cases} cases then, {len(sealed.cases)} now): "
            "scans or labels have changed. Nothing was opened; put the old files back.",
            expected=seal.commitment,
        )


def _external(run: RunFolder, study: Study, manifest: Path, name: str | None) -> _Held:
    if name is not None and (not NAME.fullmatch(name) or name == SEALED_NAME):
        raise ConfigurationError(
            f"A cohort is named by small letters and digits, and not {SEALED_NAME!r}; got {name!r}. Give another "
            "with --name, such as hospital-b."
        )
    facts = yaml_values.parsed_yaml((run / names.COHORT).read_text(encoding="utf-8"), what=names.COHORT)
    elsewhere = study.model_copy(
        update={
            "manifest": manifest.absolute(),
            "data_root": None,
            "name": f"{study.name}-{name or EXTERNAL}",
            "folds": FoldSettings(seed=study.seed),
            "split_column": None,
            "limit_patients": None,
            "classes": tuple(facts["classes"]),
            "positive_class": None,
            "covariates": None,
        }
    )
    cohort = read_cohort(elsewhere)
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=imaging.PreparedCache.shared())
    cohort = cohort.without(prepared.exclusions)
    if not cohort.cases:
        raise DataRefused(f"No case of {manifest.name} can be read, so nothing was opened. Run medtl check on it.")
    _refuse_known(cohort, prepared, run, manifest=manifest.name)
    if not study.ids_as_written:
        _refuse_twins(cohort, study, elsewhere, run)
    held = _Held(name or EXTERNAL, "external", "the manifest of another cohort", cohort, prepared)
    if name is None:
        held = replace(held, name=f"{EXTERNAL}-{images_of(held.pixels)[:8]}")
        say(f"The cohort is called {held.name} after its images, as a file's name may name people; or give --name.")
    return held


def _refuse_known(cohort: Cohort, prepared: imaging.PreparedCohort, run: RunFolder, *, manifest: str) -> None:
    """An external cohort shares neither a patient nor an image with the study."""
    lock = read_lock(run.path)
    patients, pixels = set(lock["patient_id"]), set(lock["pixel_sha256"])
    same_patient = [case for case in cohort.cases if case.patient_id in patients]
    same_image = [case for case in cohort.cases if prepared.facts[case.case_id].pixel_sha256 in pixels]
    if not same_patient and not same_image:
        return
    first = (same_patient or same_image)[0].line
    raise DataRefused(
        f"{manifest} is not apart from the study: {len(same_patient)} of its {len(cohort.cases)} cases are of patients "
        f"of the study, {len(same_image)} are images of the study (first in line {first}). Nothing was opened. "
        "Take those lines out; if the patient numbers only happen to be the same, make them different.",
        lines=tuple(sorted({case.line for case in same_patient + same_image})),
    )


def _refuse_twins(cohort: Cohort, study: Study, elsewhere: Study, run: RunFolder) -> None:
    """A patient of the external cohort is not one of the study whose id was only written otherwise."""
    known = _patients_of(study, run).values()
    twins = cross_twins(known, _patients_of(elsewhere, run, cohort=cohort))
    first = [case.line for case in cohort.cases if case.patient_id in twins]
    if twins:
        raise DataRefused(
            f"{len(first)} cases of {elsewhere.manifest.name} have patient ids that differ from ids of the study only "
            f"in capitals, zeros, blanks or the like (first in line {first[0]}). Nothing was opened. Take those lines "
            "out; if they are different people, say so with --ids-as-written.",
            lines=tuple(first),
        )


def _patients_of(study: Study, run: RunFolder, *, cohort: Cohort | None = None) -> dict[str, str]:
    """From the id of each patient in the tables to that in the manifest."""
    if study.identifiers == "pseudonymous":
        return pseudonyms.manifest_patients(study.name, manifest=study.manifest)
    lock = read_lock(run.path)["patient_id"]
    return {patient: patient for patient in (lock if cohort is None else cohort.patients)}


def _predictions(
    run: RunFolder, study: Study, resolved: Mapping[str, encoders.Encoder], held: _Held, *, chosen_device: torch.device
) -> PredictionTable:
    """What every fold's models say of every case."""
    data = study_data(study, held.cohort, held.prepared, groups={}, encoders=resolved, device=chosen_device)
    variants = training.variants_of(study.adaptation, study.recipe, study.selection, encoders=list(resolved))
    folds = [fold for fold in run.finished_folds() if run.is_finished(fold)]
    return concatenate(
        [training.fold_inference.predict_fold(data, variants, fold=fold, folder=run.fold(fold)) for fold in folds]
    )


def _record(held: _Held, log: OpeningLog, *, fingerprint: str, members: int, development: PredictionTable) -> HeldOut:
    rows = development.of(role="test").rows.drop_duplicates("case_id")
    return HeldOut(
        name=held.name,
        kind=held.kind,
        source=held.source,
        fingerprint=fingerprint,
        images=log.images,
        cases=len(held.cohort.cases),
        patients=len(held.cohort.patients),
        by_class=tuple(
            flow.ClassCount(label=row.value, cases=row.cases, patients=row.patients)
            for row in flow.characteristics(held.cohort)
            if row.variable == "class"
        ),
        development=tuple(
            flow.ClassCount(label=label, cases=len(own), patients=own["patient_id"].nunique())
            for label in development.classes
            for own in [rows[rows["truth"] == label]]
        ),
        left_out=tuple(sorted(Counter(exclusion.reason for exclusion in held.cohort.exclusions).items())),
        members=members,
        notes=held.cohort.notes,
        openings=tuple(one.model_copy(update={"opened": ()}) for one in log.by_this_run),
        elsewhere=tuple(one.model_copy(update={"opened": ()}) for one in log.elsewhere),
    )


def _settings_for(settings: evaluation.EvaluationSettings, table: PredictionTable) -> evaluation.EvaluationSettings:
    """The declared settings; subgroups only by covariates that the held-out cases have too."""
    if settings.subgroups is None:
        return settings
    return settings.model_copy(update={"subgroups": tuple(n for n in settings.subgroups if n in table.covariates)})
