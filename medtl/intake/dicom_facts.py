"""What is kept of a DICOM header: identities for the private table, covariates by an allow-list for the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from medtl.cohort import pseudonyms
from medtl.imaging.for_intake import ANOTHER_VALUE, Candidate, ImageHeader, manufacturer_of, model_of
from medtl.intake.offer import Cell
from medtl.intake.person import is_placeholder


def candidate_key(candidate: Candidate) -> str:
    """The key that identifies a candidate, whatever its files are called and however many more there are."""
    header, plane = candidate.header, candidate.slices[0].plane
    direction = "" if plane.orientation is None else " ".join(f"{value:.3f}" for value in plane.orientation)
    own = header.sop_uid if candidate.is_picture or header.frames > 1 else ""
    parts = (
        header.study_uid, header.series_uid, header.frame_of_reference_uid, own, "/".join(plane.image_type), plane.echo,
        plane.stack, direction, f"{header.rows}x{header.columns}", candidate.moment,
    )  # fmt: skip
    part = f"|{candidate.part}" if candidate.part else ""
    return "dicom|" + "|".join(parts) + part


def origin_of(header: ImageHeader) -> dict[str, str]:
    """The identifiers that lead back to the archive; for the private link table alone."""
    return {"study_uid": header.study_uid, "series_uid": header.series_uid}


def names_of(header: ImageHeader, files: tuple[Path, ...], root: Path) -> dict[str, str]:
    """The names by which a labels file may call the candidate, by column."""
    names = {
        "patient_id": "" if is_placeholder(header.patient_id) else header.patient_id,
        "accession_number": header.accession_number,
        "study_uid": header.study_uid,
        "series_uid": header.series_uid,
    }
    folders = {file.parent for file in files}
    if len(folders) == 1:
        names["folder"] = folders.pop().relative_to(root).as_posix()
    if len(files) == 1:
        names["case"] = files[0].relative_to(root).as_posix()
    return names


def covariates_of(candidate: Candidate, *, with_description: bool, key: bytes) -> Mapping[str, Cell]:
    """The allow-list: what may go into the manifest. `frame` is that of a clip, counted from 1.

    Makers and models are written as their usual names. One that is not known gets a pseudonym, so that scanners can be
    distinguished although the header's own text, which may name a person, stays behind.
    """
    header = candidate.header
    kept: dict[str, Cell] = {
        "frame": str(candidate.slices[0].frame + 1) if candidate.is_picture and header.frames > 1 else None,
        "modality": header.modality,
        "manufacturer": _known_or_hidden(manufacturer_of(header.manufacturer), header.manufacturer, key=key),
        "model": _known_or_hidden(model_of(header.model), header.model, key=key),
        "field_strength_t": header.field_strength_t,
        "kvp": header.kvp,
    }
    if with_description:
        kept["series_description"] = header.series_description
    return kept


def _known_or_hidden(known: str, text: str, *, key: bytes) -> str:
    if known != ANOTHER_VALUE:
        return known
    return pseudonyms.pseudonyms_of([text], kind="scanner", key=key)[text]


def day_number(header: ImageHeader) -> int | None:
    """The day of the acquisition as a number; None when the header has no date but what software fills in."""
    text = header.acquired_on
    return date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal() if text else None
