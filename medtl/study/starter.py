"""A first study.yaml from a manifest: every choice with its reason, and nothing guessed that only people know.

In: a manifest, what the user declares, and where to write. Out: a commented study.yaml that `medtl check` and
`medtl run` read as it is, and what to do next. The positive class is asked for.
"""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from medtl.cohort import Cohort, read_manifest
from medtl.cohort.delimited import Delimited, read_delimited
from medtl.encoders import WeightStore
from medtl.errors import ConfigurationError
from medtl.files import write_atomically
from medtl.folds import assign
from medtl.progress import quiet
from medtl.study.scan_sample import ScanSample, sample_of
from medtl.study.schema import editor_line
from medtl.study.settings import NAMES_IN_A_MANIFEST, Study, changed_values, study_from
from medtl.study.starter_choices import (
    Choice,
    adaptation_choice,
    class_choices,
    development_of,
    fold_choice,
    is_probe_alone,
    people_of,
    recipe_choice,
    threshold_choice,
    with_declared,
)
from medtl.study.starter_encoder import EncoderChoice, encoder_choice
from medtl.study.starter_preparation import Prepared, preparation_of, preset_of
from medtl.yaml_values import flow_text, parsed_yaml

MODALITY = "modality"
COMMENT_WIDTH = 110
LONGEST_NAME = 64
UNNAMED = "study"


def write_starter(
    manifest: Path, *, out: Path, positive: str | None = None, changes: Sequence[str] = (), has_gpu: bool = False
) -> str:
    """Write a study.yaml for a manifest and say what was chosen and what to run next.

    Args:
        manifest: a table as `medtl intake` writes it.
        out: the file to write; it must not exist.
        positive: the class that is looked for, of two.
        changes: `key=value` settings that the user declares; they stand in the file in the place of choices.
        has_gpu: whether a GPU is at hand.

    Raises:
        ConfigurationError: `out` exists, or two classes have no positive one.
        DataRefused: the manifest or its scans cannot be studied, as medtl check would say it.
    """
    _refuse_existing(out)
    declared = changed_values({}, changes)
    if positive is not None:
        declared["positive_class"] = positive
    if "manifest" in declared:
        raise ConfigurationError("The manifest is the file that you name: leave --set manifest out.")
    study = study_from({"name": UNNAMED, **declared, "manifest": str(manifest.resolve())}, folder=out.parent)
    cohort = read_manifest(
        manifest, study.model_copy(update={"split_column": study.folds.split_column or study.split_column})
    )
    _refuse_open_question(cohort, study)
    with quiet():  # what is noted of a workbook was printed when the cohort was read
        table = read_delimited(manifest, expected_columns=(study.label_column, study.image_column))
    sample = sample_of(cohort.cases)
    choices, get = _choices(cohort, sample, table, study=study, declared=declared, has_gpu=has_gpu)
    named = [_name_choice(manifest), _question(cohort), _manifest_choice(manifest, out), *choices]
    chosen = with_declared(named, {key: value for key, value in declared.items() if key != "positive_class"})
    text = starter_text(chosen, header=_header(cohort, sample, has_gpu=has_gpu))
    text = f"{editor_line(out)}\n{text}".lstrip("\n")
    written = study_from(
        parsed_yaml(text, what=out.name, text_keys=NAMES_IN_A_MANIFEST), folder=out.parent, what=out.name
    )
    if written.folds.column is None and written.folds.sealed is None:
        assign(cohort, written.folds, groups={})  # refused now rather than by the command that is recommended
    write_atomically(out, text)
    return _summary(cohort, sample, chosen, out=out, get=get)


def starter_text(choices: Sequence[Choice], *, header: Sequence[str]) -> str:
    """The file: each key below the reason for it."""
    parts = ["\n".join(_comment(line) for line in header)]
    parts += [f"{_comment(one.reason)}\n{flow_text({one.key: one.value})}" for one in choices]
    return "\n\n".join(parts) + "\n"


def _choices(
    cohort: Cohort,
    sample: ScanSample,
    table: Delimited,
    *,
    study: Study,
    declared: Mapping[str, object],
    has_gpu: bool,
) -> tuple[tuple[Choice, ...], str]:
    """The choices that rest on data, and the command that gets the encoder's weights, empty where they are here."""
    prepared, encoder = _preparation_and_encoder(sample, table, study=study, declared=declared)
    parts = declared.get("folds")
    development = development_of(cohort)
    people = people_of(development.cohort)
    adaptation = adaptation_choice(people, has_gpu=has_gpu, is_of_volumes=sample.is_of_volumes)
    folds = fold_choice(
        development,
        table.header,
        is_quick=has_gpu or is_probe_alone(adaptation),
        declared=parts if isinstance(parts, dict) else {},
    )
    found: list[Choice | None] = [
        *class_choices(cohort, because=_because(study, declared)),
        folds,
        prepared.choice,
        encoder.choice,
        prepared.volumes,
        adaptation,
        recipe_choice(adaptation, people, is_of_volumes=sample.is_of_volumes),
        threshold_choice(cohort),
        _identifiers(),
    ]
    return tuple(one for one in found if one is not None), "" if "encoder" in declared else encoder.get


def _preparation_and_encoder(
    sample: ScanSample, table: Delimited, *, study: Study, declared: Mapping[str, object]
) -> tuple[Prepared, EncoderChoice]:
    own = declared.get("preparation")
    if isinstance(own, dict) and "preset" in own:
        preset, because = study.preparation.preset, "The preset is as --set says."
    else:
        modalities = [row.cells[table.header.index(MODALITY)] for row in table.rows] if MODALITY in table.header else ()
        preset, because = preset_of(sample, modalities)
    prepared = preparation_of(sample, preset, because)
    return prepared, encoder_choice(preset, prepared, store=WeightStore.from_environment())


def _refuse_existing(out: Path) -> None:
    if out.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigurationError(f"A study is a YAML file: give --out a name that ends in .yaml, not {out.name!r}.")
    if out.exists():
        raise ConfigurationError(
            f"{out} exists, and nothing is written over. Give --out another name, or move the file away."
        )


def _refuse_open_question(cohort: Cohort, study: Study) -> None:
    """Two classes need a positive one, which only the user knows."""
    if cohort.positive_class is None or study.positive_class is not None or study.classes is not None:
        return
    counts = people_of(cohort).of_class
    listed = " and ".join(f"{name} ({counts[name]:,} patients)" for name in cohort.classes)
    commands = " or ".join(f"--positive {shlex.quote(name)}" for name in cohort.classes)
    raise ConfigurationError(
        f"Which of the two classes is looked for? They are {listed}. Give {commands}: sensitivity, predictive values "
        "and the threshold refer to it. Nothing was written.",
        classes=cohort.classes,
    )


def _because(study: Study, declared: Mapping[str, object]) -> str:
    if study.positive_class is not None:
        return "The class that is looked for, as you declared it."
    return "The last of classes, as you declared them." if "classes" in declared else ""


def _name_choice(manifest: Path) -> Choice:
    source = manifest.resolve().parent.name if manifest.stem.lower() == "manifest" else manifest.stem
    name = re.sub(r"[^a-z0-9]+", "-", source.casefold()).strip("-")[:LONGEST_NAME].strip("-") or UNNAMED
    return Choice("name", name, "Names the run folder. No name or number of a patient belongs into it.")


def _question(cohort: Cohort) -> Choice:
    reason = "Write the clinical question in one sentence: it stands at the top of every page."
    return Choice("question", f"Can a pretrained encoder {cohort.outcome.distinguish()}?", reason)


def _manifest_choice(manifest: Path, out: Path) -> Choice:
    path = Path(os.path.relpath(manifest.resolve(), out.resolve().parent)).as_posix()
    return Choice("manifest", path, "The table of scans; the path starts at this file's folder.")


def _identifiers() -> Choice:
    reason = (
        "Ids are replaced by pseudonyms in everything that is written. as_in_manifest keeps them: for ids that are "
        "pseudonyms or public already."
    )
    return Choice("identifiers", "pseudonymous", reason)


def _header(cohort: Cohort, sample: ScanSample, *, has_gpu: bool) -> tuple[str, ...]:
    left, unreadable = len(cohort.exclusions), len(sample.unreadable)
    device = "A GPU was found here" if has_gpu else "No GPU was found here"
    lines = [
        "A first study, proposed by medtl init: change what you know better; the reasons stand above each key.",
        f"{len(cohort.cases):,} cases of {len(cohort.patients):,} patients.",
        f"{device}; medtl run takes one where there is one (--device auto, cpu, cuda, cuda:1).",
    ]
    if left:
        lines.append(f"Lines of the manifest without a label, or with one that is not studied: {left:,}.")
    if unreadable:
        lines.append(f"Scans that were looked at and cannot be read: {unreadable:,}; medtl check names them.")
    return tuple(lines)


def _comment(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), COMMENT_WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


def _summary(cohort: Cohort, sample: ScanSample, choices: Sequence[Choice], *, out: Path, get: str) -> str:
    path = shlex.quote(str(out))
    shown = [one for one in choices if one.key in ("positive_class", "folds", "preparation", "encoder", "adaptation")]
    lines = [
        f"{out} is written: {len(cohort.cases):,} cases of {len(cohort.patients):,} patients, {sample.measured} "
        "measured.",
        *(f"  {flow_text({one.key: one.value}).rstrip()}" for one in shown),
        *(f"Note: {sentence}" for sentence in sample.unreadable[:3]),
        "The reason for each choice stands in the file. Next:",
        *([f"  {get}"] if get else []),
        f"  medtl check {path}",
        f"  medtl run {path}",
    ]
    return "\n".join(lines)
