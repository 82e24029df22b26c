"""A frame of a clip is the still that is made of it, pixel for pixel; without a choice a clip is refused by name."""

from __future__ import annotations

import io
from collections.abc import Callable

import dicom_phantom as phantoms
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.preview import preview_of
from medtl.imaging.dicom.series import Candidate, grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.reading import decode_scan
from medtl.imaging.scan import Scan, UnreadableScan

FRAMES, ROWS, COLUMNS = 4, 32, 40
CHANCE = np.random.default_rng(11)
GREY = CHANCE.integers(0, 4096, (FRAMES, ROWS, COLUMNS)).astype(np.uint16)
COLOUR = CHANCE.integers(0, 256, (FRAMES, ROWS, COLUMNS, 3)).astype(np.uint8)
CLIP, STILL = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.1"


def grey(stored: np.ndarray) -> FileDataset:
    return phantoms.image(stored, sop_class=STILL, modality="US")


def colour(stored: np.ndarray, photometric: str = "RGB") -> FileDataset:
    dataset = phantoms.image(stored, sop_class=STILL, modality="US")
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, photometric, 0
    return dataset


def subsampled(stored: np.ndarray) -> FileDataset:
    """YBR_FULL_422 without compression: two brightnesses, then their common colours."""
    dataset = colour(stored, "YBR_FULL_422")
    pairs = stored.reshape(-1, 2, 3)
    dataset.PixelData = np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], axis=1).tobytes()
    return dataset


def palette(stored: np.ndarray) -> FileDataset:
    dataset = phantoms.image((stored % 200).astype(np.uint8), sop_class=STILL, modality="US")
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for number, name in enumerate(("Red", "Green", "Blue")):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        entries = np.roll(np.arange(256) * 257, number * 40).astype("<u2")
        setattr(dataset, f"{name}PaletteColorLookupTableData", entries.tobytes())
    return dataset


def planar_colours(stored: np.ndarray) -> FileDataset:
    dataset = colour(stored)
    dataset.PlanarConfiguration = 1
    dataset.PixelData = np.moveaxis(stored, -1, stored.ndim - 3).tobytes()
    return dataset


def with_tags(**tags: object) -> Callable[[np.ndarray], FileDataset]:
    def make(stored: np.ndarray) -> FileDataset:
        dataset = grey(stored)
        for name, value in tags.items():
            setattr(dataset, name, value)
        return dataset

    return make


def compressed(make: Callable[[np.ndarray], FileDataset], syntax: str) -> Callable[[np.ndarray], FileDataset]:
    def packed(stored: np.ndarray) -> FileDataset:
        dataset = make(stored)
        if stored.ndim > (3 if dataset.SamplesPerPixel == 3 else 2):
            dataset.NumberOfFrames = len(stored)
            dataset.Rows, dataset.Columns = stored.shape[1:3]
        dataset.compress(syntax, generate_instance_uid=False)
        return dataset

    return packed


def jpeg(stored: np.ndarray) -> FileDataset:
    """Each frame as a JPEG of its own with half of the colours across, as ultrasound machines write them."""
    dataset, packed = colour(stored, "YBR_FULL_422"), []
    for frame in stored.reshape(-1, *stored.shape[-3:]):
        stream = io.BytesIO()
        Image.fromarray(frame).save(stream, format="JPEG", subsampling="4:2:2")
        packed.append(stream.getvalue())
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate(packed)
    dataset["PixelData"].VR = "OB"
    return dataset


LOW_WHITE = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": 2, "RescaleIntercept": -100}
KINDS: dict[str, tuple[np.ndarray, Callable[[np.ndarray], FileDataset]]] = {
    "MONOCHROME2": (GREY, grey),
    "MONOCHROME1, rescaled, with a window": (GREY, with_tags(**LOW_WHITE, WindowCenter=1500, WindowWidth=800)),
    "padding": (np.where(GREY < 900, 0, GREY).astype(np.uint16), with_tags(**LOW_WHITE, PixelPaddingValue=0)),
    "signed": ((GREY - 2048).astype(np.int16), with_tags(RescaleIntercept=5)),
    "values above their lowest bit": (GREY << 4, with_tags(HighBit=15)),
    "RGB": (COLOUR, colour),
    "RGB in planes": (COLOUR, planar_colours),
    "YBR_FULL": (COLOUR, lambda stored: colour(stored, "YBR_FULL")),
    "YBR_FULL_422": (COLOUR, subsampled),
    "PALETTE COLOR": (COLOUR[..., 0], palette),
    "RLE": (GREY, compressed(grey, RLELossless)),
    "RLE of RGB": (COLOUR, compressed(colour, RLELossless)),
    "JPEG-LS": (GREY, compressed(with_tags(**LOW_WHITE), JPEGLSLossless)),
    "JPEG 2000": (GREY, compressed(grey, JPEG2000Lossless)),
    "JPEG baseline": (COLOUR, jpeg),
    "JPEG 2000 of RGB": (COLOUR, compressed(colour, JPEG2000Lossless)),
}


def clip_of(stored: np.ndarray, make: Callable[[np.ndarray], FileDataset]) -> FileDataset:
    dataset = make(stored)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CLIP
    dataset.NumberOfFrames = len(stored)
    dataset.Rows, dataset.Columns = stored.shape[1:3]
    return dataset


def frames_of(content: bytes, choice: object) -> list[Candidate]:
    return list(judged(grouped([(0, dicom_header(content))]), SeriesRules(frame=choice)))


def assert_same(found: Scan, still: Scan) -> None:
    np.testing.assert_array_equal(found.pixels, still.pixels)
    assert (found.spacing_mm, found.window, found.full_scale) == (still.spacing_mm, still.window, still.full_scale)
    assert found.notes[0].startswith("frame ")
    assert found.notes[0].endswith(" of 4 of a clip")
    assert found.notes[1:] == still.notes


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_the_still_of_it_pixel_for_pixel(kind: str) -> None:
    stored, make = KINDS[kind]
    content = phantoms.as_bytes(clip_of(stored, make))
    found = frames_of(content, "all")
    assert [one.moment for one in found] == [f"frame {number} of {FRAMES}" for number in range(1, FRAMES + 1)]
    for number in (0, 2):
        assert not found[number].faults
        assert_same(preview_of(found[number], lambda _: content), decode_scan(phantoms.as_bytes(make(stored[number]))))


@pytest.mark.parametrize(("choice", "frame"), [("first", 1), ("middle", 3), (1, 1), (4, 4)])
def test_the_chosen_frame_is_taken(choice: object, frame: int) -> None:
    content = phantoms.as_bytes(clip_of(GREY, grey))
    (one,) = frames_of(content, choice)
    assert one.title == f"US, 32 x 40, frame {frame} of 4"
    np.testing.assert_array_equal(preview_of(one, lambda _: content).pixels[0], GREY[frame - 1])


def test_a_clip_is_refused_by_name_and_the_message_says_how_to_take_it() -> None:
    content = phantoms.as_bytes(clip_of(COLOUR, colour))
    (one,) = frames_of(content, None)
    assert one.reason == "several_frames"
    with pytest.raises(UnreadableScan) as caught:
        decode_scan(content)
    assert caught.value.reason == "several_frames"
    for sentence in (one.sentence, str(caught.value)):
        assert "a clip of 4 frames (US, 32 x 40)" in sentence
        assert "medtl intake --frame middle (or first, a number up to 4, or all: an image for each frame)" in sentence


def test_a_frame_that_is_not_there_refuses_its_clip_alone() -> None:
    contents = [phantoms.as_bytes(clip_of(GREY[:2], grey)), phantoms.as_bytes(clip_of(GREY, grey))]
    headers = [(number, dicom_header(content)) for number, content in enumerate(contents)]
    short, whole = judged(grouped(headers), SeriesRules(frame=3))
    assert short.reason == "no_such_frame"
    assert "It has 2 frames, and --frame asks for number 3" in short.sentence
    assert not whole.faults


def test_frames_may_differ_in_rescale_and_window() -> None:
    whole = clip_of(GREY, with_tags(Modality="XA", PhotometricInterpretation="MONOCHROME1"))
    each = []
    for number in range(FRAMES):
        groups = Dataset()
        groups.FrameVOILUTSequence = [_item(WindowCenter=1000 + number, WindowWidth=501)]
        groups.PixelValueTransformationSequence = [_item(RescaleSlope=1 + number, RescaleIntercept=number)]
        each.append(groups)
    whole.PerFrameFunctionalGroupsSequence = each
    content = phantoms.as_bytes(whole)
    found = frames_of(content, "all")
    assert len(found) == FRAMES
    for number in (1, 3):
        tags = {"RescaleSlope": 1 + number, "RescaleIntercept": number, "WindowCenter": 1000 + number}
        still = with_tags(Modality="XA", PhotometricInterpretation="MONOCHROME1", WindowWidth=501, **tags)
        witness = decode_scan(phantoms.as_bytes(still(GREY[number])))
        assert_same(preview_of(found[number], lambda _: content), witness)


def test_with_a_choice_also_clips_of_other_modalities_are_pictures_and_without_they_lack_geometry() -> None:
    content = phantoms.as_bytes(clip_of(GREY, with_tags(Modality="NM")))
    (refused,) = frames_of(content, None)
    assert refused.reason == "multi_frame_without_geometry"
    assert "4 frames and does not say where they lie. Frames are taken as pictures with medtl intake --frame" in (
        refused.sentence
    )
    (taken,) = frames_of(content, "first")
    assert taken.is_picture
    assert not taken.faults


def test_only_the_frame_counts_as_its_size() -> None:
    """A clip may be longer than the largest volume; one frame of it is small."""
    header = dicom_header(phantoms.as_bytes(clip_of(GREY, grey)))
    long = header.model_copy(update={"frames": 9000, "rows": 1000, "columns": 1000, "pixel_bytes": None})
    (one,) = judged(grouped([(0, long)]), SeriesRules(frame="middle"))
    assert not one.faults
    assert one.moment == "frame 4501 of 9000"


def _item(**tags: object) -> Dataset:
    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return item
