"""Series come out as the phantom that was put in, or are refused by name; nothing in between."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import dicom_phantom as phantoms
import highdicom
import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom, series
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from series_faults import (
    files_of,
    localizer,
    missing,
    monochrome1,
    same_numbers,
    shuffled_numbers,
    truncated,
    two_series,
    whole,
)

from medtl.imaging.dicom import series_judgement
from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.preview import preview_of
from medtl.imaging.dicom.series import Candidate, grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.dicom.series_volume import volume_of
from medtl.imaging.reading import decode_scan, read_scan
from medtl.imaging.scan import Scan, UnreadableScan

SIZES = (1, 5, 40)
Change = Callable[[pydicom.FileDataset, int], None]
AFFINE_MM = 1e-4


def candidates(files: Sequence[bytes], **rules: object) -> tuple[Candidate, ...]:
    headers = [(number, dicom_header(content)) for number, content in enumerate(files)]
    return judged(grouped(headers), SeriesRules(**rules))


def only(files: Sequence[bytes], **rules: object) -> Candidate:
    (found,) = candidates(files, **rules)
    return found


def volume(files: Sequence[bytes], **rules: object) -> Scan:
    return volume_of(only(files, **rules), files.__getitem__)


def assert_is(scan: Scan, phantom: Phantom) -> None:
    np.testing.assert_array_equal(scan.pixels[0], phantom.values)
    np.testing.assert_allclose(scan.affine, phantom.affine, atol=AFFINE_MM)


def refused(change: object, reason: str, words: str, **rules: object) -> None:
    found = only(files_of(series(change=change)), **rules)  # type: ignore[arg-type]
    assert found.reason == reason
    assert words in found.sentence


@pytest.mark.parametrize("slices", [5, 40])
def test_a_series_is_the_phantom_voxel_for_voxel_and_to_a_tenth_of_a_micrometre(slices: int) -> None:
    phantom = series(slices=slices)
    scan = volume(files_of(phantom))
    assert_is(scan, phantom)
    np.testing.assert_allclose(scan.spacing_mm, (0.8, 0.6, 2.5), atol=1e-6)
    assert scan.notes == ("rescale applied once: slope 2, intercept -1000",)


@given(seed=st.integers(0, 10**6), slices=st.integers(5, 9))
@settings(max_examples=25, deadline=None)
def test_any_orientation_spacing_and_order_of_files_gives_the_phantom(seed: int, slices: int) -> None:
    chance = np.random.default_rng(seed)
    directions = np.linalg.qr(chance.normal(size=(3, 3)))[0]
    if np.linalg.det(directions) < 0:
        directions[:, 0] *= -1
    phantom = series(
        slices=slices,
        directions=directions,
        spacing_mm=tuple(chance.uniform(0.3, 5.0, 3)),
        origin_lps=tuple(chance.uniform(-400, 400, 3)),
        seed=seed,
    )
    files = files_of(phantom)
    assert_is(volume([files[index] for index in chance.permutation(slices)]), phantom)


EIGHT_CASES = {
    whole: ("too_few_slices", None, None),
    shuffled_numbers: ("too_few_slices", None, None),
    same_numbers: ("too_few_slices", None, None),
    missing: ("no_series", "missing_slice", "missing_slice"),
    two_series: ("no_series", "several_series", "several_series"),
    localizer: ("no_series", None, None),
    monochrome1: ("too_few_slices", None, None),
    truncated: ("no_series", "unreadable_slice", "unreadable_slice"),
}
"""What becomes of a folder with 1, 5 and 40 slices: the reason of its refusal, or None for the phantom's volume."""


def outcome(path: Path) -> Scan | UnreadableScan:
    try:
        return read_scan(path)
    except UnreadableScan as error:
        return error


@pytest.mark.parametrize("slices", SIZES)
@pytest.mark.parametrize("case", EIGHT_CASES, ids=lambda case: case.__name__)
def test_the_eight_faults_of_series_are_refused_or_give_the_phantom(
    case: Callable[[int], list[bytes]], slices: int, tmp_path: Path
) -> None:
    for number, content in enumerate(case(slices)):
        (tmp_path / f"{number}").write_bytes(content)
    reason = EIGHT_CASES[case][SIZES.index(slices)]
    found = outcome(tmp_path)
    if isinstance(found, UnreadableScan):
        assert found.reason == reason, str(found)
    else:
        assert reason is None
        assert_is(found, series(slices=slices))


def test_monochrome1_of_a_volume_is_inverted_as_of_a_picture() -> None:
    files = monochrome1(5)
    scan = volume(files)
    assert scan.notes[-1] == "inverted once: MONOCHROME1 stores low as white"
    np.testing.assert_array_equal(scan.pixels[0, :, :, 0].T, decode_scan(files[0]).pixels[0])


def test_rescale_that_differs_from_slice_to_slice_is_applied_to_each() -> None:
    def change(dataset: pydicom.Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = str(0.5 + k), str(10 * k)

    phantom = series(slope=1, intercept=0)
    scan = volume(files_of(series(change=change)))
    np.testing.assert_allclose(scan.pixels[0], phantom.values * (0.5 + np.arange(5)) + 10 * np.arange(5), rtol=1e-6)
    assert scan.notes == ("rescale differs from slice to slice; each slice's own was applied",)


def test_a_tilted_gantry_is_refused_and_on_request_sheared_back_to_what_was_there() -> None:
    """The witness is a field known everywhere in the patient: each voxel must hold its value at its own position."""
    shape, drift = (40, 44, 12), (0.0, 1.3)
    tilted = series(slices=12, rows=44, columns=40, drift_mm=drift, slope=1, intercept=0)
    along = [tilted.affine[:3, axis] for axis in range(3)]

    def field(points: np.ndarray) -> np.ndarray:
        return 2000 + 40 * (points @ np.array([0.7, -0.4, 0.2]) - tilted.affine[:3, 3] @ np.array([0.7, -0.4, 0.2]))

    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).astype(float)
    step = along[2] + along[1] / np.linalg.norm(along[1]) * drift[1]
    points = grid[..., :1] * along[0] + grid[..., 1:2] * along[1] + grid[..., 2:] * step + tilted.affine[:3, 3]
    stored = np.rint(field(points)).astype(np.uint16)
    for k, dataset in enumerate(tilted.datasets):
        dataset.PixelData = stored[:, :, k].T.tobytes()
    files = files_of(tilted)
    found = only(files)
    assert found.reason == "gantry_tilt"
    assert f"tilted by {np.degrees(np.arctan2(1.3, 2.5)):.1f} degrees" in found.sentence
    scan = volume(files, correct_tilt=True)
    assert "gantry tilt of 27.5 degrees corrected by shearing" in scan.notes[-1]
    np.testing.assert_allclose(scan.affine[:3, :3], tilted.affine[:3, :3], atol=AFFINE_MM)
    where = np.stack(np.meshgrid(*map(np.arange, scan.pixels.shape[1:]), indexing="ij"), axis=-1)
    expected = field(where @ scan.affine[:3, :3].T + scan.affine[:3, 3])
    inside = scan.pixels[0] > scan.pixels[0].min()
    assert inside.sum() >= np.prod(shape) * 0.97
    np.testing.assert_allclose(scan.pixels[0][inside], expected[inside], atol=1.01)


def test_a_drift_of_less_than_a_tenth_of_a_pixel_is_kept_in_the_affine() -> None:
    phantom = series(drift_mm=(0.01, 0.0))
    scan = volume(files_of(phantom))
    for k, dataset in enumerate(phantom.datasets):
        own = phantoms.RAS @ np.array(dataset.ImagePositionPatient, dtype=float)
        np.testing.assert_allclose((scan.affine @ (0, 0, k, 1))[:3], own, atol=AFFINE_MM)


def test_an_enhanced_object_is_what_highdicom_makes_of_it() -> None:
    phantom = series(slices=7)
    content = phantoms.as_bytes(phantoms.enhanced(phantom))
    scan = decode_scan(content)
    assert_is(scan, phantom)
    dataset = pydicom.dcmread(io.BytesIO(content))
    witness = highdicom.Image.from_dataset(dataset).get_volume(apply_real_world_transform=False)
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    points = (to_ras @ witness.affine @ np.array([2, 3, 1, 1]))[:3]
    found = np.rint(np.linalg.inv(scan.affine) @ np.append(points, 1))[:3].astype(int)
    assert scan.pixels[(0, *found)] == witness.array[2, 3, 1]


def test_time_points_of_an_enhanced_object_are_candidates_of_their_own() -> None:
    phantom = series(slices=6)
    content = phantoms.as_bytes(phantoms.enhanced(phantom, moments=3))
    found = candidates([content])
    assert [one.moment for one in found] == ["1 of 3", "2 of 3", "3 of 3"]
    for time, one in enumerate(found):
        scan = volume_of(one, [content].__getitem__)
        np.testing.assert_array_equal(scan.pixels[0], phantom.values + 2 * time)
    with pytest.raises(
        UnreadableScan, match=r"got 3 that could each be the case: MR, 6 of 12 x 10, 1 of 3; .* medtl intake"
    ):
        decode_scan(content)


@pytest.mark.parametrize("name", ["TemporalPositionIdentifier", "AcquisitionNumber", "DiffusionBValue"])
def test_repeated_positions_are_distinguished_by_the_header(name: str) -> None:
    def at(time: int) -> Phantom:
        return series(seed=time, uid=f"1.{time}", change=lambda dataset, _: at_time(dataset, time))

    def at_time(dataset: pydicom.Dataset, time: int) -> None:
        dataset.SeriesInstanceUID = "1.2.826.0.1.1"
        setattr(dataset, name, 10 * time)

    files = files_of(at(0), at(1))
    first, second = candidates(files)
    assert_is(volume_of(first, files.__getitem__), at(0))
    assert_is(volume_of(second, files.__getitem__), at(1))
    lacking = candidates(files[:-1])
    assert [one.reason for one in lacking] == [None, "missing_slice"]
    assert "lacks 1 of the 5 slices of others" in lacking[1].sentence


@pytest.mark.parametrize("end", [0, 5])
@pytest.mark.parametrize(
    ("tag", "value"),
    [("StudyInstanceUID", "1.2.826.0.3.9"), ("FrameOfReferenceUID", "1.2.826.0.4.9"), ("SeriesInstanceUID", "1.2.9"),
     ("ImageType", ["ORIGINAM", "PRIMARY", "AXIAL"]), ("ImagePositionPatient", None), ("Rows", 0),
     ("PhotometricInterpretation", "MONOCHROME8"), ("Modality", "CU")],
)  # fmt: skip
def test_a_slice_at_an_end_with_one_wrong_value_is_not_just_left_out(end: int, tag: str, value: object) -> None:
    """The rest would look whole: 5 slices without a gap."""

    def spoilt(dataset: pydicom.Dataset, k: int) -> None:
        if k == end:
            setattr(dataset, tag, value)

    found = candidates(files_of(series(slices=6, change=spoilt)))
    assert None not in [one.reason for one in found]
    if len(found) == 2:
        (rest,) = (one for one in found if len(one.slices) == 5)
        assert rest.reason == "stray_slice"
        assert "Get that file again, or move it away" in rest.sentence


def test_a_single_image_elsewhere_or_of_another_kind_does_no_harm_to_a_volume() -> None:
    def elsewhere(dataset: pydicom.Dataset, _k: int) -> None:
        dataset.ImagePositionPatient = ["500", "0", "0"]

    far = series(slices=1, uid="2", seed=1, change=elsewhere)
    assert [one.reason for one in candidates(files_of(series(slices=6), far))] == [None, "too_few_slices"]
    capture = phantoms.image(np.zeros((9, 9), np.uint16), uid="7", sop_class=phantoms.SECONDARY_CAPTURE)
    found = candidates([*files_of(series(slices=6)), phantoms.as_bytes(capture)])
    assert [one.reason for one in found] == [None, "secondary_capture"]


def test_echoes_and_phase_images_are_separate() -> None:
    def change(echo: int, kind: str) -> object:
        def changed(dataset: pydicom.Dataset, _k: int) -> None:
            dataset.SeriesInstanceUID, dataset.EchoTime = "1.2.826.0.1.1", 10 * echo
            dataset.ImageType = ["ORIGINAL", "PRIMARY", kind]

        return changed

    found = [
        series(uid=f"1.{n}", seed=n, change=change(*args)) for n, args in enumerate([(1, "M"), (1, "P"), (2, "M")])
    ]
    files = files_of(*found)
    for one, phantom in zip(candidates(files), found, strict=True):
        assert_is(volume_of(one, files.__getitem__), phantom)


def test_positions_that_repeat_without_a_reason_are_refused() -> None:
    files = files_of(series(), series(uid="1.9", change=lambda d, _: setattr(d, "SeriesInstanceUID", "1.2.826.0.1.1")))
    found = only(files)
    assert found.reason == "repeated_slice"
    assert "10 slices lie at 5 places, and the headers do not say which belong together" in found.sentence


def test_spacing_that_is_uneven_is_refused_and_of_a_missing_slice_says_how_many() -> None:
    def moved(dataset: pydicom.Dataset, k: int) -> None:
        if k == 2:
            away = np.array(dataset.ImagePositionPatient, float) + 0.4 * phantoms.OBLIQUE[:, 2]
            dataset.ImagePositionPatient = [phantoms.number_text(value) for value in away]

    refused(moved, "irregular_spacing", "The spacing of the slices varies from 2.1 to 2.9 mm")
    files = files_of(series(slices=12))
    found = only([files[k] for k in range(12) if k not in (3, 4, 8)])
    assert found.reason == "missing_slice"
    assert "3 slices are missing: the spacing is 2.5 mm, and a multiple of it in 2 places" in found.sentence


def test_small_uneven_steps_that_add_up_are_refused() -> None:
    def stretched(dataset: pydicom.Dataset, k: int) -> None:
        away = np.array(dataset.ImagePositionPatient, float) + 0.012 * abs(k - 40) * phantoms.OBLIQUE[:, 2]
        dataset.ImagePositionPatient = [phantoms.number_text(value) for value in away]

    assert only(files_of(series(slices=80, change=stretched))).reason == "irregular_spacing"


def _set(**tags: object) -> object:
    def change(dataset: pydicom.Dataset, _k: int) -> None:
        for name, value in tags.items():
            setattr(dataset, name, value)

    return change


@pytest.mark.parametrize(
    ("tags", "reason", "words"),
    [
        ({"SOPClassUID": phantoms.SECONDARY_CAPTURE}, "secondary_capture", "a picture of a screen"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer", "images to plan others by"),
        ({"SeriesDescription": "Topogram 0.6"}, "localizer", "images to plan others by"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "mosaic", "Convert it with dcm2niix"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "VFRAME"], "ImagePositionPatient": None}, "mosaic", "VFRAME)"),
        ({"PixelSpacing": None, "ImageOrientationPatient": None}, "no_geometry", "(no orientation and pixel spacing)"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "colour", "The pixels are RGB"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour", "The pixels are PALETTE COLOR"),
        ({"BurnedInAnnotation": "YES"}, "burned_in_text", "text is written into the pixels"),
        ({"ImagePositionPatient": None}, "no_geometry", "does not say where in the patient the image lies"),
        ({"ImagePositionPatient": ["nan", "0", "0"]}, "bad_geometry", "is impossible"),
        ({"ImagePositionPatient": ["1e9", "0", "0"]}, "bad_geometry", "is impossible"),
        ({"ImageOrientationPatient": ["0"] * 6}, "bad_geometry", "is impossible"),
        ({"ImageOrientationPatient": ["1", "0", "0", "0.1", "0.99", "0"]}, "bad_geometry", "not at right angles"),
        ({"PixelSpacing": ["0", "1"]}, "bad_geometry", "outside 0.01 to 100 mm"),
        ({"PixelSpacing": ["-1", "1"]}, "bad_geometry", "outside 0.01 to 100 mm"),
        ({"PixelSpacing": ["1e9", "1"]}, "bad_geometry", "outside 0.01 to 100 mm"),
        ({"RescaleSlope": "nan"}, "bad_rescale", "slope not a number"),
        ({"RescaleSlope": "1e38"}, "bad_rescale", "slope 1e+38"),
        ({"RescaleSlope": "0"}, "bad_rescale", "slope 0"),
        ({"BitsStored": 20}, "bad_header", "20 of 16 bits, which cannot be"),
        ({"PixelData": b""}, "truncated", "5 of 5 images hold fewer pixels than their headers say"),
        ({"Modality": "MR"}, "other_modality", "The modality is MR, not CT"),
    ],
)  # fmt: skip
def test_what_no_volume_can_be_made_of_is_refused_by_name(tags: dict[str, object], reason: str, words: str) -> None:
    refused(_set(**tags), reason, words, modality="CT")


def test_a_compression_that_nobody_can_read_is_named() -> None:
    refused(
        lambda d, _: phantoms.unreadable_syntax(d), "undecodable_transfer_syntax", "MPEG2 Main Profile / Main Level"
    )


@pytest.mark.parametrize(
    ("tag", "creator", "vr", "value"),
    [((0x0019, 0x100A), "SIEMENS MR HEADER", "US", 30), ((0x0065, 0x1050), "Image Private Header", "DS", "20")],
    ids=["Siemens", "United Imaging"],
)
def test_a_grid_of_tiles_whose_image_type_was_removed_is_known_by_its_makers_element(
    tag: tuple[int, int], creator: str, vr: str, value: object
) -> None:
    def gridded(dataset: pydicom.Dataset, _k: int) -> None:
        dataset.add_new((tag[0], 0x0010), "LO", creator)
        dataset.add_new(tag, vr, value)

    refused(gridded, "mosaic", "Each image is a grid with all slices of one time point as tiles")

    def of_nobody(dataset: pydicom.Dataset, k: int) -> None:
        gridded(dataset, k)
        dataset[tag[0], 0x0010].value = "SOMEBODY"

    assert only(files_of(series(change=of_nobody))).reason is None


def test_a_single_slice_is_a_picture_where_the_rules_accept_it() -> None:
    across = np.roll(np.eye(3), 1, axis=1)
    files = files_of(series(slices=1), series(slices=6, uid="2", seed=1, directions=across))
    single, stack = candidates(files, fewest_slices=1)
    assert (single.is_picture, single.reason, single.notes) == (True, None, ("a single slice, taken as a picture",))
    assert (stack.is_picture, stack.reason) == (False, None)
    np.testing.assert_array_equal(preview_of(single, files.__getitem__).pixels[0], series(slices=1).values[:, :, 0].T)
    assert candidates(files, fewest_slices=2)[0].reason == "too_few_slices"
    placeless = files_of(series(slices=1, change=lambda d, _: delattr(d, "ImagePositionPatient")))
    assert only(placeless, fewest_slices=1).is_picture


def test_a_lost_end_slice_is_no_picture_of_its_own_in_silence() -> None:
    def spoilt(dataset: pydicom.Dataset, k: int) -> None:
        if k == 6:
            dataset.SeriesInstanceUID = "1.2.9"

    found = candidates(files_of(series(slices=7, change=spoilt)), fewest_slices=1)
    assert [one.reason for one in found] == ["stray_slice", None]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [("T1*", [0, 1]), ("*flair*", [2]), ("t1 mprage | *FLAIR*", [0, 2]), ("[12]*", []), ("*", [0, 1, 2, 3]), ("", [3])],
)
def test_series_are_chosen_by_a_pattern_of_their_description(pattern: str, wanted: list[int]) -> None:
    names = ("T1 MPRAGE", "t1_tse_post", "3D FLAIR", "")
    files = files_of(
        *(series(uid=f"{n + 1}", seed=n, change=_set(SeriesDescription=name)) for n, name in enumerate(names))  # type: ignore[arg-type]
    )
    found = candidates(files, description=pattern)
    assert [index for index, one in enumerate(found) if one.reason is None] == wanted
    for one in found:
        assert one.reason in (None, "not_asked_for")
        assert "MPRAGE" not in one.sentence


def test_units_that_differ_within_a_series_are_refused() -> None:
    def change(dataset: pydicom.Dataset, k: int) -> None:
        dataset.RescaleType = "HU" if k else "US"

    refused(change, "inconsistent_rescale", "Not every slice has its values in the same unit")


@pytest.mark.parametrize(
    ("lacking", "slope", "intercept"), [("RescaleIntercept", 2.0, 0.0), ("RescaleSlope", 1.0, -1000.0)]
)
def test_a_rescale_that_lacks_one_of_its_tags_takes_the_value_that_changes_nothing(
    lacking: str, slope: float, intercept: float
) -> None:
    stored = series(slope=1, intercept=0).values
    files = files_of(series(change=lambda dataset, _: delattr(dataset, lacking)))
    scan = volume(files)
    np.testing.assert_array_equal(scan.pixels[0], stored * slope + intercept)
    assert scan.notes[-1] == f"{lacking} is missing beside its partner and was taken as the value that changes nothing"
    np.testing.assert_array_equal(scan.pixels[0, :, :, 0].T, decode_scan(files[0]).pixels[0])


def test_some_slices_without_any_rescale_are_refused() -> None:
    def change(dataset: pydicom.Dataset, k: int) -> None:
        if k == 2:
            del dataset.RescaleSlope, dataset.RescaleIntercept

    refused(change, "inconsistent_rescale", "Not every slice has its values in the same unit")


def test_what_nobody_foresaw_in_one_series_is_its_own_fault_and_the_others_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(candidate: Candidate) -> list[object]:
        if len(candidate.slices) == 6:
            raise LookupError("CANARY^JANE")
        return []

    monkeypatch.setattr(series_judgement, "KIND_RULES", (stumble,))
    found = candidates(files_of(series(slices=6), series(slices=7, uid="2", seed=1)))
    assert [one.reason for one in found] == ["unforeseen_fault", None]
    assert "(LookupError)" in found[0].sentence
    assert "CANARY" not in found[0].sentence


def test_a_series_cut_in_three_directions_is_a_localizer() -> None:
    turned = [np.roll(np.eye(3), shift, axis=1) for shift in range(3)]
    found = candidates(files_of(*(series(directions=d, uid="1", seed=n) for n, d in enumerate(turned))))
    assert [one.reason for one in found] == ["localizer"] * 3


def test_fewer_slices_than_required_are_refused_and_the_number_can_be_lowered() -> None:
    files = files_of(series(slices=4))
    assert only(files).reason == "too_few_slices"
    assert "It has 4 slices; a volume has 5 or more" in only(files).sentence
    assert only(files, fewest_slices=4).faults == ()


def test_the_tiltless_difference_of_two_directions_is_no_orientation_of_its_own() -> None:
    def jitter(dataset: pydicom.Dataset, k: int) -> None:
        near = np.array(dataset.ImageOrientationPatient, float) + 2e-5 * (-1) ** k
        dataset.ImageOrientationPatient = [phantoms.number_text(value) for value in near]

    phantom = series(change=jitter)
    scan = volume(files_of(phantom))
    np.testing.assert_array_equal(scan.pixels[0], phantom.values)
    np.testing.assert_allclose(scan.affine, phantom.affine, atol=1e-3)


def test_smooth_structures_keep_their_position_in_the_patient() -> None:
    """A blob is put at a known point in millimetres; its centre of mass through the affine comes out there."""
    phantom = series(slices=20, rows=30, columns=30, slope=1, intercept=0)
    blob = np.zeros((30, 30, 20))
    blob[11, 19, 7] = 1
    blob = (gaussian_filter(blob, 1.5) * 1e5).astype(np.uint16)
    for k, dataset in enumerate(phantom.datasets):
        dataset.PixelData = blob[:, :, k].T.tobytes()
    scan = volume(files_of(phantom))
    weights = scan.pixels[0] / scan.pixels[0].sum()
    centre = [float((weights * index).sum()) for index in np.indices(weights.shape)]
    np.testing.assert_allclose((scan.affine @ [*centre, 1])[:3], (phantom.affine @ [11, 19, 7, 1])[:3], atol=0.05)


@pytest.mark.parametrize("is_signed", [False, True])
def test_values_that_lie_above_their_lowest_bit_are_shifted_down_and_bits_above_are_no_values(is_signed: bool) -> None:
    """The layout of old files: 12 bits at the top of 16 (HighBit 15), or in the middle with an overlay above."""

    def moved(by: int, overlay: int = 0) -> Callable[[pydicom.FileDataset, int], None]:
        def change(dataset: pydicom.FileDataset, _k: int) -> None:
            stored = dataset.pixel_array.astype(np.int32) - (2048 if is_signed else 0)
            cells = ((stored & 0xFFF) << by | overlay) & 0xFFFF
            dataset.PixelRepresentation, dataset.HighBit = int(is_signed), 11 + by
            dataset.PixelData = cells.astype(np.uint16).tobytes()

        return change

    shift = -2048 * 2 if is_signed else 0
    for by, overlay in ((0, 0), (4, 0), (2, 0b1100000000000001)):
        phantom = series(change=moved(by, overlay))
        np.testing.assert_array_equal(volume(files_of(phantom)).pixels[0], phantom.values + shift)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_bright_padding_of_a_series_is_its_darkest_value(photometric: str) -> None:
    value = 4095 if photometric == "MONOCHROME2" else 0

    def padded(dataset: pydicom.FileDataset, _k: int) -> None:
        stored = np.clip(dataset.pixel_array, 100, 4000)
        stored[:3] = value
        dataset.PixelData, dataset.PixelPaddingValue = stored.tobytes(), value
        dataset.PhotometricInterpretation = photometric

    scan = volume(files_of(series(change=padded, directions=np.eye(3), slope=1.0, intercept=0.0)))
    assert (scan.pixels[0][:, :3] == scan.pixels[0][:, 3:].min(axis=(0, 1))).all()
    assert scan.pixels.max() <= 4000


def above_lowest_bit(dataset: pydicom.FileDataset, _k: int) -> None:
    dataset.PixelData, dataset.HighBit = (dataset.pixel_array << 4).tobytes(), 15


def low_white(dataset: pydicom.FileDataset, _k: int) -> None:
    dataset.PhotometricInterpretation = "MONOCHROME1"


def inverse(dataset: pydicom.FileDataset, _k: int) -> None:
    dataset.PresentationLUTShape = "INVERSE"


def without_intercept(dataset: pydicom.FileDataset, _k: int) -> None:
    del dataset.RescaleIntercept


def without_slope(dataset: pydicom.FileDataset, _k: int) -> None:
    del dataset.RescaleSlope


def slope_of_its_own(dataset: pydicom.FileDataset, k: int) -> None:
    dataset.RescaleSlope = str(1 + k)


def bright_padding(dataset: pydicom.FileDataset, _k: int) -> None:
    dataset.PixelPaddingValue = int(dataset.pixel_array.max())


def dark_padding(dataset: pydicom.FileDataset, _k: int) -> None:
    dataset.PixelPaddingValue = int(np.sort(dataset.pixel_array.ravel())[0])


@pytest.mark.parametrize(
    "change",
    [
        above_lowest_bit, low_white, inverse, without_intercept, without_slope, slope_of_its_own, bright_padding,
        dark_padding,
    ],
)  # fmt: skip
def test_a_file_alone_and_as_a_slice_of_its_series_has_the_same_values(change: Change) -> None:
    files = files_of(series(change=change, directions=np.eye(3)))
    scan = volume(files)
    alone = {decode_scan(content).pixels[0].T.tobytes() for content in files}
    assert {np.ascontiguousarray(scan.pixels[0][:, :, k]).tobytes() for k in range(len(files))} == alone


def test_each_frame_of_an_enhanced_file_has_the_rescale_of_its_own() -> None:
    phantom = series(slices=6, slope=1.0, intercept=0.0)
    whole = phantoms.enhanced(phantom)
    del whole.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    positions = {tuple(one.ImagePositionPatient): k for k, one in enumerate(phantom.datasets)}
    for groups in whole.PerFrameFunctionalGroupsSequence:
        item = pydicom.Dataset()
        k = positions[tuple(groups.PlanePositionSequence[0].ImagePositionPatient)]
        item.RescaleSlope, item.RescaleIntercept, item.RescaleType = 1 + k, -10 * k, "US"
        groups.PixelValueTransformationSequence = [item]
    scan = decode_scan(phantoms.as_bytes(whole))
    np.testing.assert_array_equal(scan.pixels[0], phantom.values * (1 + np.arange(6)) - 10 * np.arange(6))
