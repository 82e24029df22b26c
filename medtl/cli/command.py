"""The medtl command: the verbs in the order of `--help`. Each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

import medtl
from medtl.cli import carry_verbs, data_verbs, result_verbs, run_verbs, study_verbs, weight_verbs
from medtl.cli.examples import example_of
from medtl.cli.exit_codes import share_the_processor, write_any_name

app = typer.Typer(
    name="medtl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Adapt pretrained CNN encoders to medical scans and learn honestly how well they do.\n\n"
    "Start with `medtl demo` (phantoms, offline, about two minutes), then `medtl intake FOLDER --out manifest.csv`, "
    "`medtl init manifest.csv`, `medtl check study.yaml` and `medtl run study.yaml` on scans of your own. "
    "Only `medtl weights fetch` reaches for the network.",
)
"""What `medtl` on the command line calls; tests and other programs can call it too."""

weights = typer.Typer(
    no_args_is_help=True, help="Pretrained encoders: list, fetch, import, pack, unpack, verify, describe."
)
app.add_typer(weights, name="weights")

for verb in (
    study_verbs.demo,
    data_verbs.intake,
    data_verbs.init,
    data_verbs.check,
    run_verbs.run,
    run_verbs.fold,
    run_verbs.slurm,
    result_verbs.status,
    result_verbs.runs,
    study_verbs.sources,
    study_verbs.learning_curve,
    study_verbs.unseal,
    result_verbs.report,
    result_verbs.evaluate,
    result_verbs.compare,
    result_verbs.maps,
    carry_verbs.export,
    result_verbs.verify,
    study_verbs.pretrain,
    carry_verbs.container,
    data_verbs.cache,
    data_verbs.doctor,
):
    app.command(epilog=example_of(verb.__name__.replace("_", "-")))(verb)
for name, of_weights in (
    ("list", weight_verbs.list_weights),
    ("fetch", weight_verbs.fetch),
    ("import", weight_verbs.import_weights),
    ("pack", weight_verbs.pack),
    ("unpack", weight_verbs.unpack),
    ("verify", weight_verbs.verify),
    ("describe", weight_verbs.describe),
):
    weights.command(name, epilog=example_of(f"weights {name}"))(of_weights)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(medtl.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What stands before a verb."""


def main() -> None:
    """The entry point of the `medtl` command."""
    share_the_processor()
    write_any_name()
    app()
