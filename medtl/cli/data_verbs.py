"""Verbs about scans and this machine: intake, init, check, cache, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medtl.cli.exit_codes import speaking
from medtl.cli.options import AsWritten, Changes, Tie, changes_of


@speaking
def intake(
    folder: Annotated[Path, typer.Argument(help="A folder of scans; or a datalist (.json), a MedMNIST file (.npz).")],
    out: Annotated[Path, typer.Option(metavar="MANIFEST", help="The manifest to write, a .csv outside of FOLDER.")],
    labels: Annotated[
        Path | None, typer.Option(help="A CSV with labels of patients, series, folders or files.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="The column that holds the label.")] = "label",
    classes: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help='All classes as they are written, also one that is called NA: "NA,B".'),
    ] = None,
    modality: Annotated[str | None, typer.Option(help="Keep only this modality (CT), or BIDS suffix (T1w).")] = None,
    source: Annotated[
        str, typer.Option(help="dicom, nifti, pictures, bids, datalist, nnunet or medmnist; auto looks for itself.")
    ] = "auto",
    labels_from: Annotated[
        str | None, typer.Option(metavar="folder[:N]", help="Folders are the classes: those at level N, 1 the highest.")
    ] = None,
    patients_from: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help='Who the patient is: folder, folder:N, file, name, or a pattern such as "{patient}_*".'
        ),
    ] = None,
    sequence: Annotated[
        str | None, typer.Option(help="Keep one sequence of each patient (t1), the others are refused by name.")
    ] = None,
    mask: Annotated[
        str | None, typer.Option(metavar="PATTERN", help='Which of several masks of an image: "*_reader1*".')
    ] = None,
    series: Annotated[
        str | None, typer.Option(metavar="PATTERN", help='Keep DICOM series with such a description: "T1*".')
    ] = None,
    fewest_slices: Annotated[
        int, typer.Option(help="A series of fewer slices is refused; with 1, single slices are taken as pictures.")
    ] = 5,
    frame: Annotated[
        str | None, typer.Option(help="Take clips by a frame: middle, first, a number from 1, or all as pictures.")
    ] = None,
    correct_tilt: Annotated[bool, typer.Option("--correct-tilt", help="Resample series of a tilted gantry.")] = False,
    volume: Annotated[
        str | None, typer.Option(help="Of files of several volumes (4D NIfTI, NRRD): first, mean or a number from 1.")
    ] = None,
    pages_mm: Annotated[
        str | None,
        typer.Option(help="Read TIFFs of several pages as volumes: mm between rows x columns x pages, as 0.5x0.5x2."),
    ] = None,
    one_per_patient: Annotated[
        bool,
        typer.Option("--one-per-patient", help="Refuse the cases of a patient with several, unless one has a label."),
    ] = False,
    ids_as_written: AsWritten = False,
    series_description: Annotated[
        bool, typer.Option("--series-description", help="Keep this free text as a column; names may stand in it.")
    ] = False,
    interval: Annotated[bool, typer.Option("--interval", help="Keep the days since the patient's first scan.")] = False,
    workers: Annotated[int, typer.Option(help="Files read at the same time.")] = 2,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a manifest that others have written.")] = False,
) -> None:
    """Take scans in: from a folder to a manifest, each series accepted or refused by name.

    Files are known by content, not by name, and only headers are read at first. Beside the manifest come the scans
    without a name in them, MANIFEST.exclusions.csv with a reason for everything refused, and MANIFEST.intake.html to
    look at. Patients get pseudonyms; who is who stays in your private folder (MEDTL_HOME). Stopped, the same command
    goes on. Exit code 0 when a manifest was written, 2 for a wrong option, 3 when data are refused, 4 when stopped.
    """
    options = {name: value for name, value in locals().items() if name not in ("folder", "out")}
    from medtl.intake import intake_settings, run_intake

    print(run_intake(folder, out, intake_settings(options)))


@speaking
def init(
    data: Annotated[
        Path | None, typer.Argument(metavar="MANIFEST", help="A manifest; of a folder it says how to make one.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="STUDY", help="The study to write; nothing is written over.")] = Path(
        "study.yaml"
    ),
    positive: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Of two classes the one that is looked for; never guessed.")
    ] = None,
    changes: Changes = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a JSON schema for editors; a study beside a study.schema.json names it."
        ),
    ] = None,
) -> None:
    """Look at the scans of a manifest and write a study.yaml with the reason for each choice above it.

    Sizes, spacings and values of the scans are measured; folds follow the patients of the rarest class; the encoder is
    one that is here, or the file says how to get it. The study runs as it is written, and every choice can be changed.
    """
    from medtl.errors import ConfigurationError

    if schema is not None:
        from medtl.study.schema import write_schema

        write_schema(schema)
        print(schema)
    if data is None:
        if schema is None:
            raise ConfigurationError("Name a manifest (medtl init manifest.csv), or --schema FILE for an editor.")
        return
    from medtl.study.starter import write_starter
    from medtl.training.device import choose_device

    if data.is_dir() or data.suffix.lower() in (".json", ".npz"):
        from medtl.intake.proposal import proposed_intake

        raise ConfigurationError(proposed_intake(data))
    if data.suffix.lower() in (".yaml", ".yml"):
        raise ConfigurationError(f"{data} is a study already. Look at it with medtl check {data}.")
    has_gpu = choose_device("auto").type == "cuda"
    print(write_starter(data, out=out, positive=positive, changes=changes or [], has_gpu=has_gpu))


@speaking
def check(
    manifest: Annotated[Path, typer.Argument(help="A manifest (CSV, TSV) or a study (YAML).")],
    changes: Changes = None,
    tie_duplicates: Tie = False,
    ids_as_written: AsWritten = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write audit.html, with pairs as pictures, and the findings as CSV."),
    ] = None,
) -> None:
    """Read and verify everything without training: counts, faults, duplicates, and what each fold would hold.

    Exit code 0 when a study could start, 3 when the data are refused.
    """
    from medtl.study.check import check_data

    chosen = changes_of(changes, tie_duplicates=tie_duplicates, ids_as_written=ids_as_written)
    print(check_data(manifest, changes=chosen, out=out))


@speaking
def cache(
    keep: Annotated[
        str | None, typer.Option(help="Remove what was not used for longest until so much is left, such as 50GB.")
    ] = None,
) -> None:
    """Say how much the cache holds (MEDTL_CACHE), by kind and by study, and remove its oldest entries on request.

    Everything in it can be computed again. Nothing is removed while a study uses it, on any machine that shares it.
    """
    from medtl.imaging import default_cache_folder
    from medtl.imaging.cache_use import bytes_of, cache_parts, lines_by_study, remove_oldest

    folder = default_cache_folder()
    if keep is not None and folder.is_dir():
        files, removed = remove_oldest(folder, keep_bytes=bytes_of(keep))
        print(f"{files} files were removed, {removed / 10**9:.2f} GB.")
    parts = cache_parts(folder) if folder.is_dir() else ()
    for part in parts:
        print(part.in_words)
    by_study = lines_by_study(folder) if parts else ()
    if by_study:
        print("", "Used by:", *by_study, sep="\n")
    if not parts:
        print("The cache is empty.")


@speaking
def doctor() -> None:
    """Say what this machine has and what is missing: versions, device, memory, disk, weights, cache."""
    from medtl.study.doctor import examine

    print(examine())
