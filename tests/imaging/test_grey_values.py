"""What each tag does to the pixels, judged by formulas of the standard and by what pydicom makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian

from medtl.imaging.dicom.frame_header import header_of_frame
from medtl.imaging.dicom.grey_values import scan_of
from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.dicom.padding import padding_limits, with_black_padding
from medtl.imaging.prepared.preparation import prepare
from medtl.imaging.scan import Scan, UnreadableScan
from medtl.imaging.settings import PreparationSettings

STORED = np.random.default_rng(2).integers(100, 4000, (24, 32)).astype(np.uint16)
PREPARED = PreparationSettings(size_px=STORED.shape)


def header(**tags: object) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored = 16, 12
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def scan(stored: np.ndarray = STORED, **tags: object) -> Scan:
    return scan_of(header(**tags), stored)


def table(entries: np.ndarray, *, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", [int(entry) for entry in entries])
    return item


def brightness(found: Scan) -> np.ndarray:
    return prepare(found, PREPARED)[0]


def with_padding(value: int) -> tuple[np.ndarray, np.ndarray]:
    stored = STORED.copy()
    where = np.zeros(stored.shape, dtype=bool)
    where[:, :12] = True
    stored[where] = value
    return stored, where


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("value", [0, 4095, 50])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2000, "WindowWidth": 1500}])
def test_padding_is_black_and_leaves_the_rest_as_it_is_without_it(
    photometric: str, value: int, window: dict[str, int]
) -> None:
    stored, where = with_padding(value)
    padded = scan(stored, PhotometricInterpretation=photometric, PixelPaddingValue=value, **window)
    shown = brightness(padded)
    assert (shown[where] == 0).all()
    witness = prepare(
        scan(stored[:, 12:], PhotometricInterpretation=photometric, **window), PreparationSettings(size_px=(24, 20))
    )
    np.testing.assert_allclose(shown[:, 12:], witness[0], atol=1e-4)
    assert any("38% of the pixels are padding, taken as black" in note for note in padded.notes)


@pytest.mark.parametrize("limits", [(10, 60), (60, 10)])
def test_a_range_of_padding_takes_both_ends(limits: tuple[int, int]) -> None:
    stored = STORED.copy()
    stored[0, :4] = 10, 35, 60, 61
    found = scan(stored, PixelPaddingValue=limits[0], PixelPaddingRangeLimit=limits[1])
    assert (found.pixels[0, 0, :3] == [10, 35, 60]).all()  # dark already: values stay
    high = scan(4095 - stored, PixelPaddingValue=4095 - limits[0], PixelPaddingRangeLimit=4095 - limits[1])
    darkest = float((4095 - stored).astype(float)[(4095 - stored) < 4095 - 60].min())
    assert (high.pixels[0, 0, :3] == darkest).all()
    assert high.pixels[0, 0, 3] == 4095 - 61


def test_padding_written_with_the_other_sign_is_read_as_the_pixels_are() -> None:
    signed = header(PixelRepresentation=1)
    signed.add_new("PixelPaddingValue", "US", 63536)
    assert padding_limits(signed) == (-2000, -2000)
    unsigned = header()
    unsigned.add_new("PixelPaddingValue", "SS", -1)
    assert padding_limits(unsigned) == (65535, 65535)
    assert padding_limits(header()) is None


def test_an_image_that_is_all_padding_or_none_is_left_alone() -> None:
    np.testing.assert_array_equal(scan(np.full((4, 4), 7, np.uint16), PixelPaddingValue=7).pixels, 7)
    assert scan(PixelPaddingValue=9).notes == ()


def test_bright_padding_of_a_volume_becomes_its_darkest_value_and_dark_padding_stays() -> None:
    stored, where = with_padding(4095)
    black = with_black_padding(stored, (4095, 4095), low_is_white=False)
    assert (black[where] == stored[~where].min()).all()
    np.testing.assert_array_equal(black[~where], stored[~where])
    low, _ = with_padding(0)
    np.testing.assert_array_equal(with_black_padding(low, (0, 0), low_is_white=False), low)
    turned = with_black_padding(low, (0, 0), low_is_white=True)
    assert (turned[where] == low[~where].max()).all()


@pytest.mark.parametrize(
    ("tags", "is_turned", "note"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, True, "MONOCHROME1 stores low as white"),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True, "inverted once"),
        ({"PresentationLUTShape": "INVERSE"}, True, "INVERSE says that low is white, MONOCHROME2 the opposite"),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}, True, "although"),
        ({"PresentationLUTShape": "IDENTITY"}, False, None),
    ],
)
def test_low_is_white_is_turned_once_whichever_tag_says_so(
    tags: dict[str, str], is_turned: bool, note: str | None
) -> None:
    found = scan(**tags)
    np.testing.assert_array_equal(found.pixels[0], 4095 - STORED.astype(float) if is_turned else STORED)
    assert (note in found.notes[-1]) if note else found.notes == ()


def test_a_rescale_that_lacks_one_half_has_the_other() -> None:
    np.testing.assert_array_equal(scan(RescaleSlope=2).pixels[0], STORED * 2.0)
    np.testing.assert_array_equal(scan(RescaleIntercept=-1024).pixels[0], STORED - 1024.0)
    np.testing.assert_array_equal(scan(RescaleSlope="", RescaleIntercept=5).pixels[0], STORED + 5.0)


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.parametrize(("slope", "intercept"), [(0, 5), ("nan", 0), ("inf", 0), ("1e38", 0), (1, "-1e38")])
def test_an_impossible_rescale_is_refused(slope: object, intercept: object) -> None:
    with pytest.raises(UnreadableScan, match=r"rescale is slope .*a finite slope other than 0.*The header is damaged"):
        scan(RescaleSlope=slope, RescaleIntercept=intercept)


def test_a_modality_table_is_applied_also_with_the_polarity_turned() -> None:
    entries = (np.arange(4096) ** 2 / 4096).astype(np.uint16)
    found = scan(ModalityLUTSequence=[table(entries, first=0, bits=16)])
    np.testing.assert_array_equal(found.pixels[0], entries[STORED])
    turned = scan(ModalityLUTSequence=[table(entries, first=0, bits=16)], PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(turned.pixels[0], float(entries[-1]) - entries[STORED])
    assert found.full_scale is None


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "LINEAR"},
        {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 2000, "WindowWidth": 2},
        {"VOILUTSequence": [table(np.geomspace(1, 4096, 3000).astype(int) - 1, first=500, bits=12)]},
        {"VOILUTSequence": [table(np.arange(256) // 2 * 2, first=0, bits=8)]},
        {"VOILUTSequence": [table(np.geomspace(1, 4096, 300).astype(int) - 1, first=-20, bits=12)],
         "RescaleIntercept": -500, "RescaleSlope": 0.25},
    ],
)  # fmt: skip
def test_the_display_curve_is_that_of_pydicom(tags: dict[str, object], photometric: str) -> None:
    full = header(**tags)
    modality = STORED * float(full.get("RescaleSlope", 1)) + float(full.get("RescaleIntercept", 0))
    whole = np.rint(modality).astype(int) if "VOILUTSequence" in tags else modality
    bits = full.VOILUTSequence[0].LUTDescriptor[2] if "VOILUTSequence" in tags else 12
    witness = apply_voi_lut(whole, full) / (2.0**bits - 1)
    shown = brightness(scan(**tags, PhotometricInterpretation=photometric))
    np.testing.assert_allclose(shown, 1 - witness if photometric == "MONOCHROME1" else witness, atol=1e-5)


def test_a_window_beside_a_table_is_taken_and_values_with_units_keep_them() -> None:
    curve = [table(np.arange(4096), first=0, bits=12)]
    both = scan(VOILUTSequence=curve, WindowCenter=100, WindowWidth=11)
    assert both.window == (99.5, 10.0)
    ct = scan(VOILUTSequence=curve, Modality="CT", RescaleIntercept=-1024)
    np.testing.assert_array_equal(ct.pixels[0], STORED - 1024.0)
    assert ct.window is None


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 0.5, "RescaleIntercept": -7}])
def test_a_window_of_width_1_is_a_step_at_half_below_its_centre(photometric: str, rescale: dict[str, float]) -> None:
    ramp = np.arange(64, dtype=np.uint16).reshape(8, 8)
    found = scan_of(header(WindowCenter=20, WindowWidth=1, PhotometricInterpretation=photometric, **rescale), ramp)
    values = ramp * rescale.get("RescaleSlope", 1.0) + rescale.get("RescaleIntercept", 0.0)
    white = values > 19.5
    assert found.window is not None
    black, top = found.window[0] - found.window[1] / 2, found.window[0] + found.window[1] / 2
    shown = np.clip((found.pixels[0].astype(float) - black) / (top - black), 0, 1)
    np.testing.assert_array_equal(shown, (white != (photometric == "MONOCHROME1")).astype(float))


def test_the_table_of_the_docstring_names_every_tag_that_is_read() -> None:
    import medtl.imaging.dicom.grey_values as room

    for name in ("PixelPaddingValue", "HighBit", "ModalityLUTSequence", "VOILUTSequence", "PixelAspectRatio",
                 "PresentationLUTShape", "PresentationIntentType", "RealWorldValueMappingSequence"):  # fmt: skip
        assert name in (room.__doc__ or "")


def test_origin_is_noted() -> None:
    raw = scan(PresentationIntentType="FOR PROCESSING")
    assert "raw values of the detector, whose scale and polarity are the maker's" in raw.notes[0]
    copy = scan(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert copy.notes == ("secondary capture: values are grey levels of a copy, not calibrated",)


@pytest.mark.parametrize(
    ("tags", "spacing", "aspect", "notes"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, (0.2, 0.1), 2, ["not square: 2 times as high as wide"]),
        ({"ImagerPixelSpacing": [0.1, 0.4]}, (0.1, 0.4), 0.25, ["of the detector", "not square: 0.25"]),
        ({"NominalScannedPixelSpacing": [0.3, 0.3]}, (0.3, 0.3), 1, ["of the scanned film"]),
        ({"PixelAspectRatio": [2, 1]}, None, 2, ["not square: 2 times"]),
        ({"PixelAspectRatio": [1, 1]}, None, 1, []),
        ({"PixelSpacing": [0.1, 50]}, None, 1, ["PixelSpacing is impossible"]),
        ({"PixelAspectRatio": [0, 1]}, None, 1, ["PixelAspectRatio is impossible"]),
        ({"PixelAspectRatio": [1, 900]}, None, 1, ["PixelAspectRatio is impossible"]),
        ({"PixelSpacing": [-0.2, 0.1], "PixelAspectRatio": [1, 2]}, None, 0.5, ["PixelSpacing is imp", "not square"]),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), 1, ["is imp", "detector"]),
    ],
)  # fmt: skip
def test_the_shape_of_a_pixel_is_read_from_whichever_tag_has_it(
    tags: dict[str, object], spacing: tuple[float, float] | None, aspect: float, notes: list[str]
) -> None:
    found = scan(**tags)
    assert found.spacing_mm == spacing
    height, width = found.pixel_size
    assert height / width == pytest.approx(aspect)
    assert len(found.notes) == len(notes)
    for note, words in zip(found.notes, notes, strict=True):
        assert words in note


def test_tags_of_a_frame_come_before_those_of_the_file() -> None:
    whole = header(RescaleSlope=9, RescaleIntercept=9, WindowCenter=1, WindowWidth=3, PixelSpacing=[1, 1])
    shared, first, second = Dataset(), Dataset(), Dataset()
    shared.PixelMeasuresSequence = [_item(PixelSpacing=[0.2, 0.1])]
    for number, groups in enumerate((first, second)):
        groups.PixelValueTransformationSequence = [_item(RescaleSlope=number + 2, RescaleIntercept=-number)]
        groups.FrameVOILUTSequence = [_item(WindowCenter=100 + number, WindowWidth=11)]
    whole.SharedFunctionalGroupsSequence, whole.PerFrameFunctionalGroupsSequence = [shared], [first, second]
    for number in range(2):
        found = scan_of(header_of_frame(whole, number), STORED)
        np.testing.assert_array_equal(found.pixels[0], STORED * (number + 2.0) - number)
        assert found.window == (99.5 + number, 10.0)
        assert found.spacing_mm == (0.2, 0.1)


def _item(**tags: object) -> Dataset:
    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return item


@pytest.mark.parametrize(
    ("bits", "fault"),
    [
        ((16, 12, 11), None),
        ((16, 12, None), None),
        ((16, 12, 15), None),
        ((16, 12, 10), "12 of 16 bits, the highest of them number 10, which cannot be"),
        ((16, 12, 16), "12 of 16 bits, the highest of them number 16, which cannot be"),
        ((16, 20, 19), "20 of 16 bits, which cannot be"),
        ((16, 0, None), "0 of 16 bits"),
    ],
)
def test_a_layout_of_bits_that_cannot_be_is_named(bits: tuple[int, int, int | None], fault: str | None) -> None:
    allocated, stored, high = bits
    found = ImageHeader(bits_allocated=allocated, bits_stored=stored, high_bit=high).bits_fault
    assert (fault in (found or "")) if fault else found is None
    jpeg = ImageHeader(bits_allocated=16, bits_stored=12, high_bit=3, transfer_syntax="1.2.840.10008.1.2.4.70")
    assert jpeg.bits_fault is None


def test_floats_have_padding_and_no_polarity_of_bits() -> None:
    stored = STORED.astype(np.float32)
    stored[0, 0] = 1e6
    found = scan_of(header(FloatPixelPaddingValue=1e6), stored)
    assert found.pixels[0, 0, 0] == np.delete(stored.ravel(), 0).min()


@pytest.mark.parametrize("width", [1e-30, 1e-9, 0.3])
def test_a_window_narrower_than_any_difference_is_still_a_step(width: float) -> None:
    found = scan(WindowCenter=2000.5, WindowWidth=width, VOILUTFunction="LINEAR_EXACT")
    np.testing.assert_array_equal(brightness(found), (STORED > 2000).astype(float))


def test_a_window_that_is_text_is_left_aside_and_not_repeated() -> None:
    named = header(WindowWidth=10)
    named.add_new("WindowCenter", "LO", "DOE^JANE")
    found = scan_of(named, STORED)
    assert found.window is None
    assert found.notes == ("the header's display window (width 10) is impossible and was left aside",)
