"""The manifest: a CSV or TSV file and its column names in, a `Cohort` out, or one message with every faulty line.

No image is opened here, and no message repeats an id or a path: lines are named by their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from medtl.close_names import did_you_mean
from medtl.cohort.case import Case, Cohort, Covariate, Exclusion
from medtl.cohort.cells import marker_counts, stated
from medtl.cohort.covariates import AGE, USUAL_COVARIATES, covariate_findings, covariate_values
from medtl.cohort.delimited import Delimited, DelimitedRow, read_delimited
from medtl.cohort.image_paths import data_root_of, has_backslashes
from medtl.cohort.labels import label_findings, label_of, ordered_classes
from medtl.cohort.manifest_row import ManifestRow, row_faults
from medtl.cohort.patient_ids import remedy, twin_faults
from medtl.cohort.settings import ManifestSettings
from medtl.cohort.several_labels import several_labels_findings
from medtl.errors import DataRefused
from medtl.files import sha256_of
from medtl.findings import Finding

MASK = "mask"
"""A column that is read when it is there."""

USUAL_SPLIT_COLUMNS = ("official_split", "split")

PHANTOM_COLUMN = "is_phantom"
"""A manifest with `yes` here in every line is of phantoms, and every page made from it states that."""

LINES_SHOWN = 20
"""Faults printed in a message; the rest is counted, and all are in the error's facts."""


@dataclass(frozen=True)
class _Columns:
    """The index of each column in the rows of one manifest."""

    position: Mapping[str, int]
    fields: Mapping[str, str]
    covariates: tuple[str, ...]
    split: str | None


def read_manifest(path: Path, settings: ManifestSettings | None = None) -> Cohort:
    """The cohort that a manifest describes, in its order.

    A case without a label, or with a label that the settings leave out, becomes an `Exclusion` (`no_label`,
    `label_left_out`). Without a case column the id is derived from the image path. Whether the images exist is not
    looked at.

    Raises:
        ConfigurationError: there is no such file, or no such data root.
        DataRefused: the file is not a table, columns are missing, lines are faulty (all are named), or the labels do
            not make at least two classes.
    """
    chosen = settings or ManifestSettings()
    root = data_root_of(path, chosen.data_root)
    required = (chosen.image_column, chosen.patient_column, chosen.label_column)
    table = read_delimited(path, expected_columns=(*required, chosen.case_column, *USUAL_COVARIATES))
    columns = _columns_of(table, chosen, manifest=path.name)
    faults: list[tuple[int, str]] = []
    rows = _valid_rows(table, columns, root=root, faults=faults)
    _find_repeats(rows, faults, columns)
    if not chosen.ids_as_written:
        patients = ((row.line, row.patient_id) for row in rows)
        faults.extend(twin_faults(patients, column=columns.fields["patient_id"]))
    labels = [label_of(row.label, settings=chosen) for row in rows]
    markers = marker_counts(row.label for row, label in zip(rows, labels, strict=True) if not label)
    lines = ((row.line, label) for row, label in zip(rows, labels, strict=True))
    classes, positive = ordered_classes(lines, settings=chosen, faults=faults, missing=markers)
    _refuse_faults(faults, manifest=path.name)

    written = {name: [row.covariates[name] for row in rows] for name in columns.covariates}
    comma = table.delimiter != ","
    values = {name: covariate_values(name, cells, comma_is_decimal=comma) for name, cells in written.items()}
    cases = tuple(
        _case_of(row, root=root, label=label, covariates={name: values[name][index] for name in values})
        for index, (row, label) in enumerate(zip(rows, labels, strict=True))
    )
    kept = tuple(case for case in cases if case.label in classes)
    cohort = Cohort(
        cases=kept,
        classes=classes,
        covariates=columns.covariates,
        exclusions=tuple(_left_out(case) for case in cases if case.label not in classes),
        findings=(
            *positive,
            *label_findings((row.label for row in rows), settings=chosen),
            *covariate_findings(written, comma_is_decimal=comma),
        ),
        split_column=columns.split,
        is_phantom=_is_phantom(table, columns),
    )
    image = columns.position[chosen.image_column]
    if any(has_backslashes(row.cells[image]) for row in table.rows if len(row.cells) > image):
        cohort = cohort.with_findings(
            Finding("backslashes", "Image paths are written with backslashes; they were read as folder separators.")
        )
    return cohort.with_findings(*several_labels_findings(cohort))


def _columns_of(table: Delimited, settings: ManifestSettings, *, manifest: str) -> _Columns:
    header = table.header
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise DataRefused(f"The manifest {manifest} has two columns named {doubled[0]!r}: rename one.", columns=doubled)
    wanted = {
        settings.image_column: "image",
        settings.patient_column: "patient",
        settings.label_column: "label",
        **dict.fromkeys(settings.covariates or (), "covariate"),
    }
    if settings.split_column is not None:
        wanted[settings.split_column] = "split"
    if missing := [name for name in wanted if name not in header]:
        raise DataRefused(_missing_columns(missing, wanted, header, manifest), missing=missing, columns=list(header))
    usual = tuple(name for name in USUAL_COVARIATES if name in header and wanted.get(name, "split") == "split")
    fields = {"image": settings.image_column, "patient_id": settings.patient_column, "label": settings.label_column}
    split = settings.split_column or next((name for name in USUAL_SPLIT_COLUMNS if name in header), None)
    if settings.case_column in header:
        fields["case_id"] = settings.case_column
    if split is not None:
        fields["split"] = split
    fields |= {name: name for name in (AGE, MASK) if name in header and (name == AGE or name not in wanted)}
    return _Columns(
        position={name: index for index, name in enumerate(header)},
        fields=fields,
        covariates=usual if settings.covariates is None else settings.covariates,
        split=split,
    )


def _missing_columns(missing: Sequence[str], wanted: Mapping[str, str], header: Sequence[str], manifest: str) -> str:
    role = wanted[missing[0]]
    key = "covariates" if role == "covariate" else f"{role}_column"
    lines = []
    for name in missing:
        lines.append(f"  {name!r} for the {wanted[name]}{did_you_mean(name, header, quoted=True)}")
    return (
        f"The manifest {manifest} lacks {len(missing)} column{'s' if len(missing) > 1 else ''}:\n"
        + "\n".join(lines)
        + f"\nIt has: {', '.join(name or '(no name)' for name in header)}.\n"
        "Rename the column in the file, or name it in the study (label_column, patient_column, image_column, …), on "
        f"the command line with --set {key}=NAME."
    )


def _valid_rows(
    table: Delimited, columns: _Columns, *, root: Path, faults: list[tuple[int, str]]
) -> tuple[ManifestRow, ...]:
    rows = []
    for row in table.rows:
        if len(row.cells) != len(table.header):
            what = f"has {len(row.cells)} cells, the header has {len(table.header)}"
            faults.append((row.line, f"{what} (a delimiter inside a cell needs quotes around the cell)"))
            continue
        try:
            rows.append(ManifestRow.model_validate(_named_cells(row, columns), context={"root": root}))
        except ValidationError as error:
            faults.extend((row.line, fault) for fault in row_faults(error, columns=columns.fields))
    return tuple(rows)


def _named_cells(row: DelimitedRow, columns: _Columns) -> dict[str, object]:
    cells: dict[str, object] = {field: row.cells[columns.position[column]] for field, column in columns.fields.items()}
    covariates = {name: row.cells[columns.position[name]] for name in columns.covariates}
    return {"line": row.line, **cells, "covariates": covariates}


def _find_repeats(rows: Sequence[ManifestRow], faults: list[tuple[int, str]], columns: _Columns) -> None:
    first_case: dict[str, int] = {}
    first_image: dict[Path, int] = {}
    for row in rows:
        if row.case_id is not None and first_case.setdefault(row.case_id, row.line) != row.line:
            seen = first_case[row.case_id]
            faults.append((row.line, f"the id in {columns.fields['case_id']} is already used in line {seen}"))
        if first_image.setdefault(row.image, row.line) != row.line:
            seen = first_image[row.image]
            faults.append((row.line, f"the image in {columns.fields['image']} is the same file as in line {seen}"))


def _refuse_faults(faults: Sequence[tuple[int, str]], *, manifest: str) -> None:
    if not faults:
        return
    listed = sorted(faults)
    count = len({line for line, _ in listed})
    shown = "\n".join(f"  line {line}: {what}" for line, what in listed[:LINES_SHOWN])
    more = f"\n  … and {len(listed) - LINES_SHOWN} more" if len(listed) > LINES_SHOWN else ""
    also = remedy(what for _, what in listed)
    raise DataRefused(
        f"The manifest {manifest} has {count} faulty line{'s' if count > 1 else ''} (the header is line 1):\n"
        f"{shown}{more}{also}\nCorrect them, or take the lines out, and run again; nothing was changed.",
        faults=tuple({"line": line, "fault": what} for line, what in listed),
    )


def _case_of(row: ManifestRow, *, root: Path, label: str, covariates: Mapping[str, Covariate]) -> Case:
    relative = row.image.relative_to(root).as_posix()
    case_id = row.case_id or f"case-{sha256_of(relative.encode('utf-8', 'surrogateescape'))[:12]}"
    return Case(
        case_id=case_id,
        patient_id=row.patient_id,
        image=row.image,
        label=label,
        line=row.line,
        covariates=covariates,
        split=stated(row.split or "") or None,
        mask=row.mask,
        chance_key=sha256_of(f"{row.patient_id}\n{case_id}".encode())[:16],
    )


def _left_out(case: Case) -> Exclusion:
    if not case.label:
        return Exclusion(case.case_id, case.line, "no_label", "The label cell is empty, or holds a missing marker.")
    return Exclusion(case.case_id, case.line, "label_left_out", f"The study leaves out the label {case.label}.")


def _is_phantom(table: Delimited, columns: _Columns) -> bool:
    index = columns.position.get(PHANTOM_COLUMN)
    return index is not None and all(row.cells[index].casefold() == "yes" for row in table.rows)
