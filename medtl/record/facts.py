"""What a run says about itself: its settings, its cohort and the machine, as frozen facts.

In: study.yaml, cohort.json and environment.json. Out: only what a page shows; everything else stays in the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from medtl.errors import IntegrityFailure
from medtl.evaluation import Estimate, EvaluationSettings
from medtl.record.controls import BlindAuroc
from medtl.record.plain_data import flattened, inside, text_of

ENCODER_FACTS = (
    "name", "architecture", "lifting", "trained_on", "licence", "source", "citation", "note", "grey_rule",
    "published_sha256", "sha256",
)  # fmt: skip
"""The fields of an encoder's card that a page shows, in this order."""

USUAL_VIEWERS = 2
"""Volumes with an interactive viewer on each fold's page when the study does not say."""

USUAL_RESAMPLES = 2000
"""Bootstrap resamples when the study does not say: each tail of 2.5 % then rests on 50 draws."""

SETTINGS_KEPT_BACK = frozenset({"manifest", "data_root", "out", "cache", "weights", "question"})
"""Settings that name places on a disk, or that a page tells elsewhere."""


@dataclass(frozen=True)
class StudyFacts:
    """The settings that the pages tell. `fold_plan` is a phrase; `settings` are all others as (name, text)."""

    name: str
    question: str | None
    policies: tuple[str, ...]
    encoder: str | None
    preset: str | None
    size_px: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    extent_mm: tuple[float, ...]
    around: str
    fold_count: int | None
    repeats: int
    fold_source: str
    epochs: int | None
    resamples: int
    evaluation: EvaluationSettings
    viewers: int
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CohortFacts:
    """Who was studied, counted: files found, cases and patients kept, and what the reader should be told.

    `blind` is what was told from covariates and files alone, None where the run did not ask.
    """

    files: int
    cases: int
    patients: int
    classes: tuple[str, ...]
    positive_class: str | None
    notes: tuple[str, ...]
    is_phantom: bool
    limited: str | None
    covariates: tuple[str, ...]
    blind: BlindAuroc | None = None


@dataclass(frozen=True)
class Provenance:
    """With what the run was made. `seconds` are (stage, seconds); `encoder` are (field, text) of its card."""

    versions: tuple[tuple[str, str], ...]
    python: str
    platform: str
    device: str
    cpu_count: str
    seed: int
    encoder: tuple[tuple[str, str], ...]
    started_utc: str | None
    finished_utc: str | None
    seconds: tuple[tuple[str, float], ...]
    fingerprint: str


def study_facts(settings: Mapping[str, object]) -> StudyFacts:
    """The facts of a study.yaml."""
    folds, preparation = inside(settings, "folds"), inside(settings, "preparation")
    policy = inside(settings, "adaptation").get("policy")
    policies = tuple(str(name) for name in policy) if isinstance(policy, list) else ((str(policy),) if policy else ())
    size = preparation.get("size_px")
    question = settings.get("question")
    return StudyFacts(
        name=text_of(settings.get("name", "study")),
        question=text_of(question) if question else None,
        policies=policies,
        encoder=text_of(settings["encoder"]) if settings.get("encoder") else None,
        preset=text_of(preparation["preset"]) if preparation.get("preset") else None,
        size_px=tuple(_whole(side) or 0 for side in size) if isinstance(size, list) else (),
        spacing_mm=_lengths(preparation.get("spacing_mm")),
        extent_mm=_lengths(preparation.get("extent_mm")),
        around=text_of(preparation.get("around", "middle")),
        fold_count=_whole(folds.get("count")),
        repeats=_whole(folds.get("repeats")) or 1,
        fold_source=_fold_source(folds),
        epochs=_whole(inside(settings, "recipe").get("epochs")),
        resamples=_whole(settings.get("resamples")) or USUAL_RESAMPLES,
        evaluation=_evaluation(inside(settings, "evaluation")),
        viewers=_viewers(inside(settings, "explanation").get("viewers")),
        settings=flattened({key: value for key, value in settings.items() if key not in SETTINGS_KEPT_BACK}),
    )


def _evaluation(told: Mapping[str, object]) -> EvaluationSettings:
    try:
        return EvaluationSettings.model_validate(told)
    except ValidationError as error:
        raise IntegrityFailure(
            f"study.yaml does not say how to judge ({error.errors()[0]['msg']}): it was changed after the run wrote "
            "it. Restore it, or run again with --resume."
        ) from error


def _fold_source(folds: Mapping[str, object]) -> str:
    if folds.get("official"):
        return "official split"
    return "folds given by the manifest" if folds.get("from_column") else "stratified folds"


def cohort_facts(cohort: Mapping[str, object]) -> CohortFacts:
    """The facts of a cohort.json."""
    positive, limited = cohort.get("positive_class"), cohort.get("limited")
    return CohortFacts(
        files=_whole(cohort.get("files")) or 0,
        cases=_whole(cohort.get("cases")) or 0,
        patients=_whole(cohort.get("patients")) or 0,
        classes=_texts(cohort.get("classes")),
        positive_class=None if positive is None else str(positive),
        notes=tuple(text_of(note) for note in _texts(cohort.get("notes"))),
        is_phantom=bool(cohort.get("is_phantom")),
        limited=text_of(limited) if limited else None,
        covariates=_texts(cohort.get("covariates")),
        blind=_blind(inside(cohort, "without_scans")),
    )


def _blind(told: Mapping[str, object]) -> BlindAuroc | None:
    if not told:
        return None
    try:
        return BlindAuroc(
            tuple(map(text_of, _texts(told.get("properties")))),
            Estimate.model_validate(told.get("auroc")),
            float(p) if isinstance(p := told.get("p_value"), int | float) else None,
        )
    except ValidationError as error:
        raise IntegrityFailure(
            f"cohort.json does not say how well the label was told without the scans ({error.errors()[0]['msg']}): "
            "it was changed after the run wrote it. Restore it, or run again with --resume."
        ) from error


def provenance(environment: Mapping[str, object]) -> Provenance:
    """The facts of an environment.json."""
    card, seconds = inside(environment, "encoder"), environment.get("seconds")
    stages = seconds if isinstance(seconds, dict) else ({"whole run": seconds} if seconds else {})
    return Provenance(
        versions=tuple((name, text_of(version)) for name, version in inside(environment, "versions").items()),
        python=text_of(environment.get("python", "not recorded")),
        platform=text_of(environment.get("platform", "not recorded")),
        device=text_of(environment.get("device", "not recorded")),
        cpu_count=text_of(environment.get("cpu_count", "not recorded")),
        seed=_whole(environment.get("seed")) or 0,
        encoder=tuple((name, text_of(card[name])) for name in ENCODER_FACTS if card.get(name) not in (None, "")),
        started_utc=_text_or_none(environment.get("started_utc")),
        finished_utc=_text_or_none(environment.get("finished_utc")),
        seconds=tuple((str(stage), float(spent)) for stage, spent in stages.items() if isinstance(spent, int | float)),
        fingerprint=text_of(environment.get("fingerprint", "not recorded")),
    )


def _viewers(value: object) -> int:
    found = _whole(value)
    return USUAL_VIEWERS if found is None else max(found, 0)


def _lengths(value: object) -> tuple[float, ...]:
    return tuple(float(mm) for mm in value if isinstance(mm, int | float)) if isinstance(value, list) else ()


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _text_or_none(value: object) -> str | None:
    return None if value is None else text_of(value)
