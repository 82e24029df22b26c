"""The side door, for intake and for maps that go back: what reads, judges and writes scans at the archive's border."""

from __future__ import annotations

from medtl.imaging.damaged_files import lost_its_pixels as lost_its_pixels
from medtl.imaging.damaged_files import tainted as tainted
from medtl.imaging.decoding import decoder_missing as decoder_missing
from medtl.imaging.decoding import dicom_header as dicom_header
from medtl.imaging.dicom_dates import known_date as known_date
from medtl.imaging.dicom_file import PYDICOM_FAULTS as PYDICOM_FAULTS
from medtl.imaging.dicom_series import Candidate as Candidate
from medtl.imaging.dicom_series import Slice as Slice
from medtl.imaging.dicom_series import grouped as grouped
from medtl.imaging.dicom_words import ANOTHER_VALUE as ANOTHER_VALUE
from medtl.imaging.dicom_words import manufacturer_of as manufacturer_of
from medtl.imaging.dicom_words import model_of as model_of
from medtl.imaging.facts import refuse_unusable as refuse_unusable
from medtl.imaging.formats.foreign import DICOM_MARK as DICOM_MARK
from medtl.imaging.formats.foreign import Foreign as Foreign
from medtl.imaging.formats.format import START_BYTES as START_BYTES
from medtl.imaging.formats.format import Choice as Choice
from medtl.imaging.formats.geometry import NO_ORIENTATION as NO_ORIENTATION
from medtl.imaging.formats.known import ENDINGS as ENDINGS
from medtl.imaging.formats.known import FORMATS as FORMATS
from medtl.imaging.formats.known import foreign_or_unknown as foreign_or_unknown
from medtl.imaging.formats.known import format_of as format_of
from medtl.imaging.image_header import ImageHeader as ImageHeader
from medtl.imaging.image_header import plain_name as plain_name
from medtl.imaging.one_scan import one_scan as one_scan
from medtl.imaging.prepared_cache import deciding_versions as deciding_versions
from medtl.imaging.preview import preview_of as preview_of
from medtl.imaging.preview import shows_text as shows_text
from medtl.imaging.reading import companions_of as companions_of
from medtl.imaging.reading import header_beside as header_beside
from medtl.imaging.reading import read_content as read_content
from medtl.imaging.reading import read_file_bytes as read_file_bytes
from medtl.imaging.reading import read_scan as read_scan
from medtl.imaging.reading import sha256_of_content as sha256_of_content
from medtl.imaging.scan import Scan as Scan
from medtl.imaging.scan import UnreadableScan as UnreadableScan
from medtl.imaging.series_judgement import judged as judged
from medtl.imaging.series_rules import FrameChoice as FrameChoice
from medtl.imaging.series_rules import SeriesRules as SeriesRules
from medtl.imaging.series_volume import volume_of as volume_of
from medtl.imaging.slice_stack import Fault as Fault
from medtl.imaging.thumbnail import thumbnail as thumbnail
from medtl.imaging.writing import EncodedScan as EncodedScan
from medtl.imaging.writing import encoded as encoded
