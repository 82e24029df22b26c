"""The audit as files that a page shows: pairs that look the same, and what near the border goes with label or site.

In: a recruited cohort and its prepared scans. Out: audit.json and small pictures in a folder beside it, at most a dozen
pairs and a few examples of each suspect. Case ids are those of the cohort, which a study makes pseudonyms.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from medtl.audit.border_confounders import Suspect
from medtl.audit.feature_neighbours import neighbour_pairs
from medtl.cohort import Case
from medtl.files import write_atomically
from medtl.imaging import PreparedCohort
from medtl.record import run_folder as names
from medtl.record.audit import Audit, AuditedCase, AuditedPair, BorderSuspect, SuspectExample, write_audit
from medtl.study.cohort import Recruited

PAIRS_SHOWN = 12
WITHIN_SHOWN = 4
"""Of those, pairs with one label within one patient, which do no harm to the folds."""

Pair = tuple[str, tuple[Case, Case]]
"""How close two cases are, in words, and the two."""

VOLUME = 3
LONGEST_SIDE_PX = 200
"""Of a picture in the audit: two equal scans are seen to be equal, and a page with all of them stays small."""


def cases_shown(recruited: Recruited, alike: Sequence[Pair] = ()) -> tuple[Case, ...]:
    """The cases whose pictures the audit shows, each once."""
    by_id = {case.case_id: case for case in recruited.cohort.cases}
    shown = [case for pair in _shown(recruited, alike) for case in pair[1]]
    shown += [by_id[name] for one in _suspects(recruited)
              for _, own in one.examples for name in own if name in by_id]  # fmt: skip
    return tuple({case.case_id: case for case in shown}.values())


def alike_by_features(recruited: Recruited, features: Float[np.ndarray, "case feature"]) -> tuple[Pair, ...]:
    """Pairs of different patients that only frozen features find; `features` are in the cohort's order."""
    cases = recruited.cohort.cases
    reported = {frozenset(case.case_id for case in pair.cases) for pair in recruited.near}
    reported |= {frozenset(two) for group in recruited.duplicates for two in combinations(group, 2)}
    close = neighbour_pairs(features, [case.patient_id for case in cases])
    return tuple(
        (f"features at {share:.2f} of the usual distance", (cases[one], cases[other]))
        for one, other, share in close
        if frozenset((cases[one].case_id, cases[other].case_id)) not in reported
    )


def write_audit_with_pictures(
    recruited: Recruited, prepared: PreparedCohort, folder: Path, *, alike: Sequence[Pair] = ()
) -> None:
    """Write audit.json and its pictures into `folder`, for earlier ones; `alike` are further pairs."""
    pictures_folder = folder / names.AUDIT_PICTURES
    shutil.rmtree(pictures_folder, ignore_errors=True)
    pictures = {case.case_id: f"{number:02d}.png" for number, case in enumerate(cases_shown(recruited, alike))}
    for case_id, name in pictures.items():
        write_atomically(pictures_folder / name, small_picture(prepared, case_id))
    write_audit(
        Audit(
            pairs=tuple(
                AuditedPair(
                    found=found,
                    contradicts=one.label != other.label,
                    between_patients=one.patient_id != other.patient_id,
                    cases=(_audited(one, pictures), _audited(other, pictures)),
                )
                for found, (one, other) in _shown(recruited, alike)
            ),
            all_pairs=sum(map(len, _pairs(recruited, alike))),
            suspects=tuple(_suspect(one, pictures) for one in _suspects(recruited)),
        ),
        folder,
    )


def _shown(recruited: Recruited, alike: Sequence[Pair]) -> list[Pair]:
    others, harmless = _pairs(recruited, alike)
    return [*others, *harmless[:WITHIN_SHOWN]][:PAIRS_SHOWN]


def _pairs(recruited: Recruited, alike: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Pairs to worry about, contradicting labels first, and others; two of each exact group, never a sealed case."""
    by_id = {case.case_id: case for case in recruited.cohort.cases}
    groups = [[by_id[name] for name in group if name in by_id] for group in recruited.duplicates]
    exact = [("equal pixels", _distinct_patients(group)) for group in groups if len(group) > 1]
    near = [(pair.found, pair.cases) for pair in recruited.near if all(case.case_id in by_id for case in pair.cases)]
    both = [*exact, *near, *alike]
    harmless = [pair for pair in both if _is_harmless(*pair[1])]
    others = sorted(
        (pair for pair in both if not _is_harmless(*pair[1])), key=lambda one: one[1][0].label == one[1][1].label
    )
    return others, harmless


def _suspects(recruited: Recruited) -> list[Suspect]:
    """The strongest place of each kind; the notes name the others."""
    first = {(one.what, one.against): one for one in reversed(recruited.border.suspects)}
    return [one for one in recruited.border.suspects if first[one.what, one.against] is one]


def _is_harmless(one: Case, other: Case) -> bool:
    return one.label == other.label and one.patient_id == other.patient_id


def _distinct_patients(group: Sequence[Case]) -> tuple[Case, Case]:
    """The two of a group that differ most: in their label, else in their patient."""
    others: Iterable[Case] = group[1:]
    first = group[0]
    return first, max(others, key=lambda case: (case.label != first.label, case.patient_id != first.patient_id))


def _audited(case: Case, pictures: dict[str, str]) -> AuditedCase:
    return AuditedCase(
        case_id=case.case_id,
        patient_id=case.patient_id,
        label=case.label,
        split=case.split,
        picture=pictures[case.case_id],
    )


def _suspect(one: Suspect, pictures: dict[str, str]) -> BorderSuspect:
    return BorderSuspect(
        what=one.what,
        against=one.against,
        position=one.position,
        values=one.values_in_words,
        examples=tuple(
            SuspectExample(group=group, case_id=name, picture=pictures[name])
            for group, own in one.examples
            for name in own
            if name in pictures
        ),
    )


def small_picture(prepared: PreparedCohort, case_id: str) -> bytes:
    """A case as a small PNG; of a volume the middle axial slice."""
    pixels = prepared.displayed(case_id).pixels
    grey = (pixels.mean(axis=0) * 255).round().astype(np.uint8)
    if grey.ndim == VOLUME:  # right, anterior, superior: the middle axial slice as radiologists see it
        grey = np.ascontiguousarray(np.rot90(grey[..., grey.shape[2] // 2])[:, ::-1])
    image = Image.fromarray(grey)
    image.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()
