"""From a study to a pretrained encoder in the weight store, for studies of other cohorts."""

from __future__ import annotations

from medtl import encoders, files, imaging, training
from medtl.study.cohort import audit_and_split, read_cohort
from medtl.study.encoders import resolve_encoder
from medtl.study.settings import Study


def pretrain_encoder(study: Study, *, name: str, device: str = "auto", replace: bool = False) -> encoders.EncoderCard:
    """Pretrain the study's encoder on its manifest and store it as `name`; the first fold's test part is held out."""
    chosen_device = training.choose_device(device)
    store = encoders.WeightStore.from_environment()
    store.require_free(name, replace=replace)
    study, encoder = resolve_encoder(study, store=store)
    cohort = read_cohort(study)
    cache = imaging.PreparedCache.shared()
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    scans = training.Scans.of(
        recruited.cohort, prepared, augmentation=study.augmentation, preparation=study.preparation
    )
    result = training.pretraining.pretrain(
        encoder,
        cohort=recruited.cohort,
        split=recruited.folds.split(recruited.folds.folds[0]),
        scans=scans,
        recipe=study.recipe,
        dropout=study.adaptation.dropout,
        seed=study.seed,
        device=chosen_device,
        states=cache.folder / "pretraining" / files.fingerprint(study.deciding()),
    )
    card = encoder.card.model_copy(
        update={
            "name": name,
            "needs_weights": True,
            "trained_on": f"{study.name}: {len(recruited.cohort.cases)} cases, classes "
            f"{', '.join(recruited.cohort.classes)}. {result.in_words()}",
            "licence": "that of the data it was trained on",
            "source": "medtl pretrain",
            "citation": encoder.card.family.citation,
            "note": "",
        }
    )
    return store.save(result.encoder.tensors(), card, replace=replace)
