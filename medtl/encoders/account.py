"""The account of every tensor of a weights file: loaded, adapted by a rule, left out with a reason, missing or strange.

Only names, kinds of number and shapes are looked at, so torch is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from medtl.encoders.card import AccountSummary

Shape = tuple[int, ...]

COUNTER: Final = "num_batches_tracked"
CLASSIFIER_REASON: Final = "classifier of the source task"
CLASSIFIERS: Final[Mapping[str, str]] = dict.fromkeys(("fc.", "class_layers.out."), CLASSIFIER_REASON)
"""MONAI's names of the last layer of a ResNet and of a DenseNet, and why it stays behind."""

COUNTER_RULE: Final = "counter absent in the file, set to 0; it takes no part in the network's function"
COUNTER_CAST_RULE: Final = "counter cast to int64"
CAST_RULE: Final = "{dtype} cast to float32"
MATRIX_RULE: Final = "1 x 1 kernel read as the matrix it is"
COUNTER_DTYPES: Final = ("int64", "int32")

SHOWN = 3
"""Tensors named in a refusal; the first ones suffice."""


@dataclass(frozen=True)
class TensorFacts:
    """The number type of a tensor, such as `float16`, and its shape."""

    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Misfit:
    """A tensor whose shape is not the network's."""

    key: str
    expected: Shape
    got: Shape


@dataclass(frozen=True)
class Account:
    """All tensors of a file, in MONAI's names; complete when nothing is missing, misfits or is unplaced.

    `loaded` as it is; `adapted` (name, rule); `left_out` (name, why); `missing` from the file; `misfits` in shape;
    `unplaced`: tensors of the file that the network lacks, so that it is another network.
    """

    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()
    misfits: tuple[Misfit, ...] = ()
    unplaced: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether 100 % of the encoder's tensors are there and nothing of the file is unexplained."""
        return not (self.missing or self.misfits or self.unplaced)

    def with_rule(self, rule: str, names: Collection[str]) -> Account:
        """The account after `names` were changed by a further rule."""
        changed = [(name, rule) for name in self.loaded if name in names]
        added = [(name, f"{before}; {rule}" if name in names else before) for name, before in self.adapted]
        return replace(
            self, loaded=tuple(name for name in self.loaded if name not in names), adapted=(*added, *changed)
        )

    @property
    def summary(self) -> AccountSummary:
        """The counts that the card keeps."""
        return AccountSummary(loaded=len(self.loaded), adapted=len(self.adapted), left_out=len(self.left_out))

    def complaint(self) -> str:
        """The first things that do not fit, for the message of refusal; empty when the account is complete."""
        parts = []
        if self.misfits:
            shown = "; ".join(f"{m.key}: expected {m.expected}, got {m.got}" for m in self.misfits[:SHOWN])
            parts.append(f"{len(self.misfits)} of another shape ({shown}{_more(self.misfits)})")
        if self.missing:
            parts.append(f"{len(self.missing)} missing ({', '.join(self.missing[:SHOWN])}{_more(self.missing)})")
        if self.unplaced:
            parts.append(f"{len(self.unplaced)} unexpected ({', '.join(self.unplaced[:SHOWN])}{_more(self.unplaced)})")
        return ", ".join(parts)


def _more(items: tuple[object, ...]) -> str:
    return ", …" if len(items) > SHOWN else ""


def account_for(
    found: Mapping[str, TensorFacts],
    *,
    expected: Mapping[str, Shape],
    may_be_left: Mapping[str, str] = CLASSIFIERS,
) -> Account:
    """Compare a file's tensors, in MONAI's names, with the network's; every one is accounted for.

    Only what `may_be_left` names by its beginning, with the reason, may be left out: the classifier of the source task.
    Only the counters of batch normalisation, which old files do not have, may be absent. float16, bfloat16 and float64
    are cast to float32; kernels of 1 x 1 serve as matrices.
    """
    loaded, adapted, missing, misfits = [], [], [], []
    for key, shape in expected.items():
        facts = found.get(key)
        if facts is None:
            if key.endswith(COUNTER):
                adapted.append((key, COUNTER_RULE))
            else:
                missing.append(key)
        elif not _fits(key, facts.shape, shape):
            misfits.append(Misfit(key, shape, facts.shape))
        elif key.endswith(COUNTER) and facts.dtype not in COUNTER_DTYPES:
            adapted.append((key, COUNTER_CAST_RULE))
        elif key.endswith(COUNTER) or (facts.dtype == "float32" and facts.shape == shape):
            loaded.append(key)
        else:
            cast = [CAST_RULE.format(dtype=facts.dtype)] if facts.dtype != "float32" else []
            reshaped = [MATRIX_RULE] if facts.shape != shape else []
            adapted.append((key, "; ".join(cast + reshaped)))
    extra = [key for key in found if key not in expected]
    left_out = [(key, why) for key in extra for start, why in may_be_left.items() if key.startswith(start)]
    unplaced = [key for key in extra if not key.startswith(tuple(may_be_left))]
    return Account(
        tuple(loaded), tuple(adapted), tuple(left_out), tuple(missing), tuple(misfits), tuple(sorted(unplaced))
    )


def _fits(key: str, got: Shape, expected: Shape) -> bool:
    if key.endswith(COUNTER):
        return math.prod(got) == 1
    is_matrix = len(expected) == 2 and len(got) > 2 and got[:2] == expected and math.prod(got[2:]) == 1
    return got == expected or is_matrix
