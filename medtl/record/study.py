"""study.yaml of a run: every setting as it is written, and as far as pages speak of it.

Written: all settings by name. Read: a frozen value made of the settings' own models where they lie below this floor,
and of required fields elsewhere, so that no setting has a second default here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from medtl.evaluation import EvaluationSettings
from medtl.files import write_atomically
from medtl.folds import FoldSettings
from medtl.imaging import AugmentationSettings, PreparationSettings
from medtl.policies.small_data import SmallDataOptions
from medtl.record import run_folder as names
from medtl.record.saliency_checks import Method
from medtl.record.typed_files import Text, flattened, read_mapping, typed
from medtl.yaml_values import yaml_text

SETTINGS_KEPT_BACK = frozenset({"manifest", "data_root", "out", "cache", "weights", "question"})
"""Settings that name a file or folder, or that a page shows elsewhere."""


FIRST_SETTINGS = ("name", "question", "manifest")
"""How a study.yaml begins."""


class _Part(BaseModel):
    """The fields of a larger model of settings that pages speak of."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DeclaredPolicies(_Part):
    """The policies that the study declares, the primary one first."""

    policy: tuple[str, ...]


class DeclaredRecipe(_Part):
    """How long networks are trained, and with which options for small data."""

    epochs: int
    small_data: SmallDataOptions | None = None


class Viewers(_Part):
    """Volumes with an interactive viewer on each fold's page."""

    viewers: int


class MapMethod(_Part):
    """How the maps are made."""

    method: Method


class DeclaredStudy(_Part):
    """What was declared before any result was known.

    `settings` are all settings as (dotted name, text). A table of another tool has neither preparation nor encoder,
    and its folds are nobody's to draw: these are None, and so is what follows from them.
    """

    name: Text
    question: Text | None = None
    resamples: int
    evaluation: EvaluationSettings
    folds: FoldSettings | None
    preparation: PreparationSettings | None
    augmentation: AugmentationSettings | None = None
    encoder: Text | None
    adaptation: DeclaredPolicies | None
    recipe: DeclaredRecipe | None
    explanation: Viewers | None
    saliency: MapMethod | None
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that the study declares, the primary one first."""
        return () if self.adaptation is None else self.adaptation.policy

    @property
    def preset(self) -> str | None:
        """The kind of scan that the preparation is for."""
        return None if self.preparation is None else self.preparation.preset

    @property
    def size_px(self) -> tuple[int, ...]:
        """(height, width) of prepared pictures, empty for volumes."""
        return () if self.preparation is None else self.preparation.size_px or ()

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """(right, anterior, superior) of prepared volumes, empty for pictures."""
        return () if self.preparation is None else self.preparation.spacing_mm or ()

    @property
    def extent_mm(self) -> tuple[float, ...]:
        """(right, anterior, superior) of prepared volumes, empty for pictures."""
        return () if self.preparation is None else self.preparation.extent_mm or ()

    @property
    def around(self) -> str:
        """What the grid of a volume is centred on, empty where nothing was prepared."""
        return "" if self.preparation is None else self.preparation.around

    @property
    def fold_count(self) -> int | None:
        """Test folds in each repeat, None where they were not drawn."""
        return None if self.folds is None or self.folds.column is not None else self.folds.count

    @property
    def repeats(self) -> int:
        """How often all patients were divided anew."""
        return 1 if self.folds is None or self.folds.column is not None else self.folds.repeats

    @property
    def fold_column(self) -> str | None:
        """The column whose values are the test folds, None where the folds are made otherwise."""
        return None if self.folds is None else self.folds.from_column

    @property
    def fold_source(self) -> str:
        """Where the folds come from, in words."""
        if self.folds is not None and self.folds.official is not None:
            return "official split"
        return "folds given by the manifest" if self.fold_column is not None else "stratified folds"

    @property
    def epochs(self) -> int | None:
        """Epochs of training."""
        return None if self.recipe is None else self.recipe.epochs

    @property
    def small_data(self) -> SmallDataOptions | None:
        """The options for small data that networks were trained with, None where all are off."""
        return None if self.recipe is None else self.recipe.small_data

    @property
    def searched(self) -> tuple[tuple[str, str], ...]:
        """The settings that a search tried, and their further values."""
        above = "selection.search."
        return tuple(
            (name.rpartition(".")[2].replace("_", " "), text)
            for name, text in self.settings
            if name.startswith(above) and text
        )

    @property
    def is_varied_strongly(self) -> bool:
        """Whether training scans were varied by more than the usual ranges."""
        return self.augmentation is not None and self.augmentation.strength == "strong"

    @property
    def draws(self) -> int | None:
        """Varied copies that each training scan had, None where every epoch made a new one."""
        return None if self.augmentation is None else self.augmentation.draws

    @property
    def viewers(self) -> int:
        """Volumes with an interactive viewer on each fold's page."""
        return 0 if self.explanation is None else self.explanation.viewers


def declared_study(values: Mapping[str, object], *, path: Path) -> DeclaredStudy:
    """The named values of a study.yaml at `path`.

    Raises:
        IntegrityFailure: a setting that pages speak of is missing or wrong.
    """
    shown = flattened({key: value for key, value in values.items() if key not in SETTINGS_KEPT_BACK})
    return typed({**values, "settings": shown}, DeclaredStudy, path=path, what="what was studied")


def read_study(run: Path) -> DeclaredStudy:
    """The study.yaml of a run folder.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    path = run / names.STUDY
    return declared_study(read_mapping(path), path=path)


def settings_text(values: Mapping[str, object]) -> str:
    """Settings as the text of a study.yaml: the name, the question and the manifest first, then as they come."""
    ordered = {key: values[key] for key in (*FIRST_SETTINGS, *(key for key in values if key not in FIRST_SETTINGS))}
    return yaml_text(ordered)


def write_settings(values: Mapping[str, object], run: Path) -> None:
    """Write study.yaml into a run folder."""
    write_atomically(run / names.STUDY, settings_text(values))
