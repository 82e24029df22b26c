"""Build an encoder from its name: its card, its weights, its network, and its settings for volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch

from medtl.encoders.account import COUNTER, Account
from medtl.encoders.architectures import expected_shapes, hollow_stages, network_of, untrained_tensors
from medtl.encoders.attention import NAMES, GatedAttention
from medtl.encoders.card import EncoderCard
from medtl.encoders.encoder import Encoder, NetworkEncoder
from medtl.encoders.encoder_fit import account_of_tensors
from medtl.encoders.inflation import inflated_account, inflated_tensors
from medtl.encoders.lifting import split_name
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.slice_encoder import SliceEncoder
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, IntegrityFailure


def build_encoder(name: str, *, store: WeightStore, seed: int, volumes: VolumeSettings | None = None) -> Encoder:
    """Build the encoder of that name with its stored weights; a bare architecture gets weights drawn from the seed.

    Without `volumes` the card's own settings hold, or the usual ones. The global random generators are not touched.

    Raises:
        ConfigurationError: an unknown name, absent weights, or settings for `volumes` that the encoder cannot use.
        IntegrityFailure: weights that are damaged or do not cover 100 % of the network's tensors.
    """
    card = store.card(name)
    if not card.needs_weights:
        return build_untrained(card, seed=seed, volumes=volumes)
    stored = store.load(name)
    card = _settled(card, volumes)
    is_inflated_now = split_name(name)[0] == "inflated" and card.name != store.own_name(name)
    file_card = card.model_copy(update={"dimensions": 2, "lifting": None}) if is_inflated_now else card
    account = account_of_tensors(stored, card=file_card)
    if not account.complete:
        raise IntegrityFailure(
            f"The stored weights of {name} do not fit its card, a {card.architecture} with {card.channels} input "
            f"channels: {account.complaint()}. Was the card edited? Import the weights again with --replace.",
            encoder=name,
        )
    if is_inflated_now:
        expected, settings = expected_shapes(network_of(card)), cast(VolumeSettings, card.volumes)
        plane, how = settings.planes[0], settings.inflation
        stored = inflated_tensors(stored, expected=expected, plane=plane, how=how)
        account = inflated_account(account, expected=expected, plane=plane, how=how)
    return _filled(card, stored, account=account, seed=seed)


def build_untrained(card: EncoderCard, *, seed: int, volumes: VolumeSettings | None = None) -> Encoder:
    """The card's network, fed as the card says, with weights drawn from the seed: the control `scratch`.

    `volumes` as for `build_encoder`. The 3D kernels of an `inflated` network are drawn as such, not inflated.
    """
    card = _settled(card, volumes)
    return _filled(card, untrained_tensors(network_of(card), seed=seed), account=None, seed=seed)


def _settled(card: EncoderCard, requested: VolumeSettings | None) -> EncoderCard:
    """The card with the settings under which it takes volumes; a card for pictures stays as it is."""
    if card.dimensions == 2:
        return card
    own = card.volumes
    volumes = requested or own or VolumeSettings()
    if card.kernels == 3 and own is not None and card.needs_weights and card.sha256 is not None:
        _refuse_another_thickness(card, volumes, stored=own)
        kept = {"planes": own.planes, "inflation": own.inflation, "stem_thickness": own.stem_thickness}
        volumes = volumes.model_copy(update=kept | {"stem_stride": volumes.stem_stride or own.stem_stride})
    _refuse_stem_settings(card, volumes)
    return card.model_copy(update={"volumes": volumes})


def _refuse_another_thickness(card: EncoderCard, volumes: VolumeSettings, *, stored: VolumeSettings) -> None:
    if volumes.stem_thickness not in (None, stored.stem_thickness):
        raise ConfigurationError(
            f"stem_thickness is {volumes.stem_thickness}, but the weights of {card.name} are stored with a stem of "
            f"thickness {stored.stem_thickness or card.family.stem_side}. Leave it out.",
            encoder=card.name,
        )


def _refuse_stem_settings(card: EncoderCard, volumes: VolumeSettings) -> None:
    if card.lifting == "slices" and (volumes.stem_stride is not None or volumes.stem_thickness is not None):
        raise ConfigurationError(
            f"stem_stride and stem_thickness are for 3D networks; {card.name} sees slices as the pictures they are. "
            "Leave them out, or prepare slices of more pixels.",
            encoder=card.name,
        )
    if volumes.stem_thickness is not None and (card.lifting == "acs" or card.family.fixed_stem):
        why = "has kernels for pictures" if card.lifting == "acs" else "comes with the stem that its weights have"
        raise ConfigurationError(
            f"stem_thickness is for inflated and bare 3D networks; {card.name} {why}. Leave it out.",
            encoder=card.name,
        )


def _filled(card: EncoderCard, tensors: Mapping[str, torch.Tensor], *, account: Account | None, seed: int) -> Encoder:
    network = network_of(card)
    stages = hollow_stages(network)
    for stage in stages.values():
        stage.load_state_dict(
            {
                key: _number(tensors, network.name_prefix + key, hollow.shape)
                for key, hollow in stage.state_dict().items()
            },
            strict=True,
            assign=True,
        )
    if card.lifting == "slices":
        encoder: Encoder = SliceEncoder(
            card, network, stages, account=account, attention=_attention(card, tensors, seed=seed)
        )
    else:
        encoder = NetworkEncoder(card, network, stages, account=account)
    if network.space == 3:  # channels_last_3d: predicts 5 to 20 % faster on a CPU, and trains 15 to 150 % slower
        return encoder
    return cast(Encoder, encoder.to(memory_format=torch.channels_last))  # type: ignore[call-overload]  # a third faster


def _attention(card: EncoderCard, tensors: Mapping[str, torch.Tensor], *, seed: int) -> dict:
    settings = cast(VolumeSettings, card.volumes)
    if settings.pooling != "attention":
        return {}
    attention = {}
    for plane in settings.planes:
        attention[plane] = GatedAttention(network_of(card).feature_count, seed=seed)
        start = f"{NAMES}{plane}."
        learnt = {key.removeprefix(start): tensor.float() for key, tensor in tensors.items() if key.startswith(start)}
        if learnt:
            attention[plane].load_state_dict(learnt, strict=True)
    return attention


def _number(tensors: Mapping[str, torch.Tensor], key: str, shape: torch.Size) -> torch.Tensor:
    if key.endswith(COUNTER):
        return tensors[key].to(torch.int64) if key in tensors else torch.zeros((), dtype=torch.int64)
    return tensors[key].to(torch.float32).reshape(shape)
