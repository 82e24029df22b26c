"""Verbs that learn beside a run: demo, unseal, sources, learning-curve, pretrain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medtl.cli.exit_codes import speaking
from medtl.cli.options import AsWritten, Changes, Device, Limit, changes_of


@speaking
def demo(out: Annotated[Path, typer.Option(help="Folder for the phantoms and the run.")] = Path("runs/demo")) -> None:
    """Show the whole way on phantoms: offline, no weights, no GPU, about two minutes on two cores.

    Draws a source task and a small target task, pretrains an encoder on the first, and studies the second with the
    transferred encoder and from scratch on the same folds.
    """
    from medtl.study.demo import run_demo

    print(run_demo(out))


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
    studies: Annotated[
        list[Path], typer.Argument(help="A study in YAML whose manifest is the source task, or several of them.")
    ],
    name: Annotated[str, typer.Option("--as", help="Name of the encoder to be stored.")],
    changes: Changes = None,
    device: Device = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an encoder of that name.")] = False,
) -> None:
    """Pretrain an encoder on manifests of your own and store it, under a name that studies can use.

    Several studies are several source tasks: they share the encoder, and each has a head for its own labels. The first
    says which encoder, and how it is trained; all have to prepare scans of one size.
    """
    from medtl.study.pretrain import pretrain_encoder
    from medtl.study.settings import read_study

    read = [read_study(study, changes=changes or []) for study in studies]
    card = pretrain_encoder(read, name=name, device=device, replace=replace)
    print(f"{card.name}: {card.trained_on}")


@speaking
def sources(
    study: Annotated[Path, typer.Argument(help="A study in YAML.")],
    candidates: Annotated[
        str | None, typer.Option(help="Encoders, with commas. Default: those of the weight store that fit.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder. Default: runs/<name>-sources-<fingerprint>.")] = None,
    changes: Changes = None,
    device: Device = "auto",
    limit_patients: Limit = None,
) -> None:
    """Compare pretrained encoders by frozen probes on the study's folds: which one should I take for my scans?

    Each scan goes through each encoder once. Differences come with intervals by patient and p values corrected for all
    pairs; random weights are always compared too, so that it is tested whether a source helps at all.
    """
    from medtl.report.results.source_words import choice_sentence, harm_sentences, helps_sentence, ranking_sentence
    from medtl.study.candidates import names_in
    from medtl.study.settings import read_study
    from medtl.study.sources import compare_candidates

    names = None if candidates is None else names_in(candidates)
    chosen = changes_of(changes, limit_patients=limit_patients)
    page, found = compare_candidates(read_study(study, changes=chosen), names, out=out, device=device)
    for reason in found.left_out:
        print(f"Left out, {reason}")
    for sentence in (ranking_sentence(found), helps_sentence(found), *harm_sentences(found), choice_sentence(found)):
        print(sentence)
    print(page)


@speaking
def learning_curve(
    study: Annotated[Path, typer.Argument(help="A study in YAML.")],
    cases: Annotated[
        str | None,
        typer.Option(
            help="Patients of each class to learn from, with commas; `all` is the whole training part. Default: those "
            "of 4,8,16,32,64,all that the training parts have."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Draws of each size.")] = 50,
    reach: Annotated[float, typer.Option(help="The AUROC that is wanted.")] = 0.9,
    half_width: Annotated[float, typer.Option(help="The wanted half of its 95 % interval.")] = 0.05,
    lp_ft: Annotated[
        str | None,
        typer.Option(help="Sizes, with commas, at which the network is fine-tuned too (LP-FT): minutes to hours."),
    ] = None,
    lp_ft_repeats: Annotated[int, typer.Option(help="Draws that it is fine-tuned on, at each of its sizes.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Folder. Default: runs/<name>-curve-<fingerprint>.")] = None,
    changes: Changes = None,
    device: Device = "auto",
) -> None:
    """Draw few patients many times from the training folds: how many cases does this question need?

    Fits the frozen probe, the nearest centroid and the nearest neighbours on features that are computed once, and
    answers with a power law and its band, or says why the data cannot answer. With --lp-ft the network is fine-tuned on
    some of the same draws; how long that takes is said before it begins, and an interrupted one goes on.
    """
    from medtl.report.results.fine_tuned_words import fine_tuned_sentences
    from medtl.sources.curve_settings import USUAL_SIZES, CurveSettings, fine_tuned_sizes_in, sizes_in
    from medtl.study.learning_curve import run_learning_curve
    from medtl.study.settings import read_study

    sizes, has_whole = sizes_in(cases or USUAL_SIZES)
    settings = CurveSettings(
        sizes, has_whole=has_whole, repeats=repeats, reach=reach, half_width=half_width,
        fine_tuned_sizes=fine_tuned_sizes_in(lp_ft), fine_tuned_repeats=lp_ft_repeats,
        are_usual=cases is None,
    )  # fmt: skip
    page, curve = run_learning_curve(read_study(study, changes=changes or []), settings, out=out, device=device)
    for reason in curve.left_out:
        print(f"Left out, {reason}")
    print(curve.models[0].needed.sentence)
    print(curve.test_sentence)
    for sentence in fine_tuned_sentences(curve):
        print(sentence)
    print(page)
