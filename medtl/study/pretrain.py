"""From one study or several to a pretrained encoder in the weight store, for studies of other cohorts.

In: studies, whose manifests and labels are the source tasks; the first says how it is trained. Out: the encoder's card,
with how well each task was learnt on patients who were held out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from medtl import encoders, files, imaging, training
from medtl.encoders.feature_statistics import FeatureStatistics
from medtl.errors import ConfigurationError, DataRefused
from medtl.progress import say
from medtl.study.cohort import Recruited, audit_and_split, read_cohort
from medtl.study.encoders import resolve_encoder
from medtl.study.settings import Study
from medtl.study.source_statistics import source_statistics
from medtl.training.pretraining import SourceTask
from medtl.training.study_data import content_of


@dataclass(frozen=True)
class _Read:
    """A source task that was read: its study, who was recruited, and their prepared scans."""

    study: Study
    recruited: Recruited
    prepared: imaging.PreparedCohort
    task: SourceTask


def pretrain_encoder(
    studies: Study | Sequence[Study], *, name: str, device: str = "auto", replace: bool = False
) -> encoders.EncoderCard:
    """Pretrain the first study's encoder on the manifests of all and store it as `name`.

    Each study is a source task with a head of its own; the encoder is shared. The test part of each one's first fold is
    held out.

    Raises:
        ConfigurationError: two studies have one name, or prepare scans of other sizes or channels.
        DataRefused: every held-out case of a task has a copy among the training cases of another.
    """
    given = [studies] if isinstance(studies, Study) else list(studies)
    _refuse_unlike(given)
    chosen_device = training.choose_device(device)
    store = encoders.WeightStore.from_environment()
    store.require_free(name, replace=replace)
    first, encoder = resolve_encoder(given[0], store=store)
    cache = imaging.PreparedCache.shared()
    _say_what_is_not_used(given)
    found = _without_copies([_read(study, cache) for study in (first, *given[1:])])
    result = training.pretraining.pretrain(
        encoder,
        [one.task for one in found],
        recipe=first.recipe,
        dropout=first.adaptation.dropout,
        seed=first.seed,
        device=chosen_device,
        draws=first.augmentation.draws,
        states=cache.folder / "pretraining" / files.fingerprint([one.study.deciding() for one in found]),
    )
    card = encoder.card.model_copy(
        update={
            "name": name,
            "needs_weights": True,
            "trained_on": " ".join(
                f"{one.study.name}: {len(one.recruited.cohort.cases)} cases, classes "
                f"{', '.join(one.recruited.cohort.classes)}. {held_out.in_words()}"
                for one, held_out in zip(found, result.held_out, strict=True)
            ),
            "licence": "that of the data it was trained on",
            "source": "medtl pretrain",
            "citation": encoder.card.family.citation,
            "note": "",
        }
    )
    statistics = _statistics(
        found, result.encoder, training.FeatureStore(cache.folder, chosen_device, first.recipe.loading_workers)
    )
    return store.save(result.encoder.tensors(), card, statistics=statistics, replace=replace)


def _statistics(
    found: Sequence[_Read], encoder: encoders.Encoder, features: training.FeatureStore
) -> FeatureStatistics | None:
    """The statistics of the one source's features; several are several domains, and one mean is the middle of none."""
    if len(found) > 1:
        say("The card gets no statistics of the source's features, since it has several sources.")
        return None
    (one,) = found
    cohort, split = one.recruited.cohort, one.task.split
    table = partial(features.of, encoder, one.task.scans, content_of(cohort, one.prepared))
    return source_statistics(table, cohort, learnt=split.training, held_out=split.test)


def _read(study: Study, cache: imaging.PreparedCache) -> _Read:
    cohort = read_cohort(study)
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    scans = training.Scans.of(
        recruited.cohort, prepared, augmentation=study.augmentation, preparation=study.preparation
    )
    split = recruited.folds.split(recruited.folds.folds[0])
    return _Read(study, recruited, prepared, SourceTask(study.name, recruited.cohort, split, scans))


def _refuse_unlike(studies: Sequence[Study]) -> None:
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        raise ConfigurationError(
            f"The studies are called {', '.join(names)}, and the card tells source tasks apart by name: give each "
            "another name."
        )
    shapes = {study.name: (study.preparation.channels, *study.preparation.shape) for study in studies}
    if len(set(shapes.values())) > 1:
        found = "; ".join(f"{name}: {' x '.join(map(str, shape))}" for name, shape in shapes.items())
        raise ConfigurationError(
            f"Scans of all source tasks go through one encoder together, and these are prepared to other sizes or "
            f"channels ({found}): give all the same preparation.size_px, or the same grid."
        )


def _say_what_is_not_used(studies: Sequence[Study]) -> None:
    """One encoder is trained in one way: what the further studies say otherwise has no part in it."""
    first = studies[0]
    for study in studies[1:]:
        parts = ("encoder", "adaptation", "recipe")
        other = [part for part in parts if getattr(study, part) != getattr(first, part)]
        if other:
            say(f"{study.name}: what it says of {' and '.join(other)} is not used; {first.name} says it for all.")


def _without_copies(tasks: Sequence[_Read]) -> list[_Read]:
    """The tasks without held-out cases whose pixels another task learns from; nothing is known of its patients."""
    if len(tasks) == 1:
        return list(tasks)
    say(
        "Patient ids of different manifests are taken for different people: if a patient is in two of them, the "
        "held-out numbers are too good. Scans that are equal pixel by pixel are found."
    )
    kept = []
    for one in tasks:
        learnt = {
            other.prepared.facts[case].pixel_sha256
            for other in tasks
            if other is not one
            for case in (*other.task.split.training, *other.task.split.validation)
        }
        test = tuple(case for case in one.task.split.test if one.prepared.facts[case].pixel_sha256 not in learnt)
        copies = len(one.task.split.test) - len(test)
        if copies:
            say(f"{one.study.name}: {copies} held-out cases are left out, since another task learns from equal scans.")
        if not test:
            raise DataRefused(
                f"Every held-out case of {one.study.name} has a copy among the cases that another source task learns "
                "from, so that nothing can be said of how well it was learnt. Take the copies out of one manifest."
            )
        split = dataclasses.replace(one.task.split, test=test)
        kept.append(dataclasses.replace(one, task=dataclasses.replace(one.task, split=split)))
    return kept
