"""The medtl command: verbs only. Each verb imports what it needs when it is called, so that `--help` is quick."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from medtl.errors import ConfigurationError, Interrupted, MedtlError, ResourceExhausted

if TYPE_CHECKING:
    from medtl.study_settings import Study

Arguments = ParamSpec("Arguments")

app = typer.Typer(
    name="medtl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    help="Adapt pretrained CNN encoders to medical scans and learn honestly how well they do.\n\n"
    "Start with `medtl demo` (phantoms, offline, about two minutes), then `medtl intake FOLDER --out manifest.csv`, "
    "`medtl check manifest.csv` and `medtl run study.yaml` on scans of your own. "
    "Nothing here ever reaches for the network.",
)
weights = typer.Typer(no_args_is_help=True, help="The encoders you can borrow: list, import, verify.")
app.add_typer(weights, name="weights")

Out = Annotated[Path | None, typer.Option(help="Folder for the run. Default: runs/<name>-<fingerprint>.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. --set recipe.epochs=5. May be repeated."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Tie = Annotated[
    bool, typer.Option("--tie-duplicates", help="Keep patients whose images look nearly the same in one fold.")
]
Limit = Annotated[int | None, typer.Option(help="Study at most so many patients of each class.")]


def speaking(verb: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Let a verb end as scripts need it: a letter on standard error and an exit code that says which kind."""

    @functools.wraps(verb)
    def spoken(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        def stop(_number: int, _frame: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        try:
            verb(*args, **kwargs)
        except MedtlError as error:
            raise _end(error) from None
        except KeyboardInterrupt:
            letter = Interrupted("Stopped. Finished folds and epochs are kept: the same command with --resume goes on.")
            raise _end(letter) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise _end(ResourceExhausted("The disk is full. Free some space; a run goes on with --resume.")) from None
        finally:
            signal.signal(signal.SIGTERM, before)

    return spoken


def _end(error: MedtlError) -> typer.Exit:
    print(f"medtl: {error}", file=sys.stderr)
    return typer.Exit(error.exit_code)


@app.command()
@speaking
def demo(out: Annotated[Path, typer.Option(help="Folder for the phantoms and the run.")] = Path("runs/demo")) -> None:
    """Show the whole way on phantoms: offline, no weights, no GPU, about two minutes on two cores.

    Draws a source task and a small target task, pretrains an encoder on the first, and studies the second with the
    transferred encoder and from scratch on the same folds.
    """
    from medtl.demo import run_demo

    print(run_demo(out))


@app.command()
@speaking
def intake(
    folder: Annotated[Path, typer.Argument(help="A folder of scans; or a datalist (.json), a MedMNIST file (.npz).")],
    out: Annotated[Path, typer.Option(metavar="MANIFEST", help="The manifest to write, a .csv outside of FOLDER.")],
    labels: Annotated[
        Path | None, typer.Option(help="A CSV with labels of patients, series, folders or files.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="The column that holds the label.")] = "label",
    modality: Annotated[str | None, typer.Option(help="Keep only this modality (CT), or BIDS suffix (T1w).")] = None,
    source: Annotated[
        str, typer.Option(help="dicom, nifti, pictures, bids, datalist, nnunet or medmnist; auto looks for itself.")
    ] = "auto",
    fewest_slices: Annotated[int, typer.Option(help="A series of fewer slices is refused.")] = 5,
    correct_tilt: Annotated[bool, typer.Option("--correct-tilt", help="Resample series of a tilted gantry.")] = False,
    one_per_patient: Annotated[
        bool,
        typer.Option("--one-per-patient", help="Refuse the cases of a patient with several, unless one has a label."),
    ] = False,
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


@app.command()
@speaking
def check(
    manifest: Annotated[Path, typer.Argument(help="A manifest (CSV, TSV) or a study (YAML).")],
    changes: Changes = None,
    tie_duplicates: Tie = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the findings and the pairs as CSV.")] = None,
) -> None:
    """Read and verify everything without training: counts, faults, duplicates, and what each fold would hold.

    Exit code 0 when a study could start, 3 when the data are refused.
    """
    from medtl.check import check_data

    print(check_data(manifest, changes=_changes(changes, tie_duplicates=tie_duplicates), out=out))


@app.command()
@speaking
def run(
    study: Annotated[Path, typer.Argument(help="A study in YAML.")],
    out: Out = None,
    changes: Changes = None,
    device: Device = "auto",
    limit_patients: Limit = None,
    resume: Resume = False,
    tie_duplicates: Tie = False,
) -> None:
    """Run a study: patient-level folds, frozen probe, adapted encoders, metrics with intervals, Grad-CAM, reports."""
    from medtl.study_settings import read_study

    chosen = _changes(changes, limit_patients=limit_patients, tie_duplicates=tie_duplicates)
    _run(read_study(study, changes=chosen), out=out, device=device, resume=resume)


@app.command()
@speaking
def report(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Rebuild the pages of a run from its CSVs alone."""
    from medtl.report import write_reports

    for page in write_reports(run):
        print(page)


@app.command()
@speaking
def pretrain(
    study: Annotated[Path, typer.Argument(help="A study in YAML whose manifest is the source task.")],
    name: Annotated[str, typer.Option("--as", help="Name of the encoder to be stored.")],
    changes: Changes = None,
    device: Device = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an encoder of that name.")] = False,
) -> None:
    """Pretrain an encoder on a manifest of your own and store it, ready to be borrowed by name."""
    from medtl.study import pretrain_encoder
    from medtl.study_settings import read_study

    card = pretrain_encoder(read_study(study, changes=changes or []), name=name, device=device, replace=replace)
    print(f"{card.name}: {card.trained_on}")


@app.command()
@speaking
def doctor() -> None:
    """Say what this machine has and what is missing: versions, device, memory, disk, weights, cache."""
    from medtl.doctor import examine

    print(examine())


@weights.command("list")
@speaking
def list_weights() -> None:
    """List the encoders that are known, and which of them are here."""
    from medtl.doctor import weight_table

    print(weight_table())


@weights.command("import")
@speaking
def import_weights(
    file: Annotated[Path, typer.Argument(help="A .safetensors, .pt or .pth file that you have downloaded.")],
    name: Annotated[str, typer.Option("--as", help="Name in the catalogue, such as resnet18-imagenet, or your own.")],
    like: Annotated[
        str | None, typer.Option(help="For a name of your own: the known encoder whose conventions it follows.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an encoder of that name.")] = False,
) -> None:
    """Take published weights into the store, with an account of every tensor and a sha256."""
    from medtl.encoders import WeightStore

    card = WeightStore.from_environment().import_file(file, name, like=like, replace=replace)
    print(f"{card.name}: {card.account}, sha256 {card.sha256}")


@weights.command()
@speaking
def verify(name: Annotated[str | None, typer.Argument(help="One encoder; all when left out.")] = None) -> None:
    """Compare every stored encoder with the sha256 on its card."""
    from medtl.doctor import verified_weights

    for each in verified_weights(name):
        print(f"{each}: as on its card")


def pipeline(study: Study) -> None:
    """Make a script of a study: the options of `medtl run`, and `--print-study` for its YAML."""

    @speaking
    def script(
        manifest: Annotated[Path | None, typer.Option(help="Where the manifest lies on this machine.")] = None,
        out: Out = None,
        changes: Changes = None,
        device: Device = "auto",
        limit_patients: Limit = None,
        resume: Resume = False,
        print_study: Annotated[bool, typer.Option("--print-study", help="Print the study as YAML and stop.")] = False,
    ) -> None:
        from medtl.study_settings import as_yaml, with_changes

        also = [f"manifest={manifest}"] if manifest else []
        chosen = with_changes(study, [*also, *_changes(changes, limit_patients=limit_patients)])
        if print_study:
            print(as_yaml(chosen, folder=Path.cwd()), end="")
        elif not chosen.manifest.is_file():
            raise ConfigurationError(
                f"The manifest {chosen.manifest.name} does not exist where this script looks for it "
                f"({study.manifest.as_posix()}, from here). Say where it lies with --manifest."
            )
        else:
            _run(chosen, out=out, device=device, resume=resume)

    script.__doc__ = f"{study.question or study.name}"
    alone = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
    alone.command()(script)
    _share_the_processor()
    alone()


def main() -> None:
    """The entry point of the `medtl` command."""
    _share_the_processor()
    app()


def _share_the_processor() -> None:
    """Idle threads of torch wait asleep, not spinning: alone on a machine this costs nothing, beside others' work the
    same training was 2 to 3 times faster. Read by OpenMP when torch is imported; what the user has set is kept."""
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _changes(
    changes: list[str] | None, *, limit_patients: int | None = None, tie_duplicates: bool = False
) -> list[str]:
    limit = [f"limit_patients={limit_patients}"] if limit_patients is not None else []
    tie = ["folds.tie_near_duplicates=true"] if tie_duplicates else []
    return [*(changes or []), *limit, *tie]


def _run(study: Study, *, out: Path | None, device: str, resume: bool) -> None:
    from medtl.study import run_study

    print(run_study(study, out=out, device=device, resume=resume) / "report.html")
