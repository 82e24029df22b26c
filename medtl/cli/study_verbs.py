"""Verbs that learn: demo, run, learning-curve, pretrain; and what makes a script of a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtl.cli.exit_codes import share_the_processor, speaking, write_any_name
from medtl.cli.options import AsWritten, Changes, Device, Limit, Out, Resume, Tie, changes_of
from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    from medtl.study.settings import Study


@speaking
def demo(out: Annotated[Path, typer.Option(help="Folder for the phantoms and the run.")] = Path("runs/demo")) -> None:
    """Show the whole way on phantoms: offline, no weights, no GPU, about two minutes on two cores.

    Draws a source task and a small target task, pretrains an encoder on the first, and studies the second with the
    transferred encoder and from scratch on the same folds.
    """
    from medtl.study.demo import run_demo

    print(run_demo(out))


@speaking
def run(
    study: Annotated[Path, typer.Argument(help="A study in YAML.")],
    out: Out = None,
    changes: Changes = None,
    device: Device = "auto",
    limit_patients: Limit = None,
    resume: Resume = False,
    tie_duplicates: Tie = False,
    ids_as_written: AsWritten = False,
) -> None:
    """Run a study: patient-level folds, frozen probe, adapted encoders, metrics with intervals, Grad-CAM, reports."""
    from medtl.study.settings import read_study

    chosen = changes_of(
        changes, limit_patients=limit_patients, tie_duplicates=tie_duplicates, ids_as_written=ids_as_written
    )
    _run(read_study(study, changes=chosen), out=out, device=device, resume=resume)


@speaking
def unseal(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    external: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Another cohort instead of the sealed test.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the other cohort is called, on pages too. Default: external-HASH.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Open it once more; every opening is counted.")] = False,
    device: Device = "auto",
    ids_as_written: AsWritten = False,
) -> None:
    """Test a finished run once on cases it never saw: its sealed official test, or the cohort of another manifest.

    A study seals the test cases of an official split with `folds: {count: 5, sealed: COLUMN}`. Opening is written into
    the run folder before anything is predicted, and every opening, also by other runs, is counted on the page: a test
    that was looked at twice has helped to choose. The mean over the folds' networks is judged, with thresholds from the
    study's own out-of-fold predictions.
    """
    from medtl.study.unseal import unseal as open_up

    print(open_up(run, external=external, name=name, again=again, device=device, ids_as_written=ids_as_written))


@speaking
def pretrain(
    study: Annotated[Path, typer.Argument(help="A study in YAML whose manifest is the source task.")],
    name: Annotated[str, typer.Option("--as", help="Name of the encoder to be stored.")],
    changes: Changes = None,
    device: Device = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an encoder of that name.")] = False,
) -> None:
    """Pretrain an encoder on a manifest of your own and store it, under a name that studies can use."""
    from medtl.study.pretrain import pretrain_encoder
    from medtl.study.settings import read_study

    card = pretrain_encoder(read_study(study, changes=changes or []), name=name, device=device, replace=replace)
    print(f"{card.name}: {card.trained_on}")


@speaking
def learning_curve(
    study: Annotated[Path, typer.Argument(help="A study in YAML.")],
    cases: Annotated[
        str, typer.Option(help="Patients of each class to learn from, with commas; `all` is the whole training part.")
    ] = "4,8,16,32,64,all",
    repeats: Annotated[int, typer.Option(help="Draws of each size.")] = 50,
    reach: Annotated[float, typer.Option(help="The AUROC that is wanted.")] = 0.9,
    half_width: Annotated[float, typer.Option(help="The wanted half of its 95 % interval.")] = 0.05,
    out: Annotated[Path | None, typer.Option(help="Folder. Default: runs/<name>-curve-<fingerprint>.")] = None,
    changes: Changes = None,
    device: Device = "auto",
) -> None:
    """Draw few patients many times from the training folds: how many cases does this question need?

    Fits the frozen probe, the nearest centroid and the nearest neighbours on features that are computed once, and
    answers with a power law and its band, or says why the data cannot answer.
    """
    from medtl.sources.curve_settings import CurveSettings, sizes_in
    from medtl.study.learning_curve import run_learning_curve
    from medtl.study.settings import read_study

    sizes, has_whole = sizes_in(cases)
    settings = CurveSettings(sizes, has_whole=has_whole, repeats=repeats, reach=reach, half_width=half_width)
    page, curve = run_learning_curve(read_study(study, changes=changes or []), settings, out=out, device=device)
    for reason in curve.left_out:
        print(f"Left out, {reason}")
    print(curve.models[0].needed.sentence)
    print(curve.test_sentence)
    print(page)


def pipeline(study: Study) -> None:
    """Make a script of a study: the options of `medtl run`, and `--print-study` for its YAML.

    Raises:
        ConfigurationError: the manifest does not exist.
    """

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
        from medtl.study.settings import as_yaml, with_changes

        also = [f"manifest={manifest}"] if manifest else []
        chosen = with_changes(study, [*also, *changes_of(changes, limit_patients=limit_patients)])
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
    share_the_processor()
    write_any_name()
    alone()


def _run(study: Study, *, out: Path | None, device: str, resume: bool) -> None:
    from medtl.record.run_folder import REPORT
    from medtl.study.run import run_study

    print(run_study(study, out=out, device=device, resume=resume) / REPORT)
