"""The model card (Mitchell et al. 2019) as Markdown: what the models are, on whom, how well, and their limits.

In: a run, its numbers and the authors' statements. Out: the text of model_card.md. What a model is meant for is for the
authors to say; nothing is said in their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from medtl.evaluation.metrics import known
from medtl.files import sha256_of_file
from medtl.findings import Finding, Severity
from medtl.record.fold import FoldRecord
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.run_folder import read_done
from medtl.record.study import DeclaredStudy
from medtl.report.html.numbers import in_table
from medtl.report.html.theme import look_of
from medtl.report.manuscript.methods_paragraph import limits_of, methods_paragraph
from medtl.report.manuscript.statements import MODEL_CARD_KEYS, Statements
from medtl.report.results.judged import Judged
from medtl.report.sections.cohort import flow_of

MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
"""What Markdown or HTML would read as a mark, in a text that somebody wrote."""

RESTRICTED = re.compile(r"non[- ]?commercial|\bNC\b|research only", re.IGNORECASE)
"""Words of a licence that forbid some use."""


def model_card(run: Run, judged: Judged, findings: Sequence[Finding], statements: Statements) -> str:
    """The card; the same text each time."""
    parts = [
        f"# Model card: {plain_text(run.study.name)}",
        f"Written by medtl from the files of the run alone; study {run.provenance.fingerprint}. "
        "Research use; not a medical device.",
        *_models(run),
        *_use(statements),
        *_data(run),
        *_evaluation(run.models, run.chosen_model, judged),
        "## What speaks against it",
        _listed(
            [f"{plain_text(one.title)} {plain_text(one.advice)}" for one in findings if one.severity > Severity.NOTE]
        ),
        "## Limits",
        _listed([plain_text(limit) for limit in limits_of(run, judged)]),
        *_licences(run.provenance, run.study),
        *_checkpoints(run.folds, run.folder),
        "## Methods",
        plain_text(methods_paragraph(run, judged)),
    ]
    return "\n\n".join(parts) + "\n"


def plain_text(text: str) -> str:
    """A text on one line that neither Markdown nor HTML reads as anything but text."""
    return MARKS.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _models(run: Run) -> tuple[str, ...]:
    rows = [
        ("Reported model", look_of(run.chosen_model, run.models).name),
        ("Further models", ", ".join(look_of(one, run.models).name for one in run.models if one != run.chosen_model)),
        ("Encoder", run.study.encoder or "none"),
        *((f"Encoder: {name}", text) for name, text in run.provenance.card.items() if name != "name"),
        ("Classes", ", ".join(run.classes)),
        ("Finished (UTC)", run.provenance.finished_utc or "not finished"),
        *((name, version) for name, version in run.provenance.installed.items()),
    ]
    return "## Models", _table(("What", "Value"), [row for row in rows if row[1]])


def _use(statements: Statements) -> tuple[str, ...]:
    lines = []
    for key, name in MODEL_CARD_KEYS.items():
        stated = statements.of("model_card", key)
        gap = f"not stated; write it into statements.yaml as model\\_card: {key.replace('_', chr(92) + '_')}"
        lines.append(f"{name}: {plain_text(stated) if stated else gap}.".replace("..", "."))
    return "## Intended use", _listed(lines)


def _data(run: Run) -> tuple[str, ...]:
    flow = flow_of(run)
    rows = [(label, f"{patients:,}", f"{cases:,}") for label, patients, cases in flow.by_class]
    rows.append(("All", f"{flow.patients:,}", f"{flow.cases:,}"))
    known = [name for name in ("site", "sex", "age_years") if name in run.cohort.covariates]
    sentence = f"Covariates: {', '.join(known)}. " if known else "The manifest names neither site, sex nor age. "
    left = f"{flow.excluded:,} of {flow.files:,} files were left out by name and reason (exclusions.csv)."
    part = f" Only a part was studied: {plain_text(run.cohort.limited)}." if run.cohort.limited else ""
    phantom = " The data are phantoms." if run.cohort.is_phantom else ""
    return (
        "## Training and test data",
        f"The models of a fold were trained on the patients outside of it. {sentence}{left}{part}{phantom}",
        _table(("Class", "Patients", "Cases"), rows),
    )


def _evaluation(models: tuple[str, ...], chosen_model: str, judged: Judged) -> tuple[str, ...]:
    rows = []
    for model in models:
        found = judged.of(model, fold=None).estimates
        numbers = [
            in_table(one.value, one.low, one.high, digits=metric.digits)
            for metric in known.METRICS
            for one in (found[metric.name],)
        ]
        rows.append((look_of(model, models).name, *numbers))
    patients = judged.of(chosen_model, fold=None).patients
    return (
        "## Evaluation",
        f"Internal testing in {patients:,} patients, out of fold; 95 % intervals by patient.",
        _table(("Model", *(metric.label for metric in known.METRICS)), rows),
    )


def _licences(provenance: Provenance, study: DeclaredStudy) -> tuple[str, ...]:
    card = provenance.card
    licence = card.get("licence")
    lines = [f"Encoder weights ({plain_text(study.encoder or 'none')}): {plain_text(licence or 'not recorded')}."]
    if licence and RESTRICTED.search(licence):
        lines.append("This licence restricts use; models fine-tuned from these weights carry the restriction on.")
    if card.get("source"):
        lines.append(f"Source of the weights: {plain_text(card['source'])}.")
    lines.append("The licence of the training data is not known to the run.")
    return "## Licences", _listed(lines)


def _checkpoints(folds: tuple[FoldRecord, ...], folder: Path) -> tuple[str, ...]:
    rows = [
        (f"fold_{record.fold}/{name}", digest)
        for record in folds
        for name, digest in sorted(checkpoint_hashes(folder / f"fold_{record.fold}").items())
    ]
    if not rows:
        return "## Checkpoints", "The run folder holds none."
    return "## Checkpoints", _table(("File", "SHA-256"), rows)


def checkpoint_hashes(fold: Path) -> dict[str, str]:
    """The SHA-256 of each checkpoint of a fold: as DONE.json recorded it, or of the file where it did not."""
    recorded = read_done(fold).sha256
    return {
        path.name: str(recorded.get(path.name) or sha256_of_file(path))
        for path in sorted(fold.glob("checkpoint*.safetensors"))
    }


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(plain_text(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
