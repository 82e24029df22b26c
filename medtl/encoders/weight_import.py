"""Read a published file of weights into tensors, a card and an account, ready to be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medtl.encoders.account import Account
from medtl.encoders.card import Architecture, EncoderCard
from medtl.encoders.catalogue import find_encoder, known_encoders
from medtl.encoders.encoder_fit import (
    choice_note,
    chosen,
    fault_count,
    fitted,
    misfit_message,
    no_encoder_message,
    refuse_another_form,
)
from medtl.encoders.encoder_search import encoders_in
from medtl.encoders.foreign_file import read_foreign, refused
from medtl.encoders.provenance import NOT_STATED, UNKNOWN_SOURCE, catalogue_contradictions
from medtl.encoders.weight_soundness import fault_of, with_plain_counters
from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Imported:
    """A file that fits: its tensors by MONAI's names (the old classifier among them), its card, and the account."""

    tensors: Mapping[str, torch.Tensor]
    card: EncoderCard
    account: Account


@dataclass(frozen=True)
class ImporterStatements:
    """What the importer states about the weights; it goes before what the file states."""

    trained_on: str | None = None
    licence: str | None = None
    source: str | None = None


TURNED_RULE = "kernel turned from slice, row, column to right, anterior, superior"


def read_for_import(
    path: Path,
    name: str,
    *,
    architecture: Architecture | None = None,
    like: str | None = None,
    take: str | None = None,
    statements: ImporterStatements,
) -> Imported:
    """Read a file, find the encoder in it, and refuse it unless it is the network that the name promises.

    Args:
        path: a safetensors or PyTorch file.
        name: a catalogue name, or a new one together with `like`.
        architecture: refuse the file when it is another network than this.
        like: the known encoder whose pixel range, mean and std the new name shares.
        take: which of several encoders in the file.
        statements: what the importer states about the weights.

    Raises:
        ConfigurationError: the file holds no encoder that fits the name, or several.
        IntegrityFailure: it is no file of weights, or its numbers are unusable.
    """
    template = _template(name, like=like)
    if like is None and architecture not in (None, template.architecture):
        raise ConfigurationError(
            f"{name} is a {template.architecture}; got architecture={architecture}. Leave the architecture out, or "
            f"import under a name of your own with --like {name}."
        )
    foreign = read_foreign(path)
    every = encoders_in(foreign.content)
    if not every:
        raise ConfigurationError(no_encoder_message(path, foreign.content), file=path.name)
    fits = [fitted(encoder, template, architecture, like=like) for encoder in every]
    fitting = [fit for fit in fits if fit.account.complete]
    if not fitting:
        raise ConfigurationError(misfit_message(path, name, min(fits, key=fault_count)), file=path.name)
    fit = chosen(path, fitting, take)
    refuse_another_form(path, name, fit)
    fault = fault_of(fit.encoder.tensors)
    if fault:
        raise refused(path, fault)
    if like is None:
        contradictions = catalogue_contradictions(fit.encoder, foreign.sha256, card=template)
        if contradictions:
            raise ConfigurationError(
                f"{path.name} is not what {name} promises: {'; '.join(contradictions)}. Nothing was stored. If you "
                f"know what it was trained on, give it a name of its own: medtl weights import FILE --as my-{name} "
                f'--like {name} --trained-on "…" --licence "…"',
                file=path.name,
            )
    tensors, account = with_plain_counters(fit.encoder.tensors), fit.account
    if fit.card.family.turned_kernel is not None:
        tensors, account = _turned(tensors, account, fit.card.family.turned_kernel)
    update = {
        "name": name,
        "trained_on": statements.trained_on or fit.card.trained_on,
        "licence": statements.licence or foreign.licence or _usual_licence(template, like=like),
        "source": statements.source or foreign.source or _usual_source(path, template, like=like),
        "layout": fit.encoder.layout,
        "original_sha256": foreign.sha256,
        "note": f"{fit.card.note} {choice_note(fit, fitting)}".strip(),
    }
    return Imported(tensors, fit.card.model_copy(update=update), account)


def _template(name: str, *, like: str | None) -> EncoderCard:
    known = name in {card.name for card in known_encoders()}
    if known and like is not None:
        raise ConfigurationError(f"{name} is in the catalogue, which says how to feed it: leave --like {like} out.")
    if known:
        return find_encoder(name)
    if like is None:
        raise ConfigurationError(
            f"Nothing is known about {name}: its pixel range, mean and std are not in a file of weights. Say which "
            f"known encoder it shares them with: medtl weights import FILE --as {name} --like resnet50-imagenet",
            encoder=name,
        )
    shared = find_encoder(like)
    return shared.model_copy(
        update={
            "trained_on": UNKNOWN_SOURCE,
            "citation": shared.family.citation,
            "note": f"Fed like {like}, as its importer said.",
            "licence": NOT_STATED,
            "source": NOT_STATED,
            "download_url": None,
            "research_only": False,
            "published_sha256": None,
        }
    )


def _usual_licence(template: EncoderCard, *, like: str | None) -> str:
    return NOT_STATED if like is not None else f"{template.licence} (the usual source; this file states none)"


def _usual_source(path: Path, template: EncoderCard, *, like: str | None) -> str:
    return path.name if like is not None else f"{path.name}; usual source: {template.source}"


def _turned(
    tensors: Mapping[str, torch.Tensor], account: Account, turned_kernel: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[dict[str, torch.Tensor], Account]:
    """Published 3D kernels in the house's axes; a kernel of one voxel has nothing to turn."""
    kernels = {name for name, tensor in tensors.items() if tensor.ndim == 5 and max(tensor.shape[2:]) > 1}
    turned = {name: turned_kernel(tensor) if name in kernels else tensor for name, tensor in tensors.items()}
    return turned, account.with_rule(TURNED_RULE, kernels)
