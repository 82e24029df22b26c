"""Verbs about pretrained encoders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtl.cli.exit_codes import speaking
from medtl.cli.options import Changes, Device

if TYPE_CHECKING:
    from medtl.encoders import EncoderCard


@speaking
def list_weights(
    every: Annotated[
        bool, typer.Option("--all", help="Every name with its licence and source, also those for volumes.")
    ] = False,
) -> None:
    """Say which encoder to take for which scans, and why; which are here, and which can be fetched."""
    from medtl.study.doctor import weight_choices, weight_table

    print(weight_table() if every else weight_choices())


@speaking
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of the catalogue: resnet18-imagenet, …")],
    mirror: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            envvar="MEDTL_WEIGHTS_MIRROR",
            help="A mirror: the beginning of its address, in the place of https://huggingface.co.",
        ),
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licences for research only, and accept them.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Fetch also what is stored already.")] = False,
) -> None:
    """Download published weights and take them into the store: the only command that reaches for a network.

    The file comes over https from where its publisher has it. One that was cut off goes on with the same command. It
    is held against the publisher's sha256 where that is known, and every tensor is accounted for, as by import.
    """
    from medtl.encoders import WeightStore
    from medtl.encoders.fetch.fetched import FetchSettings, fetch_each

    settings = FetchSettings(mirror=mirror, accepts_licence=accept_licence, replace=replace)
    for card in fetch_each(WeightStore.from_environment(), names, settings):
        _print_stored(card)


@speaking
def import_weights(
    file: Annotated[
        Path, typer.Argument(help="A file of weights that you have downloaded: .safetensors, .pt, .pth, …")
    ],
    name: Annotated[str, typer.Option("--as", help="Name in the catalogue, such as resnet18-imagenet, or your own.")],
    like: Annotated[
        str | None, typer.Option(help="For a name of your own: the known encoder whose conventions it follows.")
    ] = None,
    take: Annotated[
        str | None, typer.Option(help="Which of several encoders in the file, such as state_dict_ema or encoder_q.")
    ] = None,
    trained_on: Annotated[
        str | None, typer.Option("--trained-on", help="What the weights were trained on, for the pages of the study.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="The licence of the weights, for the pages of the study.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the weights come from, for the pages of the study.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an encoder of that name.")] = False,
) -> None:
    """Take published weights into the store, with an account of every tensor and a sha256.

    The encoder is found in the file under any prefix and in any wrapper; all of its tensors have to be there. A name
    of the catalogue takes only what its card promises. Weights of your own get a name of their own, with --like the
    encoder that they are fed like; what they were trained on then stands on every page, unknown when you do not say.
    """
    from medtl.encoders import WeightStore

    card = WeightStore.from_environment().import_file(
        file,
        name,
        like=like,
        take=take,
        trained_on=trained_on,
        licence=licence,
        source=source,
        replace=replace,
    )
    _print_stored(card)


@speaking
def pack(
    file: Annotated[Path, typer.Argument(help="The file to write, such as weights.tar.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Stored encoders; all when left out.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a file of that name.")] = False,
) -> None:
    """Pack stored encoders into one file, to carry them to a machine without internet.

    The file is a plain tar archive with an index of names and sha256; medtl weights unpack takes it in.
    """
    from medtl.encoders import WeightStore
    from medtl.encoders.pack_writer import write_pack

    for card in write_pack(WeightStore.from_environment(), file, names or (), replace=replace):
        print(f"{card.name}: {card.architecture}, sha256 {card.sha256}; licence: {card.licence}")


@speaking
def unpack(
    file: Annotated[Path, typer.Argument(help="A file that medtl weights pack wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace other encoders of the same names.")] = False,
) -> None:
    """Take the encoders of a pack into the store.

    Nothing is stored before every file of the pack has the sha256 of its index and every tensor is accounted for.
    """
    from medtl.encoders import WeightStore
    from medtl.encoders.pack_reader import unpack as unpack_file

    unpacked = unpack_file(WeightStore.from_environment(), file, replace=replace)
    for card in unpacked.were_here:
        print(f"{card.name}: here already, the same bytes")
    for card in unpacked.stored:
        _print_stored(card)


@speaking
def verify(name: Annotated[str | None, typer.Argument(help="One encoder; all when left out.")] = None) -> None:
    """Compare every stored encoder with the sha256 on its card."""
    from medtl.study.doctor import verified_weights

    for each in verified_weights(name):
        print(f"{each}: as on its card")


@speaking
def describe(
    name: Annotated[str, typer.Argument(help="A stored encoder.")],
    study: Annotated[Path, typer.Argument(help="A study in YAML whose manifest is of images that it was trained on.")],
    changes: Changes = None,
    device: Device = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace statistics that its card has.")] = False,
) -> None:
    """Write statistics of the source's features on an encoder's card, so that medtl sources can say how far it is."""
    from medtl.study.settings import read_study
    from medtl.study.source_statistics import describe_source

    card = describe_source(read_study(study, changes=changes or []), name=name, device=device, replace=replace)
    known = card.source_features
    if known is not None:
        print(f"{card.name}: its card has the features of {known.cases} images of {known.patients} patients")


def _print_stored(card: EncoderCard) -> None:
    account = "" if card.account is None else f"{card.account.in_words}, "
    print(f"{card.name}: {card.architecture}, {account}sha256 {card.sha256}")
    print(f"trained on {card.trained_on}; licence: {card.licence}; {card.note}".rstrip("; "))
