"""Every scan that cannot be read is answered with what is wrong in it, in numbers, and with what to do."""

from __future__ import annotations

import gzip
import io
import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import dicom_phantom as phantoms
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image
from pydantic import ValidationError

from medtl.errors import ConfigurationError, ResourceExhausted
from medtl.imaging import PreparationSettings
from medtl.imaging.dicom import decoding
from medtl.imaging.dicom.decode_process import own_process
from medtl.imaging.dicom.decoding import dicom_header, dicom_pixels
from medtl.imaging.dicom.file import decode_dicom, decode_frame
from medtl.imaging.dicom.series import grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.dicom.series_volume import volume_of
from medtl.imaging.facts import placement_of, refuse_unusable
from medtl.imaging.formats.format import Choice
from medtl.imaging.formats.geometry import believed
from medtl.imaging.formats.nifti import decode_nifti
from medtl.imaging.formats.several import wanted_volumes
from medtl.imaging.formats.stream import MOST_STREAMED_BYTES, voxels_in
from medtl.imaging.intensity import black_and_white, refuse_outside
from medtl.imaging.one_scan import one_scan
from medtl.imaging.prepared.cohort import PreparedCohort
from medtl.imaging.reading import MAX_FILE_BYTES, decode_scan, read_file_bytes
from medtl.imaging.scan import Scan, UnreadableScan, refuse_too_large, undecodable

GREY = np.arange(30, dtype=np.float32).reshape(1, 5, 6)


def picture(pixels: np.ndarray = GREY, **facts: object) -> Scan:
    return Scan(**{"pixels": pixels, "spacing_mm": None, "reader": "Pillow PNG", "full_scale": 255.0, **facts})  # type: ignore[arg-type]


# Settings of the preparation


def test_a_spacing_without_an_extent_is_half_of_a_grid() -> None:
    with pytest.raises(ValidationError, match="belong together: give both to study volumes, neither for pictures"):
        PreparationSettings(preset="mr", spacing_mm=(1, 1, 1))


def test_pixels_and_millimetres_are_two_kinds_of_grid() -> None:
    with pytest.raises(ValidationError, match="size_px is for pictures, spacing_mm and extent_mm for volumes: choose"):
        PreparationSettings(preset="mr", size_px=(64, 64), spacing_mm=(1, 1, 1), extent_mm=(64, 64, 64))


def test_a_centre_is_for_volumes() -> None:
    with pytest.raises(ValidationError, match="around is for volumes: give spacing_mm and extent_mm, or leave it out"):
        PreparationSettings(around="foreground")


def test_a_photograph_is_no_volume() -> None:
    with pytest.raises(ValidationError, match="is for colour pictures, not for volumes: choose another preset"):
        PreparationSettings(preset="photograph", spacing_mm=(1, 1, 1), extent_mm=(64, 64, 64))


def test_a_grid_of_too_many_voxels_is_given_by_its_sides() -> None:
    with pytest.raises(
        ValidationError,
        match=r"is a grid of 400 x 400 x 4000 voxels; expected 1 to \d+ a side and at most [\d,]+ in all",
    ):
        PreparationSettings(preset="mr", spacing_mm=(0.5, 0.5, 0.1), extent_mm=(200, 200, 400))


def test_a_window_of_another_preset_names_both() -> None:
    with pytest.raises(
        ValidationError, match=r"window 'lung' is in Hounsfield units and belongs to preset ct; the preset is 'mr'"
    ):
        PreparationSettings(preset="mr", window="lung")


# Files


def test_a_file_that_is_not_there_is_answered_with_the_column_and_the_root(tmp_path: Path) -> None:
    with pytest.raises(UnreadableScan, match=r"does not exist\. Check the image column of the manifest and the data"):
        read_file_bytes(tmp_path / "1.png")


def test_a_pipe_is_answered_with_what_is_expected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(UnreadableScan, match=r"a folder with one DICOM series; got a pipe or device\. Name the image"):
        read_file_bytes(tmp_path / "1.png")


def test_a_file_of_a_gigabyte_is_answered_with_the_limit_of_a_scan(tmp_path: Path) -> None:
    (tmp_path / "1.nii").touch()
    os.truncate(tmp_path / "1.nii", MAX_FILE_BYTES + 7)
    with pytest.raises(
        UnreadableScan, match=r"has 1,073,741,831 bytes; at most 1,073,741,824 are read for one scan\. Make it smaller"
    ):
        read_file_bytes(tmp_path / "1.nii")


def test_an_empty_file_is_to_be_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    with pytest.raises(UnreadableScan, match=r"is empty \(0 bytes\)\. Get it again from its source"):
        read_file_bytes(tmp_path / "1.png")


def test_an_image_that_would_not_fit_into_memory_is_given_by_its_sides() -> None:
    with pytest.raises(
        UnreadableScan, match=r"has 20000 x 6000 = 120,000,000 pixels; at most 100,000,000 are read\. Make it smaller"
    ):
        refuse_too_large(20000, 6000)


def test_a_decoders_own_words_are_not_repeated_but_its_kind_is() -> None:
    refusal = undecodable("PNG", ValueError("patient Anna M."))
    with pytest.raises(UnreadableScan, match=r"^The PNG file cannot be decoded \(ValueError\)\. Get the file again"):
        raise refusal


@one_scan()
def raise_in_one_scan(error: BaseException) -> None:
    raise error


def test_a_scan_larger_than_memory_ends_the_command_with_what_to_close() -> None:
    with pytest.raises(ResourceExhausted, match=r"memory does not suffice for one of the scans\. Close other programs"):
        raise_in_one_scan(MemoryError())


# Values


def test_pixels_that_are_all_nan_are_to_be_exported_again() -> None:
    with pytest.raises(UnreadableScan, match=r"Every pixel is NaN \(not a number\)\. Export the image again"):
        refuse_unusable(picture(np.full_like(GREY, np.nan)))


def test_a_share_of_nan_is_given_in_per_cent() -> None:
    pixels = GREY.copy()
    pixels[0, :3, 0] = np.inf
    with pytest.raises(
        UnreadableScan, match=r"10\.00% of the pixels are NaN or infinite; .* for example the background"
    ):
        refuse_unusable(picture(pixels))


def test_an_image_of_zeros_is_empty() -> None:
    with pytest.raises(UnreadableScan, match=r"Every pixel is 0: the image is empty\. Export it again"):
        refuse_unusable(picture(np.zeros_like(GREY)))


def test_an_image_of_one_value_names_the_value() -> None:
    with pytest.raises(UnreadableScan, match=r"the same value \(17\): the image shows nothing\. Export it again"):
        refuse_unusable(picture(np.full_like(GREY, 17)))


def test_colours_of_one_brightness_are_one_value_once_they_are_grey() -> None:
    with pytest.raises(
        UnreadableScan, match=r"has one brightness \(40\) everywhere once turned to grey\. Export it again"
    ):
        black_and_white(picture(), np.full_like(GREY, 40), PreparationSettings())


def test_a_window_beside_the_values_is_given_by_both_ends() -> None:
    with pytest.raises(
        UnreadableScan, match=r"Between 100 \(black\) and 200 \(white\) .* Check the preset, the window and the units"
    ):
        refuse_outside(GREY, black=100, white=200)


def test_grey_levels_are_no_hounsfield_units() -> None:
    with pytest.raises(UnreadableScan, match=r"a PNG of grey levels has none\. Use the DICOM or NIfTI file, or preset"):
        black_and_white(picture(), GREY, PreparationSettings(preset="ct"))


def test_a_picture_in_a_study_of_volumes_is_answered_with_size_px() -> None:
    grid = PreparationSettings(preset="mr", spacing_mm=(1, 1, 1), extent_mm=(64, 64, 64))
    with pytest.raises(
        UnreadableScan, match=r"a picture of 5 x 6 pixels, .* Give preparation\.size_px instead of spacing"
    ):
        placement_of(picture(), grid)


def test_a_volume_in_a_study_of_pictures_is_answered_with_its_own_grid() -> None:
    volume = picture(
        np.zeros((1, 20, 30, 10), np.float32), affine=np.diag([2.0, 1.0, 5.0, 1.0]), spacing_mm=(2.0, 1.0, 5.0)
    )
    with pytest.raises(
        UnreadableScan,
        match=r"a volume of 20 x 30 x 10 voxels \(40 x 30 x 50 mm\), .* the scan's own are .*2,1,5.*40,30,50",
    ):
        placement_of(volume, PreparationSettings())


def test_a_case_that_was_not_prepared_is_unknown_or_excluded() -> None:
    with pytest.raises(ConfigurationError, match=r"one of 0 prepared cases; got 'c9'\. It is unknown or was excluded"):
        PreparedCohort(scans={}, exclusions=(), seconds=0.0).pixels("c9")


# Geometry and streams


def test_an_affine_that_is_not_finite_leaves_the_voxels_nowhere() -> None:
    affine = np.eye(4)
    affine[0, 3] = np.nan
    with pytest.raises(
        UnreadableScan,
        match=r"MetaImage header's geometry .*numbers that are not finite\. Where the voxels lie .* a guess",
    ):
        believed(affine, what="MetaImage")


def test_voxels_of_a_metre_are_not_believed() -> None:
    with pytest.raises(UnreadableScan, match=r"voxels of 1 x 1 x 1000 mm; [\d.]+ to [\d.]+ mm are believed"):
        believed(np.diag([1.0, 1.0, 1000.0, 1.0]), what="NRRD")


def test_a_sheared_grid_is_to_be_resampled() -> None:
    affine = np.eye(4)
    affine[1, 2] = 0.3
    with pytest.raises(UnreadableScan, match="not at right angles, as after a gantry tilt; resample the volume first"):
        believed(affine, what="NIfTI")


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(
        UnreadableScan, match=r"NRRD file unpacks to [\d,]+ bytes; at most [\d,]+ are read\. Save the volume"
    ):
        voxels_in(b"", encoding="raw", promised=MOST_STREAMED_BYTES + 1, what="NRRD")


def test_packed_bytes_that_cannot_hold_the_promise_are_cut_short() -> None:
    with pytest.raises(
        UnreadableScan, match=r"cut short: 1,000,000 bytes expected, got at most [\d,]+\. Get the file again"
    ):
        voxels_in(b"x" * 20, encoding="zlib", promised=1_000_000, what="MetaImage")


def test_voxels_that_end_early_are_counted() -> None:
    with pytest.raises(UnreadableScan, match="NRRD file is cut short: 9 bytes expected, got 4"):
        voxels_in(b"abcd", encoding="raw", promised=9, what="NRRD").take(9)


def test_a_file_that_goes_on_does_not_belong_to_its_header() -> None:
    with pytest.raises(UnreadableScan, match=r"by at least a row or layer of them: the two do not belong together"):
        voxels_in(bytes(90), encoding="raw", promised=4, what="NRRD").end(layer_bytes=8)


def test_a_volume_number_that_the_file_does_not_have_is_counted_from_one() -> None:
    with pytest.raises(UnreadableScan, match="--volume 7 was asked for, and the file holds 3 volumes, counted from 1"):
        wanted_volumes(3, Choice(volume=7))


def test_several_volumes_are_answered_with_the_option_that_chooses() -> None:
    with pytest.raises(UnreadableScan, match=r"holds 3 volumes \(time points, .* Choose with medtl intake --volume"):
        wanted_volumes(3, Choice())


# NIfTI

VALUES = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
AFFINE = np.diag([1.0, 1.2, 2.5, 1.0])


def nifti(change: Callable[[bytearray], None] = lambda _: None, values: np.ndarray = VALUES) -> bytes:
    data = bytearray(nibabel.Nifti1Image(values, AFFINE).to_bytes())
    change(data)
    return bytes(data)


def test_nine_axes_are_more_than_nifti_has() -> None:
    def nine(data: bytearray) -> None:
        data[40:42] = struct.pack("<h", 9)

    with pytest.raises(UnreadableScan, match=r"NIfTI header says \d+ axes; 1 to 7 are possible\. The file is damaged"):
        decode_nifti(nifti(nine), Choice())


def test_an_analyze_header_does_not_say_left_from_right() -> None:
    def analyze(data: bytearray) -> None:
        data[344:348] = bytes(4)

    with pytest.raises(
        UnreadableScan, match=r"an Analyze 7\.5 header, which does not say left from right\. Convert it to"
    ):
        decode_nifti(nifti(analyze), Choice())


def test_a_gzip_of_something_else_is_no_nifti() -> None:
    with pytest.raises(UnreadableScan, match=r"begins like NIfTI or gzip but holds no NIfTI image .* Convert it"):
        decode_nifti(gzip.compress(bytes(900)), Choice())


def test_a_header_of_200_bytes_is_cut_short() -> None:
    with pytest.raises(UnreadableScan, match="NIfTI file is cut short: 348 bytes expected, got 200"):
        decode_nifti(nifti()[:200], Choice())


def test_voxels_of_single_bits_are_neither_whole_nor_real() -> None:
    def bits(data: bytearray) -> None:
        data[70:72] = struct.pack("<h", 0)

    with pytest.raises(
        UnreadableScan, match=r"neither whole nor real numbers\. Save the scan as 16-bit or real numbers"
    ):
        decode_nifti(nifti(bits), Choice())


def test_complex_voxels_are_answered_with_the_magnitude() -> None:
    with pytest.raises(
        UnreadableScan, match=r"complex numbers; a scan has real ones\. Save the magnitude as its own file"
    ):
        decode_nifti(nifti(values=VALUES.astype(np.complex64)), Choice())


def test_three_numbers_in_each_voxel_are_a_vector() -> None:
    with pytest.raises(
        UnreadableScan, match=r"NIfTI file has 3 numbers in each voxel .*; a scan has one\. Save the map"
    ):
        decode_nifti(nifti(values=np.zeros((3, 4, 5, 1, 3), np.float32)), Choice())


# NRRD, MetaImage and pictures

NRRD = "NRRD0004\ntype: uchar\ndimension: {axes}\nsizes: {sizes}\n{geometry}\nencoding: raw\n\n"


def nrrd(sizes: str, geometry: str) -> bytes:
    axes = [int(size) for size in sizes.split()]
    return NRRD.format(axes=len(axes), sizes=sizes, geometry=geometry).encode() + bytes(int(np.prod(axes)))


def test_a_nrrd_of_several_lists_is_none_of_space() -> None:
    with pytest.raises(UnreadableScan, match=r"has 2 axes that are none of space; one is understood\. Save one volume"):
        decode_scan(nrrd("3 4 5 2 2", "kinds: domain domain domain list list\nspacings: 1 1 2 nan nan"))


def test_a_nrrd_of_colours_is_a_vector() -> None:
    with pytest.raises(UnreadableScan, match=r"NRRD file has 3 numbers in each voxel \(colours, vectors or tensors\)"):
        decode_scan(nrrd("3 4 5 6", "kinds: RGB-color domain domain domain\nspacings: nan 1 1 2"))


def test_a_nrrd_without_a_voxel_size_is_answered_with_the_two_fields() -> None:
    with pytest.raises(
        UnreadableScan, match=r"says no voxel size \(space directions or spacings\)\. Where the voxels lie"
    ):
        decode_scan(nrrd("7 8 9", "kinds: domain domain domain"))


def test_a_metaimage_of_channels_counts_them() -> None:
    header = (
        "NDims = 3\nDimSize = 3 4 5\nElementSpacing = 1 1 2\nElementNumberOfChannels = 6\nElementType = MET_UCHAR\n"
        "ElementDataFile = LOCAL\n"
    )
    with pytest.raises(UnreadableScan, match="MetaImage file has 6 numbers in each voxel"):
        decode_scan(f"ObjectType = Image\n{header}".encode() + bytes(360))


def test_pages_of_a_tiff_are_answered_with_the_option_that_stacks_them() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((4, 8, 9), np.uint8), photometric="minisblack")
    with pytest.raises(UnreadableScan, match=r"holds 4 pages; .* with medtl intake --pages-mm and its voxel size \(mm"):
        decode_scan(stream.getvalue())


def test_half_a_picture_is_to_be_fetched_again() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)).save(stream, "BMP")
    with pytest.raises(UnreadableScan, match=r"The BMP file is cut short \(\w+\)\. Get the file again from its source"):
        decode_scan(stream.getvalue()[:4000])


def test_a_kind_that_no_reader_takes_is_named_with_what_to_do() -> None:
    with pytest.raises(UnreadableScan, match=r"The file is a GIF picture .*\. Save it as PNG, TIFF or DICOM"):
        decode_scan(b"GIF89a" + bytes(500))


# DICOM

STORED = np.random.default_rng(5).integers(0, 4096, (30, 40)).astype(np.uint16)


def dicom(**tags: object) -> bytes:
    dataset = phantoms.image(STORED)
    for name, value in tags.items():
        setattr(dataset, name, value)
    return phantoms.as_bytes(dataset)


def test_a_text_is_no_dicom_file_and_is_to_be_fetched_again() -> None:
    with pytest.raises(UnreadableScan, match=r"its meta header is missing or damaged\)\. Get the file again"):
        dicom_header(b"once upon a time " * 40)


def test_a_dicom_report_holds_no_image() -> None:
    dataset = phantoms.image(STORED)
    del dataset.PixelData, dataset.Rows, dataset.Columns
    with pytest.raises(UnreadableScan, match=r"holds no image \(no pixel data\)\. Give the file of the image itself"):
        decode_dicom(phantoms.as_bytes(dataset))


def test_more_bits_than_are_stored_are_impossible() -> None:
    with pytest.raises(UnreadableScan, match=r"header says 20 of 16 bits, which cannot be\. Get the file again"):
        decode_dicom(dicom(BitsStored=20, HighBit=19))


def test_a_decoder_that_hangs_is_answered_with_an_uncompressed_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    own_process().popen.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(decoding, "FILE_SECONDS", 1.0)
    with pytest.raises(
        UnreadableScan,
        match=r"was not read within 1 seconds?: its decoder hangs\. Save it uncompressed \(gdcmconv --raw\)",
    ):
        dicom_pixels(dicom(), expected=(1, 30, 40))


def test_a_film_is_answered_with_how_a_frame_of_it_is_taken() -> None:
    frames = np.zeros((3, 30, 40), np.uint16)
    with pytest.raises(UnreadableScan, match=r"a clip of 3 frames \(US, 30 x 40\) .* medtl intake --frame middle"):
        decode_dicom(dicom(NumberOfFrames=3, Modality="US", PixelData=frames.tobytes()))


def test_a_compression_without_a_decoder_is_named_with_the_extra_that_has_it() -> None:
    dataset = phantoms.image(STORED)
    content = phantoms.as_bytes(dataset)
    video = b"1.2.840.10008.1.2.4.102"
    plain = str(dataset.file_meta.TransferSyntaxUID).encode()
    header = dicom_header(content).model_copy(update={"transfer_syntax": video.decode()})
    assert plain in content
    with pytest.raises(
        UnreadableScan, match=r"compressed as MPEG-4 .*, for which no decoder is installed\. Install medtl\["
    ):
        decode_frame(content, header)


def test_a_series_that_was_refused_is_no_volume_for_the_reason_it_has() -> None:
    files = [phantoms.as_bytes(one) for one in phantoms.series(slices=6).datasets if one.InstanceNumber != 3]
    (candidate,) = judged(grouped((n, dicom_header(content)) for n, content in enumerate(files)), SeriesRules())
    with pytest.raises(
        UnreadableScan, match=r"series is no volume\. 1 slice is missing: the spacing is 2\.5 mm"
    ) as caught:
        volume_of(candidate, files.__getitem__)
    assert caught.value.reason == "missing_slice"


def test_slices_that_highdicom_refuses_are_to_be_converted_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_arguments: object, **_named: object) -> None:
        raise ValueError("the slices of Anna M.")

    files = [phantoms.as_bytes(one) for one in phantoms.series(slices=6).datasets]
    (candidate,) = judged(grouped((n, dicom_header(content)) for n, content in enumerate(files)), SeriesRules())
    monkeypatch.setattr("medtl.imaging.dicom.series_volume.highdicom.get_volume_from_series", refuses)
    with pytest.raises(
        UnreadableScan,
        match=r"^The slices do not make a volume by the rules of highdicom\. Convert the series with its",
    ):
        volume_of(candidate, files.__getitem__)
