"""Images that look alike are found among thousands, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from medtl.audit.near_duplicates import NEAR_BITS, near_findings, near_pairs
from medtl.cohort import Case, Cohort
from medtl.findings import sentences


def cohort_of(*rows: tuple[str, str, str, str | None]) -> Cohort:
    """A cohort from (case, patient, label, split)."""
    cases = tuple(
        Case(case, patient, Path(f"/{case}"), label, line, split=split)
        for line, (case, patient, label, split) in enumerate(rows, start=2)
    )
    return Cohort(cases=cases, classes=tuple(sorted({case.label for case in cases})))


def hashed(bits: np.ndarray) -> str:
    return np.packbits(bits).tobytes().hex()


def test_the_pairs_are_those_of_scipys_hamming_distance() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (150, 256)).astype(bool)
    cohort = cohort_of(*((f"c{n:03d}", f"p{n}", "x", None) for n in range(150)))
    found = near_pairs(cohort, {f"c{n:03d}": hashed(row) for n, row in enumerate(bits)}, most_bits=115)
    distances = np.rint(pdist(bits, "hamming") * 256).astype(int)
    ones, others = np.triu_indices(150, 1)
    expected = {(f"c{i:03d}", f"c{j:03d}", d) for i, j, d in zip(ones, others, distances, strict=True) if d <= 115}
    assert expected
    assert {(pair.first.case_id, pair.second.case_id, pair.bits) for pair in found} == expected


def test_contradicting_labels_come_first_then_other_patients_then_other_splits() -> None:
    base = np.zeros(256, bool)
    cohort = cohort_of(
        ("a", "P1", "x", "train"), ("b", "P1", "x", "train"), ("c", "P2", "x", "train"), ("d", "P3", "x", "test"),
        ("e", "P4", "y", "train"), ("f", "P5", "y", "train"),
    )  # fmt: skip
    hashes = dict.fromkeys("abcde", hashed(base))
    found = near_pairs(cohort, {**hashes, "f": ""}, exact=[("a", "e")])
    assert [pair.first.case_id + pair.second.case_id for pair in found] == [
        "de", "be", "ce", "ad", "bd", "cd", "ac", "bc", "ab",
    ]  # fmt: skip
    notes = sentences(near_findings(found, tied=False))
    assert notes[0].startswith("3 pairs of nearly equal images with different labels")
    assert "case b (manifest line 3) x, train and case e (manifest line 6) y, train (0 bits)" in notes[0]
    assert notes[1].startswith("5 pairs of nearly equal images under different patient numbers")
    assert "--tie-duplicates keeps such patients together" in notes[1]
    assert "kept on the same side" in sentences(near_findings(found, tied=True))[1]
    assert notes[2].startswith("1 pair of nearly equal images within one patient")
    assert sentences(near_findings((), tied=False)) == ()


def test_in_a_cohort_of_pictures_that_are_alike_fewer_bits_make_a_candidate() -> None:
    chance = np.random.default_rng(3)
    common = chance.integers(0, 2, 256).astype(bool)
    bits = common ^ (chance.random((200, 256)) < 0.055)
    names = {f"c{n}": hashed(row) for n, row in enumerate(bits)}
    cohort = cohort_of(*((f"c{n}", f"p{n}", "x", None) for n in range(200)))
    assert len(near_pairs(cohort, names, most_bits=NEAR_BITS)) > 100, "different pictures, within the fixed threshold"
    assert near_pairs(cohort, names) == ()
    names["c199"] = names["c0"]
    assert near_pairs(cohort, names)[0].cases == (cohort.cases[0], cohort.cases[199])


@pytest.mark.slow
def test_the_one_pair_among_six_thousand_images_is_found() -> None:
    bits = np.random.default_rng(1).integers(0, 2, (6000, 256)).astype(bool)
    bits[5999] = bits[7]
    bits[5999, :NEAR_BITS] ^= True
    cohort = cohort_of(*((f"c{n}", f"p{n}", "x", None) for n in range(6000)))
    (pair,) = near_pairs(cohort, {f"c{n}": hashed(row) for n, row in enumerate(bits)})
    assert (pair.first.case_id, pair.second.case_id, pair.bits) == ("c7", "c5999", NEAR_BITS)
