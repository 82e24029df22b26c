"""A candidate: frames of one series that may be a volume or a picture, with the reasons against it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from medtl.imaging.dicom.image_header import ImageHeader, Plane
from medtl.imaging.dicom.slice_stack import Fault, Stack


@dataclass(frozen=True)
class Slice:
    """One frame: the number of its file among the headers, its number in the file, and what is known of both."""

    file: int
    frame: int
    header: ImageHeader = field(repr=False)
    plane: Plane = field(repr=False)


@dataclass(frozen=True)
class Candidate:
    """Frames of one series that may be a volume or a picture.

    `is_picture` is true for a single view that is a case of its own. `moment` numbers the time points, echoes or
    diffusion weightings of one series ("3 of 10"), and `part` has the values that distinguish them: the header's own
    text, for private keys alone. `stack` orders the slices of a volume. `faults` are why it is refused, the weightiest
    first; it is accepted when there are none. `notes` are what a reader should know.
    """

    slices: tuple[Slice, ...] = field(repr=False)
    is_picture: bool = False
    moment: str = ""
    part: str = field(default="", repr=False)
    stack: Stack | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> ImageHeader:
        """The header of the first file."""
        return self.slices[0].header

    @property
    def files(self) -> tuple[int, ...]:
        """The numbers of the files, each once, in order."""
        return tuple(sorted({one.file for one in self.slices}))

    @property
    def reason(self) -> str | None:
        """The code of the weightiest fault, None when accepted."""
        return self.faults[0].reason if self.faults else None

    @property
    def sentence(self) -> str:
        """The sentences of all faults, joined."""
        return " ".join(fault.sentence for fault in self.faults)

    @property
    def title(self) -> str:
        """A title without anything that names a person: `CT, 28 of 512 x 512`."""
        size = f"{self.header.rows} x {self.header.columns}"
        count = "" if self.is_picture else f"{len(self.slices)} of "
        when = f", {self.moment}" if self.moment else ""
        return f"{self.header.modality or 'unknown modality'}, {count}{size}{when}"

    def refused(self, *faults: Fault) -> Candidate:
        """The same candidate with more faults, behind those that it has."""
        return replace(self, faults=self.faults + faults)
