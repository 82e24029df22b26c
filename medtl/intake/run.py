"""One intake, step by step: found, offered, named, converted, written, shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medtl.cohort import pseudonyms
from medtl.errors import ConfigurationError, Interrupted
from medtl.intake.conversion import ConversionResult
from medtl.intake.convert_cases import taken_in
from medtl.intake.file_accounting import USED, PseudonymizedSurvey, exclusion_rows
from medtl.intake.links import write_intake_links
from medtl.intake.manifest_file import manifest_row, refuse_to_overwrite, write_exclusions, write_manifest
from medtl.intake.offer import Cell, Offer, Refusal, Survey
from medtl.intake.records import Records
from medtl.intake.settings import IntakeSettings
from medtl.intake.summary import page_content, summary_of
from medtl.intake.surveyed import surveyed
from medtl.locks import exclusive
from medtl.report import write_intake_page


def run_intake(folder: Path, manifest: Path, settings: IntakeSettings) -> str:
    """Write manifest, scans, refusals, page and private link table of a folder; the lines for the console come back.

    Raises:
        ConfigurationError: there is nothing to take in, or something would be overwritten.
        DataRefused: a list, a labels file or an archive is faulty.
        Interrupted: somebody stopped it; the same command goes on.
        Locked: another intake is writing this manifest.
    """
    try:
        with _alone(manifest.absolute(), folder=folder.absolute()):
            return _run(folder.absolute(), manifest.absolute(), settings)
    except KeyboardInterrupt:
        raise Interrupted(
            "Stopped. What was converted is kept: the same command goes on where it was stopped."
        ) from None


@contextmanager
def _alone(manifest: Path, *, folder: Path) -> Iterator[None]:
    """Hold the manifest for this process; nothing is made inside of the folder that is taken in, nor by a refusal."""
    if manifest.is_relative_to(folder):
        yield
        return
    made = [one for one in (manifest.parent, *manifest.parent.parents) if not one.exists()]
    manifest.parent.mkdir(parents=True, exist_ok=True)
    lock = manifest.with_name(f".{manifest.stem}.intake.lock")
    refusal = (
        f"Another intake is writing {manifest.name}. Wait for it and give the command again, or choose another with "
        "--out."
    )
    with exclusive(lock, refusal=refusal):
        try:
            yield
        finally:
            if made and [one.name for one in manifest.parent.iterdir()] == [lock.name]:  # refused: nothing was written
                lock.unlink()
                for empty in made:
                    empty.rmdir()


def _run(folder: Path, manifest: Path, settings: IntakeSettings) -> str:
    seal = manifest.with_name(f".{manifest.stem}.intake.sha256")
    refuse_to_overwrite(manifest, seal=seal, may_replace=settings.replace)
    if manifest.is_relative_to(folder):
        raise ConfigurationError(
            "The manifest would lie inside the folder that is taken in, and the next intake would find what this one "
            "wrote. Choose a folder outside of it for --out."
        )
    survey = surveyed(folder, settings)
    key = pseudonyms.pseudonym_key()
    named = _named(survey, key=key)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    records = Records(manifest.with_name(f"{manifest.stem}.intake.jsonl"), key=key, settings=settings)
    results = taken_in(
        survey.offers,
        named.cases,
        records=records,
        folder=manifest.parent,
        workers=settings.workers,
        may_replace=settings.replace,
    )
    rows = _rows(named, results, with_interval=settings.interval)
    exclusions = exclusion_rows(named, results)
    _keep_links(named, results, manifest)
    write_exclusions(manifest.with_name(f"{manifest.stem}.exclusions.csv"), exclusions)
    write_intake_page(
        manifest.with_name(f"{manifest.stem}.intake.html"), page_content(named, results, manifest, settings)
    )
    write_manifest(manifest, rows, seal=seal)
    return summary_of(survey, results, rows, manifest)


def _named(survey: Survey, *, key: bytes) -> PseudonymizedSurvey:
    everything: list[Offer | Refusal] = [*survey.offers, *survey.refusals]
    cases = pseudonyms.pseudonyms_of((one.key for one in everything), kind="case", key=key)
    patients = pseudonyms.pseudonyms_of((one.patient for one in everything if one.patient), kind="patient", key=key)
    return PseudonymizedSurvey(survey, cases, {**patients, "": ""})


def _rows(
    named: PseudonymizedSurvey, results: Sequence[ConversionResult], *, with_interval: bool
) -> list[dict[str, Cell]]:
    accepted = [pair for pair in zip(named.survey.offers, results, strict=True) if not pair[1].reason]
    first: dict[str, int] = {}
    for offer, _ in accepted:
        if offer.moment_days is not None:
            first[offer.patient] = min(offer.moment_days, first.get(offer.patient, offer.moment_days))
    return [
        manifest_row(
            offer,
            result,
            patient_id=named.patients[offer.patient],
            interval_days=offer.moment_days - first[offer.patient]
            if with_interval and offer.moment_days is not None
            else None,
        )
        for offer, result in accepted
    ]


def _keep_links(named: PseudonymizedSurvey, results: Sequence[ConversionResult], manifest: Path) -> None:
    everything: list[Offer | Refusal] = [*named.survey.offers, *named.survey.refusals]
    entries = [(one, named.cases[one.key], named.patients[one.patient]) for one in everything]
    became = {result.case_id: result.reason or USED for result in results}
    became |= {named.cases[refusal.key]: refusal.reason for refusal in named.survey.refusals}
    write_intake_links(entries, outcomes=became, manifest=manifest)
