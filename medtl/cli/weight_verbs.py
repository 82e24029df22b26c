"""Verbs about the encoders you can borrow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medtl.cli.speaking import speaking


@speaking
def list_weights() -> None:
    """List the encoders that are known, and which of them are here."""
    from medtl.doctor import weight_table

    print(weight_table())


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


@speaking
def verify(name: Annotated[str | None, typer.Argument(help="One encoder; all when left out.")] = None) -> None:
    """Compare every stored encoder with the sha256 on its card."""
    from medtl.doctor import verified_weights

    for each in verified_weights(name):
        print(f"{each}: as on its card")
