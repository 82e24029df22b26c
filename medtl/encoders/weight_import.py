"""From a published file to tensors, a card and an account, ready to be stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medtl.encoders.card import Architecture, EncoderCard
from medtl.encoders.catalogue import find_encoder, known_encoders
from medtl.encoders.foreign_file import dtype_of, read_foreign
from medtl.encoders.key_maps import CLASSIFIERS, Account, TensorFacts, account_for, architecture_of, key_map
from medtl.encoders.settings import VolumeSettings
from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Borrowed:
    """A file that fits: its tensors by MONAI's names (the old classifier among them), its card, and the account."""

    tensors: Mapping[str, torch.Tensor]
    card: EncoderCard
    account: Account


TURNED_RULE = "kernel turned from slice, row, column to right, anterior, superior"
UNUSED_ATTENTION = "attention over slices that are not pooled by it here"


def account_of_tensors(tensors: Mapping[str, torch.Tensor], *, card: EncoderCard) -> Account:
    """Hold tensors, by MONAI's names, against the card's network, and against the attention that its settings use.

    A plane whose attention is not among the tensors starts with a new one, which is not borrowed.
    """
    from medtl.encoders.architectures import expected_shapes, network_of
    from medtl.encoders.attention import NAMES, attention_shapes

    network = network_of(card)
    expected, may_be_left = dict(expected_shapes(network)), dict(CLASSIFIERS)
    if card.lifting == "slices":
        settings = card.volumes or VolumeSettings()
        may_be_left[NAMES] = UNUSED_ATTENTION
        for plane in settings.planes if settings.pooling == "attention" else ():
            if any(key.startswith(f"{NAMES}{plane}.") for key in tensors):
                expected |= attention_shapes(network.feature_count, plane)
    facts = {key: TensorFacts(dtype_of(tensor), tuple(tensor.shape)) for key, tensor in tensors.items()}
    return account_for(facts, expected=expected, may_be_left=may_be_left)


def read_for_import(
    path: Path,
    name: str,
    *,
    architecture: Architecture | None = None,
    like: str | None = None,
    licence: str | None = None,
    source: str | None = None,
) -> Borrowed:
    """Read a file, name its tensors as MONAI does, and refuse it unless it is the network that the name promises.

    The arguments are those of `WeightStore.import_file`.
    """
    template = _template(name, like=like)
    foreign = read_foreign(path)
    names = key_map(foreign.tensors)
    tensors = {names.names[key]: tensor for key, tensor in foreign.tensors.items()}
    looks_like = architecture_of(tensors)
    wanted = architecture or (template.architecture if like is None else looks_like or template.architecture)
    if like is None and wanted != template.architecture:
        raise ConfigurationError(
            f"{name} is a {template.architecture}; got architecture={wanted}. Leave the architecture out, or import "
            f"under a name of your own with --like {name}."
        )
    promised = template.model_copy(update={"architecture": wanted})
    account = account_of_tensors(tensors, card=promised)
    if not account.complete:
        kind = "3D " if promised.kernels == 3 else ""
        raise ConfigurationError(
            f"{path.name} does not fit {name}, a {kind}{wanted} with {template.channels} input channels: "
            f"{account.complaint()}. {_what_it_is(looks_like, promised, account)}Nothing was stored.",
            file=path.name,
            expected=wanted,
            got=looks_like,
        )
    if promised.form == "medicalnet":
        tensors, account = _turned(tensors, account)
    card = promised.model_copy(
        update={
            "name": name,
            "licence": licence or foreign.licence or f"{template.licence} (the usual source; this file states none)",
            "source": source or foreign.source or f"{path.name}; usual source: {template.source}",
            "layout": names.layout,
            "original_sha256": foreign.sha256,
            "note": _note(template, foreign.sha256),
        }
    )
    return Borrowed(tensors, card, account)


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
            "trained_on": "not stated",
            "citation": "",
            "note": f"Fed like {like}, as its importer said.",
            "licence": "not stated",
            "source": "not stated",
            "published_sha256": None,
        }
    )


def _turned(tensors: Mapping[str, torch.Tensor], account: Account) -> tuple[dict[str, torch.Tensor], Account]:
    """MedicalNet's 3D kernels in the house's axes; a kernel of one voxel has nothing to turn."""
    from medtl.encoders.medicalnet_form import turned_kernel

    kernels = {name for name, tensor in tensors.items() if tensor.ndim == 5 and max(tensor.shape[2:]) > 1}
    turned = {name: turned_kernel(tensor) if name in kernels else tensor for name, tensor in tensors.items()}
    return turned, account.with_rule(TURNED_RULE, kernels)


def _what_it_is(looks_like: Architecture | None, promised: EncoderCard, account: Account) -> str:
    if any(re.search(r"conv\d\.bias$", key) for key in account.unplaced):
        return (
            "Its convolutions have biases, as in ResNets converted from Keras (RadImageNet-ResNet50_notop is one): "
            "their strides sit elsewhere, so it is another network. "
        )
    if looks_like is None:
        return "It is none of the networks medtl has. "
    dimensions = {len(misfit.got) - 2 for misfit in account.misfits if len(misfit.got) > 2}
    if dimensions and promised.kernels not in dimensions:
        return f"Its kernels are for {'volumes' if 3 in dimensions else 'pictures'}. "
    return f"It looks like a {looks_like}. " if looks_like != promised.architecture else ""


def _note(template: EncoderCard, sha256: str) -> str:
    if template.published_sha256 in (None, sha256):
        return template.note
    return f"{template.note} This is not the published file (sha256 {template.published_sha256}).".strip()
