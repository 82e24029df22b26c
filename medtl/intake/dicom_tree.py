"""A tree of DICOM files: every header is read, frames are grouped, and each group becomes an offer or a refusal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from medtl.cohort import pseudonyms
from medtl.files import sha256_of_file
from medtl.imaging.for_intake import (
    Candidate,
    DamagedFile,
    ImageHeader,
    Scan,
    SeriesRules,
    UnreadableScan,
    dicom_header,
    grouped,
    judged,
    lost_its_pixels,
    one_scan,
    preview_of,
    read_file_bytes,
    shows_text,
    tainted,
    volume_of,
    without_a_series,
)
from medtl.intake.dicom_facts import candidate_key, covariates_of, day_number, names_of, origin_of
from medtl.intake.folder_contents import content_of, files_below, no_dicom, refused_file
from medtl.intake.offer import Cell, Offer, Refusal, Survey
from medtl.intake.picture_notes import picture_notes
from medtl.intake.settings import IntakeSettings
from medtl.intake.who_is_who import who_is_who
from medtl.progress import track

COPY = "Another file has the same bytes; one of them is used."


def survey_dicom(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of all files below the folder, by their DICOM headers; no pixel is read."""
    files = files_below(folder)
    found = _headers(files, workers=settings.workers)
    headers = {number: header for number, header in enumerate(found) if isinstance(header, ImageHeader)}
    copies = _copies(files, headers)
    kept = [(number, header) for number, header in headers.items() if number not in copies]
    rules = SeriesRules(
        fewest_slices=settings.fewest_slices,
        correct_tilt=settings.correct_tilt,
        frame=settings.frame,
        modality=settings.modality,
        description=settings.series,
    )
    damaged = _damaged(files, found)
    candidates = judged(grouped(kept), rules)
    homeless = without_a_series(candidates, damaged)
    candidates = tainted(candidates, damaged)
    secret = pseudonyms.pseudonym_key()
    identities = who_is_who((header for _, header in kept), key=secret)
    offers, refusals = list[Offer](), list[Refusal]()
    for candidate, key in zip(candidates, _keys(candidates, files, folder), strict=True):
        patient = identities.patient_of(candidate.header)
        if candidate.faults:
            refusals.append(_refusal(candidate, files, key=key, patient=patient))
        else:
            covariates = covariates_of(candidate, with_description=settings.series_description, key=secret)
            offers.append(_offer(candidate, files, folder, key=key, patient=patient, covariates=covariates))
    refusals += [refused_file(files[number], folder, reason="copy", sentence=COPY) for number in sorted(copies)]
    refusals += [
        refused_file(files[number], folder, reason=refusal.reason, sentence=str(refusal))
        for number, refusal in enumerate(found)
        if isinstance(refusal, UnreadableScan)
    ]
    return Survey(
        "dicom",
        files,
        tuple(offers),
        tuple(refusals),
        notes=(
            *identities.notes,
            *_stack_notes(candidates),
            *picture_notes(candidates, settings.frame),
            *_damage_notes(homeless),
            *_date_notes(offers, settings),
        ),
    )


def _headers(files: Sequence[Path], *, workers: int) -> list[ImageHeader | UnreadableScan]:
    """The header of each file, or why there is none; each thread has a process that reads for it."""

    def attempt(path: Path) -> ImageHeader | UnreadableScan:
        content = content_of(path)
        if content == "empty":
            return UnreadableScan("The file is empty (0 bytes).", reason="empty_file")
        if content != "dicom":
            return UnreadableScan(no_dicom(path), reason="not_dicom")
        try:
            with one_scan():
                return dicom_header(path)
        except UnreadableScan as refusal:
            return refusal

    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            return list(track(pool.map(attempt, files), what="Reading headers", total=len(files)))
        finally:
            pool.shutdown(cancel_futures=True)


def _copies(files: Sequence[Path], headers: dict[int, ImageHeader]) -> set[int]:
    """Files with the same bytes as an earlier one; only such as state that they are the same image are compared."""
    by_identity: dict[str, list[int]] = defaultdict(list)
    for number, header in headers.items():
        by_identity[header.sop_uid].append(number)
    copies: set[int] = set()
    for identity, numbers in by_identity.items():
        if identity and len(numbers) > 1:
            seen: set[str] = set()
            for number in numbers:
                digest = sha256_of_file(files[number])
                if digest in seen:
                    copies.add(number)
                seen.add(digest)
    return copies


def _damaged(files: Sequence[Path], found: Sequence[ImageHeader | UnreadableScan]) -> list[DamagedFile]:
    """Files that may be lost slices."""
    neighbours: dict[Path, set[int]] = defaultdict(set)
    for number, file in enumerate(files):
        neighbours[file.parent].add(number)
    damaged = list[DamagedFile]()
    for number, (file, refusal) in enumerate(zip(files, found, strict=True)):
        if not isinstance(refusal, UnreadableScan):
            continue
        start = _start_of(file)
        beside = neighbours[file.parent]
        if refusal.reason == "no_image" and not lost_its_pixels(start, _headers_of(found, beside)):
            continue
        damaged.append(DamagedFile(start, number, frozenset() if refusal.reason == "not_dicom" else frozenset(beside)))
    return damaged


def _headers_of(found: Sequence[ImageHeader | UnreadableScan], numbers: set[int]) -> list[ImageHeader]:
    return [header for header in (found[number] for number in numbers) if isinstance(header, ImageHeader)]


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(2**16)
    except OSError:
        return b""


def _keys(candidates: Sequence[Candidate], files: Sequence[Path], folder: Path) -> list[str]:
    """A name for good for each candidate; where headers do not distinguish two, the path of the first file does."""
    keys = [candidate_key(candidate) for candidate in candidates]
    times = Counter(keys)
    return [
        key if times[key] == 1 else f"{key}|{files[candidate.files[0]].relative_to(folder)}"
        for key, candidate in zip(keys, candidates, strict=True)
    ]


def _offer(
    candidate: Candidate,
    files: Sequence[Path],
    folder: Path,
    *,
    key: str,
    patient: str,
    covariates: Mapping[str, Cell],
) -> Offer:
    own = tuple(files[number] for number in candidate.files)
    header = candidate.header
    return Offer(
        key=key,
        patient=patient,
        files=own,
        load=partial(_picture_of if candidate.is_picture else volume_of, candidate, _reader(files)),
        title=candidate.title,
        covariates=covariates,
        names=names_of(header, own, folder),
        origin=origin_of(header),
        shows_text=shows_text(candidate),
        moment_days=day_number(header),
    )


def _picture_of(candidate: Candidate, content_of: Callable[[int], bytes]) -> Scan:
    """The picture with what is known of it from its header."""
    scan = preview_of(candidate, content_of)
    known = tuple(note for note in candidate.notes if note not in scan.notes)
    return replace(scan, notes=known + scan.notes)


def _reader(files: Sequence[Path]) -> Callable[[int], bytes]:
    return lambda number: read_file_bytes(files[number])


def _refusal(candidate: Candidate, files: Sequence[Path], *, key: str, patient: str) -> Refusal:
    header = candidate.header
    return Refusal(
        key=key,
        patient=patient,
        files=tuple(files[number] for number in candidate.files),
        reason=candidate.reason or "",
        sentence=candidate.sentence,
        title=candidate.title,
        origin=origin_of(header),
        preview=None if shows_text(candidate) else partial(preview_of, candidate, _reader(files)),
    )


def _stack_notes(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """How many series hold several stacks, as nobody would look for two volumes in one series."""
    several = {(one.header.study_uid, one.header.series_uid) for one in candidates if one.part}
    if not several:
        return ()
    what = f"{len(several)} series hold" if len(several) > 1 else "1 series holds"
    return (
        f"{what} several stacks (time points, phases, kernels, b-values, …); each stack is a case of its own, and its "
        "line in the page says what tells it apart.",
    )


def _damage_notes(homeless: int) -> tuple[str, ...]:
    """Damaged files that no series was refused for."""
    if not homeless:
        return ()
    what = f"{homeless} damaged files lie" if homeless > 1 else "1 damaged file lies"
    return (
        f"{what} beside several series, and nothing says of which of them it is a slice: one of them may lack its "
        "first or last slice. Get such files again.",
    )


def _date_notes(offers: Sequence[Offer], settings: IntakeSettings) -> tuple[str, ...]:
    """A note on how many cases have no interval although it was requested."""
    number = sum(offer.moment_days is None for offer in offers)
    if not settings.interval or not number:
        return ()
    what = f"{number} cases have" if number > 1 else "1 case has"
    return (
        f"{what} no date but what software fills in (such as 1900-01-01), or none: interval_days is empty, and days "
        "are counted from the patient's first scan with a date.",
    )
