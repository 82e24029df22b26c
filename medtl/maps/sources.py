"""From a case of a run back to the files it was made from, by the private link tables of this computer.

In: the run's study, the hashes of what it read, and case ids. Out: files of each case, or why there are none. A case
may bear two pseudonyms, the study's on top of the intake's. Nothing of this goes into a run folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort import Case, pseudonyms, read_manifest
from medtl.cohort.delimited import file_and_sheet
from medtl.imaging.for_intake import DICOM_MAGIC, UnreadableScan, read_content, sha256_of_content
from medtl.intake import CaseSource, sources_of
from medtl.maps.left_out import LeftOut
from medtl.study.settings import Study

NOT_DICOM = "The source is not DICOM, so there is no series that a DICOM object could refer to."


@dataclass(frozen=True)
class SourceFiles:
    """The DICOM files of a case, and the series they must be of; empty when that is not known beforehand."""

    files: tuple[Path, ...]
    series_uid: str = ""


@dataclass(frozen=True)
class SourceTables:
    """The link tables of this computer on a run's cases; each table was read once."""

    manifest_ids: Mapping[str, str]
    taken_in: Mapping[str, CaseSource]
    named: Mapping[str, Case]
    sha256: Mapping[str, str]

    @classmethod
    def read(cls, study: Study, *, cases: Iterable[str], sha256: Mapping[str, str]) -> SourceTables:
        """Read the link tables, and the manifest where an intake does not know every case.

        Raises:
            DataRefused: the manifest is faulty now.
        """
        known = (
            pseudonyms.manifest_ids(study.name, manifest=study.manifest) if study.identifiers == "pseudonymous" else {}
        )
        own = {case: known.get(case, "") if study.identifiers == "pseudonymous" else case for case in cases}
        manifest_ids = {case: name for case, name in own.items() if name}
        taken_in = sources_of(manifest_ids.values())
        elsewhere = set(manifest_ids.values()) - set(taken_in)
        there = elsewhere and file_and_sheet(study.manifest)[0].is_file()
        cohort = read_manifest(study.manifest, study).cases if there else ()
        return cls(manifest_ids, taken_in, {case.case_id: case for case in cohort}, sha256)

    def files_of(self, case_id: str) -> SourceFiles:
        """The DICOM files that a case of the run was made from.

        Raises:
            LeftOut: the case is not known here, its files are gone or changed, or they are no DICOM.
        """
        name = self.manifest_ids.get(case_id)
        if name is None:
            raise LeftOut(
                "No link table on this computer leads from this pseudonym to the manifest. Export on the computer, as "
                f"the user and with the {pseudonyms.HOME_VARIABLE} that the study was run with."
            )
        if name in self.taken_in:
            return _taken_in(self.taken_in[name])
        if name in self.named:
            return _named(self.named[name], sha256=self.sha256.get(case_id, ""))
        raise LeftOut(
            "Neither an intake on this computer nor the manifest that study.yaml names knows the case. Put the "
            "manifest back where study.yaml says, or export where the scans were taken in."
        )


def _taken_in(source: CaseSource) -> SourceFiles:
    gone = sum(not file.is_file() for file in source.files)
    if gone:
        raise LeftOut(
            f"{gone} of {len(source.files)} source files are not where intake found them. Bring them back, or take the "
            "folder in again from its new place with the same options."
        )
    if not source.files or not all(map(_is_dicom, source.files)):
        raise LeftOut(NOT_DICOM)
    return SourceFiles(source.files, source.series_uid)


def _named(case: Case, *, sha256: str) -> SourceFiles:
    """The image that the manifest names: a DICOM file, or a folder with one series; unchanged since the run."""
    if not case.image.exists():
        raise LeftOut("The image is not where the manifest says. Bring it back.")
    inside = [case.image] if case.image.is_file() else sorted(case.image.iterdir())
    files = tuple(file for file in inside if file.is_file() and not file.name.startswith(".") and _is_dicom(file))
    if not files:
        raise LeftOut(NOT_DICOM)
    try:
        now = sha256_of_content(read_content(case.image))
    except UnreadableScan as error:
        raise LeftOut(str(error)) from error
    if now != sha256:
        raise LeftOut("The image has changed since the run read it, so the map may not belong to it. Put it back.")
    return SourceFiles(files)


def _is_dicom(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(DICOM_MAGIC.stop)[DICOM_MAGIC] == b"DICM"
    except OSError:
        return False
