"""The statistics of a source's features, for the card of the encoder that was trained on it.

In: the source as a study, and an encoder that was just trained on it or that lies in the weight store. Out: statistics,
or the stored encoder with a card that has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medtl import encoders, imaging, training
from medtl.cohort import Cohort
from medtl.encoders.feature_statistics import FeatureStatistics, feature_statistics
from medtl.errors import ConfigurationError, IntegrityFailure, ResourceExhausted
from medtl.progress import say
from medtl.study.cohort import read_cohort
from medtl.study.encoders import resolve_encoder
from medtl.study.settings import Study
from medtl.training.feature_table import FeatureTable
from medtl.training.study_data import content_of


def source_statistics(
    features: Callable[[], FeatureTable], cohort: Cohort, *, learnt: Sequence[str], held_out: Sequence[str] = ()
) -> FeatureStatistics | None:
    """The statistics of the cases that were learnt from; None, and a sentence, where there can be none.

    They are worked out after hours of training, so that no fault of theirs may cost the encoder.
    """
    cases = {case.case_id: case for case in cohort.cases}
    names = sorted(learnt, key=lambda name: cases[name].chance_key)
    patients = [cases[name].patient_id for name in names]
    try:
        table = features()
        return feature_statistics(table.of(names), patients, held_out=table.of(held_out))
    except (ConfigurationError, IntegrityFailure, ResourceExhausted) as error:
        say(f"The card gets no statistics of the source's features. {error}")
        return None


def describe_source(study: Study, *, name: str, device: str = "auto", replace: bool = False) -> encoders.EncoderCard:
    """The card of a stored encoder, now with the statistics of the study's images as those of its source.

    The weights stay as they are. An encoder of a folder that is only read is stored once more in the first one.

    Raises:
        ConfigurationError: the name is no stored encoder, its card has statistics, or there are too few images.
    """
    chosen_device = training.choose_device(device)
    store = encoders.WeightStore.from_environment()
    card = store.card(name)
    study, encoder = resolve_encoder(study.model_copy(update={"encoder": name}), store=store)
    if name not in store.names() or encoder.card.name != name:
        raise ConfigurationError(
            f"{name} has no card of its own for these scans; expected a stored encoder that takes them as it is. "
            "medtl weights list --all shows the names."
        )
    if card.source_features is not None and not replace:
        raise ConfigurationError(
            f"The card of {name} has statistics of {card.source_features.cases} images of its source. Replace them on "
            "purpose (--replace)."
        )
    cohort, cache = read_cohort(study), imaging.PreparedCache.shared()
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
    cohort = cohort.without(prepared.exclusions)
    scans = training.Scans.of(cohort, prepared, augmentation=study.augmentation, preparation=study.preparation)
    table = training.FeatureStore(cache.folder, chosen_device, study.recipe.loading_workers).of(
        encoder, scans, content_of(cohort, prepared)
    )
    cases = sorted(cohort.cases, key=lambda case: case.chance_key)
    statistics = feature_statistics(table.of([case.case_id for case in cases]), [case.patient_id for case in cases])
    described = card.model_copy(update={"source_features": statistics.summary})
    store.put(store.read(name), described, statistics=statistics.as_bytes())
    return described
