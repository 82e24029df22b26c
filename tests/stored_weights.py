"""Weights in the store that MEDTL_WEIGHTS names, as if somebody had pretrained them: drawn by chance, quick to make."""

from __future__ import annotations

from medtl.encoders import WeightStore, build_untrained, find_encoder


def store_weights(name: str, *, seed: int, architecture: str = "resnet10", **card: object) -> None:
    """Store an encoder under this name; `card` changes what its card says."""
    bare = find_encoder(architecture)
    drawn = build_untrained(bare, seed=seed).tensors()
    says = {"name": name, "trained_on": "a test", "licence": "a test's", **card}
    WeightStore.from_environment().save(drawn, type(bare).model_validate(bare.model_dump() | says))
