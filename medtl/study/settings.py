"""A study as settings: what is in study.yaml, read as data and never as code.

In: YAML and `key=value` changes. Out: a frozen `Study`, or one letter with every wrong key.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from medtl.adaptation import AdaptationSettings
from medtl.close_names import did_you_mean
from medtl.cohort import ManifestSettings
from medtl.cohort.manifest_links import REFERENCE, KeptManifest, keep_manifest, kept_manifest
from medtl.controls import ControlSettings
from medtl.encoders import VolumeSettings
from medtl.errors import ConfigurationError
from medtl.evaluation import EvaluationSettings
from medtl.explanation import ExplanationSettings, SaliencySettings
from medtl.files import write_atomically
from medtl.folds import FoldSettings
from medtl.imaging import AugmentationSettings, PreparationSettings
from medtl.policies import policy_of
from medtl.progress import say
from medtl.record.study import settings_text, write_settings
from medtl.training import Recipe, SelectionSettings, variants_of
from medtl.training.fitting_options import refuse_unfit_options
from medtl.yaml_values import parsed_yaml, read_yaml

LARGEST_STUDY_FILE = 1_000_000
"""Bytes; a study file is a page of text."""

NAMES_IN_A_MANIFEST = frozenset(
    {"label_column", "patient_column", "image_column", "case_column", "split_column", "covariates"}
    | {"classes", "positive_class", "leave_out_labels", "from_column", "official", "sealed", "subgroups"}
)
"""Keys below which every word is a name that stands in the manifest, as it is written: 0 and 1, yes and no, 2024."""


QUOTED = re.compile(r"'([^']*)'")
"""A value in pydantic's list of those that were expected."""


class Study(ManifestSettings):
    """Everything that decides a result, in one frozen value: how the manifest is read, and what is done with it."""

    name: str = Field(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$", max_length=64, description="Names the run folder.")
    question: str = Field(default="", max_length=300, description="The clinical question, in one sentence.")
    manifest: Path = Field(description="CSV or TSV; a relative path starts at the study file's folder.")
    folds: FoldSettings = FoldSettings()
    preparation: PreparationSettings = PreparationSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    encoder: str = Field(default="resnet18-imagenet", description="A name of `medtl weights list`.")
    volumes: VolumeSettings | None = Field(default=None, description="How the encoder takes volumes.")
    adaptation: AdaptationSettings = AdaptationSettings()
    recipe: Recipe = Recipe()
    selection: SelectionSettings | None = Field(
        default=None, description="What each fold's validation patients choose among; without it nothing is selected."
    )
    explanation: ExplanationSettings = ExplanationSettings()
    saliency: SaliencySettings = SaliencySettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    controls: ControlSettings = ControlSettings()
    resamples: int = Field(default=2000, ge=100, le=100_000, description="Of the bootstrap by patient.")
    limit_patients: int | None = Field(default=None, ge=1, description="At most so many patients of each class.")
    identifiers: Literal["pseudonymous", "as_in_manifest"] = Field(
        default="pseudonymous", description="as_in_manifest: the manifest's ids are pseudonyms or public already."
    )

    @model_validator(mode="after")
    def _folds_and_columns_agree(self) -> Self:
        needed = self.folds.split_column
        if needed is not None and self.split_column not in (None, needed):
            raise ValueError(f"folds are read from {needed!r}, but split_column is {self.split_column!r}: leave it out")
        return self

    @model_validator(mode="after")
    def _volumes_are_studied(self) -> Self:
        if self.volumes is not None and not self.preparation.is_volume:
            raise ValueError(
                "volumes says how an encoder takes volumes, but the preparation gives pictures; leave it out, or give "
                "preparation.spacing_mm and preparation.extent_mm"
            )
        return self

    @model_validator(mode="after")
    def _there_is_a_choice(self) -> Self:
        if self.selection is None:
            return self
        if self.recipe.learning_rate in self.selection.learning_rates:
            raise ValueError(
                f"selection.learning_rates names recipe.learning_rate, {self.recipe.learning_rate:g}, which is a "
                "candidate already: remove it"
            )
        policies = map(policy_of, self.adaptation.policy)
        trained = [policy.name for policy in policies if policy is not None and policy.is_pretrained]
        if not trained and self.selection.learning_rates:
            raise ValueError(
                "selection.learning_rates are for lp_ft or full, but adaptation.policy names only "
                f"{', '.join(self.adaptation.policy)}: add one of them, or remove the rates"
            )
        if self.selection.search is not None:
            self._search_has_candidates(self.selection, trained)
        if not trained and not self.selection.encoders:
            raise ValueError("selection has nothing to choose among: name lp_ft or full as a policy, or more encoders")
        return self

    def _search_has_candidates(self, among: SelectionSettings, trained: Sequence[str]) -> None:
        if not trained:
            raise ValueError(
                "selection.search is for lp_ft or full, but adaptation.policy names only "
                f"{', '.join(self.adaptation.policy)}: add one of them, or remove it"
            )
        if among.search is not None and among.learning_rates and "recipe.learning_rate" in among.search.axes:
            raise ValueError("selection.learning_rates and search.recipe.learning_rate name rates: use one of them")
        for variant in variants_of(self.adaptation, self.recipe, among, encoders=[self.encoder]):
            refuse_unfit_options(
                variant.recipe, variant.adaptation, augmentation=self.augmentation, preparation=self.preparation
            )

    @model_validator(mode="after")
    def _options_have_a_network(self) -> Self:
        refuse_unfit_options(self.recipe, self.adaptation, augmentation=self.augmentation, preparation=self.preparation)
        return self

    @model_validator(mode="after")
    def _every_number_is_finite(self) -> Self:
        for key, value in _leaves(self.model_dump()):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{key} is {value}; every number of a study is finite")
        return self

    @property
    def seed(self) -> int:
        """Where all chance of the study starts."""
        return self.folds.seed

    def deciding(self) -> dict[str, Any]:
        """The settings that can change a number; the paths of the manifest and its images are not among them."""
        separate = {"augmentation", "recipe"}
        settings = self.model_dump(mode="json", exclude={"manifest", "data_root", "question"} | separate)
        if not self.ids_as_written:
            del settings["ids_as_written"]  # a study that refuses near twins is the study it always was
        if self.selection is not None and self.selection.search is None:
            del settings["selection"]["search"]
        return {**settings, "augmentation": self.augmentation.deciding(), "recipe": self.recipe.deciding()}


def read_study(path: Path, *, changes: Sequence[str] = ()) -> Study:
    """Read a study file and apply `key=value` changes, keys with dots for what lies deeper."""
    if not path.is_file():
        raise ConfigurationError(f"There is no study file {path.name}. A study is a YAML file; README shows one.")
    if path.stat().st_size > LARGEST_STUDY_FILE:
        raise ConfigurationError(f"{path.name} is larger than {LARGEST_STUDY_FILE:,} bytes; a study file is a page.")
    values = read_yaml(path, text_keys=NAMES_IN_A_MANIFEST)
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path.name} should hold keys and values, such as `name: my-study`.")
    return study_from(values, folder=path.parent, changes=changes, what=path.name)


def study_from(
    values: Mapping[str, Any], *, folder: Path, changes: Sequence[str] = (), what: str = "The study"
) -> Study:
    """A study from plain values; relative paths start at `folder`."""
    changed = changed_values(values, changes)
    if isinstance(changed.get("manifest"), str):
        changed = _with_manifest_path(changed, folder)
    try:
        return Study.model_validate(changed)
    except ValidationError as error:
        raise ConfigurationError(_message(error, what=what), faults=error.error_count()) from error


def changed_values(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The plain values with `key=value` changes, not yet validated."""
    changed = dict(values)
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key:
            raise ConfigurationError(f"--set takes key=value, such as recipe.epochs=5; got {change!r}.")
        keys = key.strip().split(".")
        changed = _with(changed, keys, _value_of(text, key=keys[-1], what=f"--set {key}"))
    return changed


def _with_manifest_path(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values with the manifest's place: below `folder`, or what a private reference leads to."""
    written = values["manifest"]
    kept = kept_manifest(written) if written.startswith(REFERENCE) else None
    if kept is None:
        return {**values, "manifest": folder / written}
    root = {} if kept.data_root is None else {"data_root": kept.data_root}
    return {**root, **values, "manifest": kept.manifest}


def _value_of(text: str, *, key: str, what: str) -> Any:
    """The value in `key=text`, read as it would be in the study file."""
    if key in NAMES_IN_A_MANIFEST and "\n" not in text:
        return parsed_yaml(f"{key}: {text}", what=what, text_keys=NAMES_IN_A_MANIFEST)[key]
    return parsed_yaml(text, what=what, text_keys=NAMES_IN_A_MANIFEST)


def with_changes(study: Study, changes: Sequence[str]) -> Study:
    """The study with `key=value` changes."""
    return study_from(study.model_dump(mode="json"), folder=Path.cwd(), changes=changes) if changes else study


def as_yaml(study: Study, *, folder: Path) -> str:
    """The study as YAML that `read_study` reads back to the same study from `folder`; no absolute path is written."""
    root = None
    if study.data_root is not None:
        root = _relative(study.manifest.parent / study.data_root, study.manifest.parent)
    return settings_text(_values(study, manifest=_relative(study.manifest, folder), data_root=root))


def write_study(study: Study, path: Path) -> None:
    """Write study.yaml so that it runs again from where it lies."""
    write_atomically(path, as_yaml(study, folder=path.parent))


def write_study_of_run(study: Study, run: Path, *, fingerprint: str) -> None:
    """Write the study.yaml of a run folder: it runs again for the same user and names no place to anybody else.

    `fingerprint` is the run's fingerprint, under which the user's private folder keeps the paths.
    """
    manifest = study.manifest.resolve()
    root = None if study.data_root is None else (study.manifest.parent / study.data_root.expanduser()).resolve()
    try:
        reference = keep_manifest(KeptManifest(manifest, root), fingerprint=fingerprint)
    except ConfigurationError as error:
        if study.identifiers == "pseudonymous":
            raise
        say(f"{error} Without it, study.yaml in the run folder runs again only with --set manifest=PATH.")
        reference = f"{REFERENCE}{fingerprint}"
    write_settings(_values(study, manifest=reference, data_root=None), run)


def _values(study: Study, *, manifest: str, data_root: str | None) -> dict[str, object]:
    """Every setting, with the manifest's place as it is to be written."""
    values = study.model_dump(mode="json", exclude_none=True, exclude={"data_root"})
    return {**values, "manifest": manifest, **({} if data_root is None else {"data_root": data_root})}


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _leaves(values: Mapping[str, Any], *above: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, *above, key)
        else:
            yield ".".join((*above, key)), value


def _with(values: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    if len(keys) == 1:
        return {**values, keys[0]: value}
    inner = values.get(keys[0])
    return {**values, keys[0]: _with(inner if isinstance(inner, dict) else {}, keys[1:], value)}


def _message(error: ValidationError, *, what: str) -> str:
    lines = []
    faults = error.errors(include_url=False)
    for fault in faults:
        if fault["type"] == "too_short" and any(_lies_in(other["loc"], fault["loc"]) for other in faults):
            continue  # a list is short only because an entry of it was refused, which is told already
        key = ".".join(str(part) for part in fault["loc"]) or "the study"
        got = repr(fault["input"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"  - {key}: no such key{_hint(fault['loc'])}")
        elif fault["type"] == "missing":
            lines.append(f"  - {key}: this key is needed")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "literal_error":
                message += did_you_mean(str(fault["input"]), QUOTED.findall(fault["ctx"]["expected"]))
            lines.append(f"  - {key}: {message}" + ("" if isinstance(fault["input"], dict) else f"; got {got[:80]}"))
    return f"{what} has {len(lines)} fault{'s' if len(lines) > 1 else ''}; nothing was started:\n" + "\n".join(lines)


def _lies_in(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _hint(location: tuple[int | str, ...]) -> str:
    model: Any = Study
    for part in location[:-1]:
        model = model.model_fields[part].annotation if isinstance(part, str) else model
    known = list(getattr(model, "model_fields", {}))
    return did_you_mean(str(location[-1]), known) or f"; known are {', '.join(known)}"
