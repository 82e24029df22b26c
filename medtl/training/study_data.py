"""The data of a study, and of one of its folds: what folds, controls and the checks of the maps share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from medtl.cohort import Cohort
from medtl.encoders import Encoder, build_untrained
from medtl.encoders.readout import Readout
from medtl.files import fingerprint
from medtl.folds import Split
from medtl.imaging import AugmentationSettings, PreparationSettings, PreparedCohort
from medtl.training.batches import Scans
from medtl.training.feature_table import FeatureTable, feature_table
from medtl.training.kept_maps import GB, MapStore
from medtl.training.mixing import Mixing
from medtl.training.ranks import ALONE, Ranks
from medtl.training.recipe import Recipe
from medtl.training.trunk_cache import TrunkCache


@dataclass(frozen=True)
class FeatureStore:
    """Where frozen features are computed, and the folder in which they are kept."""

    folder: Path
    device: torch.device
    loading_workers: int | None

    def of(
        self, encoder: Encoder, scans: Scans, content: Mapping[str, str], *, readout: Readout = "last"
    ) -> FeatureTable:
        """The features of every case in `content`, which maps a case to the key of its scan."""
        return feature_table(
            encoder, scans, content, folder=self.folder, device=self.device, loading_workers=self.loading_workers,
            readout=readout,
        )  # fmt: skip


@dataclass(frozen=True)
class StudyData:
    """The cases of a study, their scans, the encoders by name and each encoder's frozen features.

    The features are those of the widest of the `readouts`, which the probe chooses among.
    `groups` names the group of each case that stays on one side of every split. `ranks` are the processes that share a
    fit.
    """

    cohort: Cohort
    groups: Mapping[str, str]
    prepared: PreparedCohort
    preparation: PreparationSettings
    scans: Scans
    encoders: Mapping[str, Encoder]
    features: Mapping[str, FeatureTable]
    store: FeatureStore
    seed: int
    readouts: tuple[Readout, ...] = ("last",)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    ranks: Ranks = ALONE

    @classmethod
    def of(
        cls,
        cohort: Cohort,
        prepared: PreparedCohort,
        *,
        groups: Mapping[str, str],
        preparation: PreparationSettings,
        augmentation: AugmentationSettings,
        encoders: Mapping[str, Encoder],
        store: FeatureStore,
        seed: int,
        readouts: tuple[Readout, ...] = ("last",),
        ranks: Ranks = ALONE,
    ) -> StudyData:
        """The data with the features of every encoder, one forward pass a case unless the store has them.

        Args:
            cohort: the cases that are studied.
            prepared: their prepared scans.
            groups: case -> the group that stays on one side of every split; empty where nothing is split.
            preparation: how the scans were prepared.
            augmentation: of training scans.
            encoders: by name, the study's own first.
            store: where features are computed and kept.
            seed: of the study.
            readouts: that the probe chooses among, the narrowest first.
            ranks: the processes that share a fit.
        """
        scans = Scans.of(cohort, prepared, augmentation=augmentation, preparation=preparation)
        content = content_of(cohort, prepared)
        features = {name: store.of(encoder, scans, content, readout=readouts[-1]) for name, encoder in encoders.items()}
        return cls(
            cohort, groups, prepared, preparation, scans, encoders, features, store, seed, readouts, augmentation,
            ranks,
        )  # fmt: skip

    @property
    def device(self) -> torch.device:
        """Where networks compute."""
        return self.store.device

    @property
    def content(self) -> Mapping[str, str]:
        """Case -> the key of its prepared scan."""
        return content_of(self.cohort, self.prepared)

    def features_of(self, encoder: str, scans: Scans, content: Mapping[str, str]) -> FeatureTable:
        """The features of other scans, such as masked ones, read as those of the study."""
        return self.store.of(self.encoders[encoder], scans, content, readout=self.readouts[-1])

    def widths(self, encoder: str) -> dict[Readout, int]:
        """How many of an encoder's first features each of the readouts has."""
        if self.readouts == ("last",):
            return {"last": self.features[encoder].values.shape[1]}
        return {readout: self.encoders[encoder].feature_widths[readout] for readout in self.readouts}

    def last_stage(self, encoder: str) -> FeatureTable:
        """The means of the last stage's maps alone."""
        table = self.features[encoder]
        if self.readouts == ("last",):
            return table
        return FeatureTable(table.case_ids, table.values[:, : self.encoders[encoder].feature_widths["last"]])

    def map_store(self, recipe: Recipe) -> MapStore | None:
        """Where the maps of frozen stages are kept; None where the recipe does not ask for it.

        None, too, where scans are varied anew in every epoch or mixed with others before they reach the stages.
        """
        limit, settings, options = recipe.trunk_cache_gb, self.augmentation, recipe.options
        is_varied = settings.chosen(self.preparation) is not None
        if limit is None or Mixing(options.mixup, options.cutmix).is_on or (is_varied and settings.draws is None):
            return None
        varied_by = [settings.model_dump(mode="json", exclude={"draws"}), self.preparation.model_dump(mode="json")]
        variation = fingerprint(varied_by) if is_varied else None
        return MapStore(TrunkCache(self.store.folder, int(limit * GB)), self.content, variation)

    def untrained(self, encoder: str, *, seed: int) -> Encoder:
        """The network of an encoder without its pretrained weights."""
        return build_untrained(self.encoders[encoder].card, seed=seed)


@dataclass(frozen=True)
class FoldData:
    """One fold of a study: its split, and where the states of its training are kept; None keeps none."""

    study: StudyData
    number: int
    split: Split
    states: Path | None


def content_of(cohort: Cohort, prepared: PreparedCohort) -> dict[str, str]:
    """Case -> the key of its prepared scan."""
    return {case.case_id: prepared.keys[case.case_id] for case in cohort.cases}
