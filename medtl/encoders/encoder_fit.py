"""An encoder that was found in a file, held against the card that it would get; and which of several is taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medtl.encoders import families
from medtl.encoders.account import CLASSIFIERS, SHOWN, Account, TensorFacts, account_for
from medtl.encoders.card import Architecture, EncoderCard
from medtl.encoders.encoder_search import FoundEncoder, tables_in
from medtl.encoders.foreign_file import dtype_of
from medtl.encoders.settings import VolumeSettings
from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

COLOURS: Final = 3
BESIDE: Final = "another part of the checkpoint, not the encoder"
GREY_NOTE: Final = (
    "Its stem takes 1 channel; mean and deviation are the averages of the three channels of the encoder it is fed like."
)
UNUSED_ATTENTION = "attention over slices that are not pooled by it here"


def account_of_tensors(tensors: Mapping[str, torch.Tensor], *, card: EncoderCard) -> Account:
    """Compare tensors, by MONAI's names, with the card's network, and against the attention that its settings use.

    A plane whose attention is not among the tensors starts with a new one, which is not pretrained.
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


@dataclass(frozen=True)
class Fit:
    """An encoder of the file against the card that it would get."""

    encoder: FoundEncoder
    card: EncoderCard
    account: Account


def fitted(encoder: FoundEncoder, template: EncoderCard, wanted: Architecture | None, *, like: str | None) -> Fit:
    """The encoder with its card and account; a name of one's own takes any architecture, and stems of 1 channel."""
    own = template.architecture if like is None else encoder.architecture or template.architecture
    card = template.model_copy(update={"architecture": wanted or own})
    if like is not None and card.channels == COLOURS and _stem_channels(encoder) == 1:
        card = card.model_copy(
            update={
                "channels": 1,
                "mean": (sum(card.mean) / COLOURS,),
                "std": (sum(card.std) / COLOURS,),
                "grey_rule": "repeat",
                "note": f"{card.note} {GREY_NOTE}".strip(),
            }
        )
    account = account_of_tensors(encoder.tensors, card=card)
    beside = tuple((key, BESIDE) for key in encoder.left_out)
    return Fit(encoder, card, replace(account, left_out=(*account.left_out, *beside)))


def _stem_channels(encoder: FoundEncoder) -> int | None:
    kernel = next((encoder.tensors[name] for name in _stems() if name in encoder.tensors), None)
    return int(kernel.shape[1]) if kernel is not None and kernel.ndim > 1 else None


def _stems() -> tuple[str, ...]:
    return tuple(family.stem_weight for family in families.named_families())


def fault_count(fit: Fit) -> int:
    """Tensors that are missing, of another shape, or strange."""
    return len(fit.account.missing) + len(fit.account.misfits) + len(fit.account.unplaced)


def chosen(path: Path, fitting: Sequence[Fit], take: str | None) -> Fit:
    """The encoder that `take` names; else the only one that is no running mean of others.

    Raises:
        ConfigurationError: several encoders fit, or `take` names none or several.
    """
    listed = ", ".join(fit.encoder.where for fit in fitting)
    if take is not None:
        matching = [fit for fit in fitting if take == fit.encoder.where] or [
            fit for fit in fitting if take in fit.encoder.where
        ]
        if len(matching) == 1:
            return matching[0]
        raise ConfigurationError(
            f"--take {take} fits {len(matching)} of the encoders in {path.name}; expected one of: {listed}. "
            "Nothing was stored.",
            file=path.name,
        )
    plain = [fit for fit in fitting if not fit.encoder.is_average] or fitting
    if len(plain) == 1:
        return plain[0]
    raise ConfigurationError(
        f"{path.name} holds {len(plain)} different encoders that fit: {listed}. Say which with --take, such as "
        f"--take {plain[0].encoder.where}. Nothing was stored.",
        file=path.name,
    )


def refuse_another_form(path: Path, name: str, fit: Fit) -> None:
    """Refuse an encoder whose layout is known in another form of network than the card's: its tensors fit all the same.

    Raises:
        ConfigurationError: the layout and the card disagree; the message has the name that fits.
    """
    if fit.encoder.form in (None, fit.card.form):
        return
    right = families.family_of(fit.card.architecture, fit.encoder.form).imagenet_name(fit.card.architecture)
    raise ConfigurationError(
        f"{path.name} is a {fit.encoder.layout}, whose tensors fit {name} and whose padding or strides are others: the "
        f"features would be others. Import it as {right}, or under a name of your own with --like {right}. Nothing was "
        "stored.",
        file=path.name,
    )


def choice_note(fit: Fit, fitting: Sequence[Fit]) -> str:
    """The note on which of several encoders was taken; empty when the file holds one."""
    others = [other.encoder.where for other in fitting if other is not fit]
    if not others:
        return ""
    mean = " (a running mean of the weights)" if fit.encoder.is_average else ""
    return f"Taken from {fit.encoder.where}{mean}; the file also holds {', '.join(others)} (--take)."


def no_encoder_message(path: Path, content: Mapping[object, object]) -> str:
    """The message for a file in which no encoder was found: what it holds instead."""
    tables = tables_in(content)
    medtl_has = "; ".join(family.in_words for family in families.named_families())
    count, first = 0, ""
    for _, table in tables:
        count += len(table)
        first = first or ", ".join(list(table)[:SHOWN])
    held = f"Its {count} tensors begin with {first}." if count else "It holds no tensors under names."
    return (
        f"{path.name} holds none of the networks medtl has ({medtl_has}): no tensor is "
        f"named as their first blocks, under any prefix. {held} Nothing was stored."
    )


def misfit_message(path: Path, name: str, fit: Fit) -> str:
    """The message for a file that does not fit: found and missing tensors of the closest encoder."""
    kind = "3D " if fit.card.kernels == 3 else ""
    expected = len(fit.account.loaded) + len(fit.account.adapted) + len(fit.account.missing) + len(fit.account.misfits)
    got = len(fit.account.loaded) + len(fit.account.adapted)
    return (
        f"{path.name} does not fit {name}, a {kind}{fit.card.architecture} with {fit.card.channels} input channels: "
        f"{got} of its {expected} tensors fit, at {fit.encoder.where}; {fit.account.complaint()}. "
        f"{_what_it_is(fit)}Nothing was stored."
    )


def _what_it_is(fit: Fit) -> str:
    account, promised, looks_like = fit.account, fit.card, fit.encoder.architecture
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
    if promised.channels == COLOURS and _stem_channels(fit.encoder) == 1:
        return (
            f"Its stem takes 1 channel: import it under a name of your own, --as my-{promised.name} --like "
            f"{promised.name}. "
        )
    return f"It looks like a {looks_like}. " if looks_like != promised.architecture else ""
