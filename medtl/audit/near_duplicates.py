"""Images that look the same though their pixels differ: compared all with all, by hashes and by shifted small pictures.

In: a hash and a small picture per case. Out: candidate pairs, those with contradicting labels first, and findings. A
candidate is for people to look at: an image taken twice in a row may be as close as a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from medtl.audit.copy_findings import copies_across_patients, copies_of_other_label, copies_within_patient
from medtl.audit.shifted_copies import shifted_pairs
from medtl.cohort.case import Case, Cohort
from medtl.findings import Finding

NEAR_BITS = 28
"""Of 255 differing signs up to which two images are candidates.

On 5,840 children's radiographs (Kermany 2018) copies with noise of 15 grey levels, of 15 % more brightness, resized or
compressed anew differ from their originals by at most 24; the closest two that are no exact copies differ by 36.
"""

FEWEST_CASES = 20
"""Fewer cases do not show how alike the cohort's images are; `NEAR_BITS` is then taken as it is."""

SHARE_OF_NEIGHBOUR = 0.4
"""A copy lies nearer than this part of the distance at which the nearest image of another patient usually lies; a
ratio of distances shows a true match as in Lowe 2004. It matters where all images are alike, as phantoms are.

Chosen on phantoms of seed 3, where 0.5 leaves false pairs; on the phantoms of six other seeds, 5,280 images, it leaves
none. On the radiographs above it comes to 28.8, so that there `NEAR_BITS` decides."""

CHUNK = 1024
"""Rows compared at once: 1,024 x 6,000 distances are 25 MB."""

PAIRS_SHOWN = 8
Distance = TypeVar("Distance", int, float)


@dataclass(frozen=True)
class NearPair:
    """Two cases that look the same, in cohort order: how many of the 255 signs differ, and the distance once shifted.

    Either is None where that way did not find the pair.
    """

    first: Case
    second: Case
    bits: int | None
    distance: float | None = None

    @property
    def contradicts(self) -> bool:
        """Whether the two have different labels."""
        return self.first.label != self.second.label

    @property
    def between_patients(self) -> bool:
        """Whether the two have different patient numbers."""
        return self.first.patient_id != self.second.patient_id

    @property
    def between_splits(self) -> bool:
        """Whether the two stand on different sides of a split that the manifest names."""
        return None not in (self.first.split, self.second.split) and self.first.split != self.second.split

    def __str__(self) -> str:
        sides = [f"{case} {case.label}" + (f", {case.split}" if case.split else "") for case in self.cases]
        return f"{sides[0]} and {sides[1]} ({self.found})"

    @property
    def found(self) -> str:
        """The closeness of the two, in words."""
        if self.bits is None:
            return f"{self.distance:.3f} from equal when shifted"
        return f"{self.bits} bits"

    @property
    def cases(self) -> tuple[Case, Case]:
        """Both cases."""
        return self.first, self.second


def near_pairs(
    cohort: Cohort,
    hashes: Mapping[str, str],
    *,
    greys: Mapping[str, str] | None = None,
    exact: Iterable[Sequence[str]] = (),
    most_bits: int | None = None,
) -> tuple[NearPair, ...]:
    """Candidate pairs: contradicting labels first, then across patients, across splits, then by distance.

    Args:
        cohort: the cases, with labels, patients and splits.
        hashes: the perceptual hash of each case, hexadecimal by case id; a case without one is compared with nothing.
        greys: 32 x 32 cell means, hexadecimal by case id, for the comparison of shifted pictures.
        exact: groups of exact duplicates by case id; pairs inside a group are left out, as they are reported already.
        most_bits: the most signs that may differ; None takes `NEAR_BITS`, or fewer where all images are alike.
    """
    group = {name: index for index, names in enumerate(exact) for name in names}
    cases = [case for case in cohort.cases if hashes.get(case.case_id)]
    drawn = [case for case in cohort.cases if greys and greys.get(case.case_id)]
    bits = _named_pairs(
        cases,
        _close([hashes[case.case_id] for case in cases], [case.patient_id for case in cases], most_bits=most_bits),
    )
    shifted = _named_pairs(
        drawn,
        shifted_pairs([greys[case.case_id] for case in drawn], [case.patient_id for case in drawn]) if greys else [],
    )
    by_id = {case.case_id: case for case in cohort.cases}
    found = [
        NearPair(by_id[one], by_id[other], bits.get((one, other)), shifted.get((one, other)))
        for one, other in dict.fromkeys([*bits, *shifted])
        if group.get(one, -1) != group.get(other, -2)
    ]
    return tuple(
        sorted(found, key=lambda pair: (not pair.contradicts, not pair.between_patients, not pair.between_splits,
                                        pair.bits is None, pair.bits or 0, pair.distance or 0.0))
    )  # fmt: skip


def _named_pairs(cases: Sequence[Case], pairs: Iterable[tuple[int, int, Distance]]) -> dict[tuple[str, str], Distance]:
    return {(cases[one].case_id, cases[other].case_id): far for one, other, far in pairs}


def near_findings(pairs: Sequence[NearPair], *, tied: bool) -> tuple[Finding, ...]:
    """What near duplicates there are, in words; within one patient they are only counted."""
    found = []
    against = [pair for pair in pairs if pair.contradicts]
    between = [pair for pair in pairs if pair.between_patients and not pair.contradicts]
    within = [pair for pair in pairs if not pair.contradicts and not pair.between_patients]
    rule = _rule(pairs)
    if against:
        found.append(
            copies_of_other_label(
                f"{_pairs(len(against))} of nearly equal images with different labels ({rule}): {_named(against)}. "
                "Look at both and check the labels.",
                cases=_cases(against),
            )
        )
    if between:
        tie = (
            "Such patients are kept on the same side of every fold."
            if tied
            else "They may stand on two sides of a fold: --tie-duplicates keeps such patients together."
        )
        found.append(
            copies_across_patients(
                f"{_pairs(len(between))} of nearly equal images under different patient numbers ({rule}): "
                f"{_named(between)}. {tie}",
                cases=_cases(between),
            )
        )
    if within:
        found.append(
            copies_within_patient(
                f"{_pairs(len(within))} of nearly equal images within one patient ({rule}); all are kept.",
                cases=_cases(within),
            )
        )
    return tuple(found)


def _cases(pairs: Sequence[NearPair]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.case_id for pair in pairs for case in pair.cases))


def _rule(pairs: Sequence[NearPair]) -> str:
    bits = [pair.bits for pair in pairs if pair.bits is not None]
    shifted = [pair.distance for pair in pairs if pair.bits is None and pair.distance is not None]
    rules = []
    if bits or not shifted:
        rules.append(f"perceptual hash, at most {max(bits, default=0)} of 255 bits apart")
    if shifted:
        rules.append(
            f"small pictures at most {max(shifted):.3f} from equal when one is shifted by up to 6 % of the side"
        )
    return ", or ".join(rules)


def _close(hashes: Sequence[str], patients: Sequence[str], *, most_bits: int | None) -> list[tuple[int, int, int]]:
    """(index, later index, differing bits) of all close pairs: signs as -1 and 1, distances by matrix products."""
    if len(hashes) < 2:
        return []
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(len(hashes), -1)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    widest = NEAR_BITS if most_bits is None else most_bits
    nearest, found = [], []
    for start in range(0, len(signs), CHUNK):
        rows = slice(start, start + CHUNK)
        bits = np.rint((signs.shape[1] - signs[rows] @ signs.T) / 2).astype(np.int16)
        of_others = np.where(owner[rows, None] != owner[None], bits, signs.shape[1])
        nearest.append(of_others.min(axis=1))
        ones, others = np.nonzero(np.triu(bits <= widest, k=start + 1))
        found += [(start + int(i), int(j), int(bits[i, j])) for i, j in zip(ones, others, strict=True)]
    limit = widest
    if most_bits is None and len(hashes) >= FEWEST_CASES:
        limit = min(widest, int(SHARE_OF_NEIGHBOUR * float(np.median(np.concatenate(nearest)))))
    return [pair for pair in found if pair[2] <= limit]


def _pairs(count: int) -> str:
    return f"{count:,} pair{'s' if count > 1 else ''}"


def _named(pairs: Sequence[NearPair]) -> str:
    shown = "; ".join(str(pair) for pair in pairs[:PAIRS_SHOWN])
    return shown if len(pairs) <= PAIRS_SHOWN else f"{shown}; and {len(pairs) - PAIRS_SHOWN} more"
