"""Two stacks in one series come out as two volumes, or are refused; one stack stays one, whatever its clocks say."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pydicom
import pytest
from dicom_phantom import Change, Phantom, series, two_in_one_series
from series_faults import files_of

from medtl.imaging.dicom.acquisition_tags import STEADY, VARYING, setting_text
from medtl.imaging.dicom.candidate import Candidate
from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.private_elements import (
    PRIVATE_B_VALUES,
    private_b_value,
    private_direction,
    private_image_kind,
)
from medtl.imaging.dicom.series import grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.dicom.series_volume import volume_of

VALUES: dict[str, tuple[object, object]] = {
    "ConvolutionKernel": ("B30f", "B70f"), "FilterType": ("HEAD", "BODY"), "ReconstructionAlgorithm": ("FBP", "ITER"),
    "KVP": ("80", "140"), "ContrastBolusAgent": ("arterial", "venous"), "ContrastBolusAgentPhase": ("PRE", "POST"),
    "ContrastBolusStartTime": ("100000", "101000"), "TemporalPositionIdentifier": (1, 2),
    "TemporalPositionIndex": (1, 2), "DiffusionBValue": (0.0, 1000.0), "DiffusionDirectionality": ("NONE", "ISOTROPIC"),
    "DiffusionGradientOrientation": ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), "Units": ("BQML", "CNTS"),
    "CorrectedImage": (["ATTN", "DECY"], ["DECY"]), "AttenuationCorrectionMethod": ("measured", "none"),
    "ScatterCorrectionMethod": ("SSS", "none"), "DecayCorrection": ("START", "NONE"),
    "ReconstructionMethod": ("OSEM", "TOF"), "SequenceName": ("*ep_b0", "*ep_b1000"),
    "PulseSequenceName": ("epi", "tse"), "ScanningSequence": ("SE", "GR"), "SequenceVariant": ("SK", "SP"),
    "ScanOptions": ("FS", "PFP"), "AcquisitionContrast": ("T1", "T2"), "ReceiveCoilName": ("C1", "C2"),
    "ImagedNucleus": ("1H", "23NA"), "ProtocolName": ("chest", "abdomen"), "PatientPosition": ("HFS", "HFP"),
    "ImageLaterality": ("L", "R"), "MakersImageKind": (0, 2),
    "SliceThickness": ("1", "5"), "SpacingBetweenSlices": ("2", "5"), "ReconstructionDiameter": ("300", "500"),
    "DataCollectionDiameter": ("300", "500"), "RepetitionTime": ("500", "3000"), "InversionTime": ("100", "2500"),
    "TriggerTime": ("0", "400"), "NominalPercentageOfCardiacPhase": (30.0, 75.0), "FlipAngle": ("5", "30"),
    "EchoTrainLength": (1, 16), "PixelBandwidth": ("100", "200"), "RescaleType": ("HU", "US"),
    "FrameReferenceTime": ("0", "60000"), "ActualFrameDuration": (60000, 120000),
}  # fmt: skip
OTHER_KINDS: dict[str, tuple[object, object]] = {
    "ImageType": (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]), "EchoTime": ("5", "80"),
    "EchoNumbers": (1, 2), "StackID": ("1", "2"), "PixelSpacing": (["1", "1"], ["2", "2"]),
}  # fmt: skip


def put(**tags: object) -> Change:
    def change(dataset: pydicom.Dataset, k: int) -> None:
        for name, value in tags.items():
            if name == "MakersImageKind":
                dataset.add_new((0x0043, 0x0010), "LO", "GEMS_PARM_01")
                dataset.add_new((0x0043, 0x1030), "SS", value)
            else:
                setattr(dataset, name, value(k) if callable(value) else value)

    return change


def both(*changes: Change) -> Change:
    def change(dataset: pydicom.Dataset, k: int) -> None:
        for one in changes:
            one(dataset, k)

    return change


def candidates(files: Sequence[bytes]) -> tuple[Candidate, ...]:
    return judged(grouped((number, dicom_header(content)) for number, content in enumerate(files)), SeriesRules())


def assert_two(first: Phantom, second: Phantom, words: str = "", *, are_decoded: bool = False) -> None:
    files = files_of(first, second)
    found = candidates(files)
    assert [one.reason for one in found] == [None, None]
    assert sorted(one.files for one in found) == [tuple(range(6)), tuple(range(6, 12))]
    for one in found:
        truth = (first, second)[one.files[0] // 6]
        assert words in " ".join(one.notes)
        if are_decoded:
            np.testing.assert_array_equal(volume_of(one, files.__getitem__).pixels[0], truth.values)


def assert_one(phantom: Phantom, note: str | None = None) -> None:
    (one,) = candidates(files_of(phantom))
    assert one.reason is None, one.sentence
    assert one.notes == (() if note is None else (note,))


def assert_mixed(files: list[bytes], words: str) -> None:
    (one,) = candidates(files)
    assert one.reason == "mixed_series"
    assert words in one.sentence
    assert "Export each of them as a series of its own" in one.sentence


def test_every_tag_of_the_tables_has_two_values_here() -> None:
    assert {*STEADY, *VARYING} == set(VALUES)


@pytest.mark.parametrize("are_interleaved", [True, False], ids=["interleaved", "stacked"])
@pytest.mark.parametrize("name", [*VALUES, *OTHER_KINDS])
def test_two_stacks_that_differ_in_one_tag_are_two_volumes(name: str, are_interleaved: bool) -> None:
    first, second = {**VALUES, **OTHER_KINDS}[name]
    pair = two_in_one_series(put(**{name: first}), put(**{name: second}), are_interleaved=are_interleaved)
    words = "" if name in OTHER_KINDS else f"one of 2 stacks of its series, which differ in {name}"
    assert_two(*pair, words=words, are_decoded=name == "KVP")


@pytest.mark.parametrize("are_interleaved", [True, False], ids=["interleaved", "stacked"])
@pytest.mark.parametrize(
    ("first", "second"),
    [(put(), put(ContrastBolusAgent="given")),
     (put(AcquisitionNumber=1), put(AcquisitionNumber=2)),
     (put(AcquisitionNumber=1, AcquisitionTime="100000"), put(AcquisitionNumber=2, AcquisitionTime="100100")),
     (put(AcquisitionTime="100000.5"), put(AcquisitionTime="10:01:00")),
     (put(AcquisitionDateTime="20200101100000.5"), put(AcquisitionDateTime="20200101100100+0100")),
     (put(ConvolutionKernel="B30f", KVP="80"), put(ConvolutionKernel="B70f", KVP="140"))],
    ids=["native and contrast", "number", "number and time", "time", "date and time", "two tags"],
)  # fmt: skip
def test_two_phases_are_two_volumes(first: Change, second: Change, are_interleaved: bool) -> None:
    assert_two(*two_in_one_series(first, second, are_interleaved=are_interleaved), words="one of 2 stacks")


@pytest.mark.parametrize("numbers", [lambda k: k + 1, lambda k: 100 - k], ids=["rising", "falling"])
def test_image_numbers_that_begin_again_are_two_stacks_and_interleaved_are_refused(numbers: object) -> None:
    assert_two(*two_in_one_series(put(InstanceNumber=numbers), put(InstanceNumber=numbers), are_interleaved=False))
    pair = two_in_one_series(put(InstanceNumber=numbers), put(InstanceNumber=numbers), are_interleaved=True)
    assert_mixed(files_of(*pair), "which differ in InstanceNumber")


def test_phases_of_an_mr_known_by_time_alone_are_refused_when_they_interleave() -> None:
    """Packages that were numbered as they were taken look the same, and are one volume."""

    def at(time: str, start: int) -> Change:
        return put(Modality="MR", AcquisitionTime=time, InstanceNumber=lambda k: k + start)

    assert_mixed(
        files_of(*two_in_one_series(at("100000", 1), at("100200", 7), are_interleaved=True)), "AcquisitionTime"
    )
    assert_two(*two_in_one_series(at("100000", 1), at("100200", 1), are_interleaved=True))


def test_three_phases_come_in_the_order_of_time() -> None:
    stacks = [
        series(
            slices=6, spacing_mm=(1, 1, 6), seed=n, uid=f"1.{n}", directions=np.eye(3), origin_lps=(0, 0, 2 * n),
            change=put(SeriesInstanceUID="1.2.826.0.1.1", TemporalPositionIdentifier=12 - 5 * n),
        )
        for n in range(3)
    ]  # fmt: skip
    found = candidates(files_of(*stacks))
    assert [(one.moment, one.files[0], one.reason) for one in found] == [
        ("3 of 3", 0, None), ("2 of 3", 6, None), ("1 of 3", 12, None),
    ]  # fmt: skip


def test_kernels_and_times_at_the_same_positions_are_distinguished_together() -> None:
    stacks = [
        series(
            slices=6, seed=n, uid=f"1.{n}",
            change=put(SeriesInstanceUID="1.2.826.0.1.1", ConvolutionKernel="ab"[n % 2], AcquisitionNumber=n // 2),
        )
        for n in range(4)
    ]  # fmt: skip
    files = files_of(*stacks)
    found = candidates(files)
    assert [one.reason for one in found] == [None] * 4
    assert {one.moment for one in found} == {f"{n} of 4" for n in range(1, 5)}
    for one in found:
        truth = stacks[one.files[0] // 6].values
        np.testing.assert_array_equal(volume_of(one, files.__getitem__).pixels[0], truth)


def test_phases_of_different_reach_are_two_volumes_though_some_positions_repeat() -> None:
    stacks = [
        series(
            slices=8, seed=n, uid=f"1.{n}", directions=np.eye(3), origin_lps=(0, 0, 20.0 * n),
            change=put(SeriesInstanceUID="1.2.826.0.1.1", AcquisitionNumber=n),
        )
        for n in range(3)
    ]  # fmt: skip
    found = candidates(files_of(stacks[0], stacks[2]))
    assert [one.reason for one in found] == [None, None]
    found = candidates(files_of(*two_that_overlap()))
    assert [(one.reason, len(one.slices)) for one in found] == [(None, 8), (None, 6)]


def two_that_overlap() -> list[Phantom]:
    return [
        series(
            slices=slices, seed=n, uid=f"1.{n}", directions=np.eye(3), origin_lps=(0, 0, start),
            change=put(SeriesInstanceUID="1.2.826.0.1.1", ConvolutionKernel="ab"[n]),
        )
        for n, (slices, start) in enumerate([(8, 0.0), (6, 15.0)])
    ]  # fmt: skip


@pytest.mark.parametrize("element", PRIVATE_B_VALUES, ids=["Siemens", "GE", "Philips", "United Imaging"])
def test_a_b_value_in_a_makers_own_element_counts(element: tuple[int, int]) -> None:
    kinds: dict[tuple[int, int], tuple[str, object, object]] = {
        (0x0019, 0x100C): ("IS", 0, 1000),
        (0x0043, 0x1039): ("IS", [10**9, 8, 0, 0], [10**9 + 800, 8, 0, 0]),
        (0x2001, 0x1003): ("FL", 0.0, 1000.0),
        (0x0065, 0x1009): ("FD", 1.25, 1000.5),
    }
    vr, low, high = kinds[element]

    def weighted(value: object) -> Change:
        def change(dataset: pydicom.Dataset, _k: int) -> None:
            dataset.add_new((element[0], 0x0010), "LO", PRIVATE_B_VALUES[element])
            dataset.add_new(element, vr, value)

        return change

    assert_two(*two_in_one_series(weighted(low), weighted(high), are_interleaved=True), words="DiffusionBValue")


DIRECTIONS = {
    "Siemens": ("SIEMENS MR HEADER", [((0x0019, 0x100E), "FD")]),
    "United Imaging": ("Image Private Header", [((0x0065, 0x1037), "FD")]),
    "Philips": ("Philips MR Imaging DD 001", [((0x2005, element), "FL") for element in (0x10B0, 0x10B1, 0x10B2)]),
}


@pytest.mark.parametrize("maker", DIRECTIONS)
def test_weightings_at_the_same_positions_are_distinguished_by_a_makers_own_direction(maker: str) -> None:
    creator, elements = DIRECTIONS[maker]

    def weighted(direction: tuple[float, float, float]) -> Change:
        def change(dataset: pydicom.Dataset, _k: int) -> None:
            dataset.SeriesInstanceUID = "1.2.826.0.1.1"
            dataset.add_new((elements[0][0][0], 0x0010), "LO", creator)
            for index, (element, vr) in enumerate(elements):
                dataset.add_new(element, vr, direction[index] if len(elements) == 3 else list(direction))

        return change

    axes = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
    stacks = [series(slices=6, seed=n, uid=f"1.{n}", change=weighted(axis)) for n, axis in enumerate(axes)]
    assert [(one.reason, len(one.slices)) for one in candidates(files_of(*stacks))] == [(None, 6)] * 3


def test_weightings_that_philips_numbers_are_distinguished_although_their_direction_is_the_same() -> None:
    def numbered(number: int) -> Change:
        def change(dataset: pydicom.Dataset, _k: int) -> None:
            dataset.SeriesInstanceUID = "1.2.826.0.1.1"
            dataset.add_new((0x2005, 0x0014), "LO", "Philips MR Imaging DD 005")
            dataset.add_new((0x2005, 0x1413), "IS", number)

        return change

    stacks = [series(slices=6, seed=n, uid=f"1.{n}", change=numbered(n + 1)) for n in range(2)]
    assert [(one.reason, len(one.slices)) for one in candidates(files_of(*stacks))] == [(None, 6)] * 2


def test_directions_are_read_also_where_the_file_does_not_say_their_type() -> None:
    siemens, philips = (0x0019, 0x100E), [(0x2005, element) for element in (0x10B0, 0x10B1, 0x10B2)]
    named = {siemens: "SIEMENS MR HEADER", **dict.fromkeys(philips, "Philips MR Imaging DD 001")}
    assert private_direction({siemens: struct.pack("<3d", 0.6, 0.8, 0.0)}, named) == "0.60\\0.80\\0.00"
    assert private_direction({tag: struct.pack("<f", 0.5) for tag in philips}, named) == "0.50\\0.50\\0.50"
    assert private_direction(dict.fromkeys(philips, 0.5), named) == "0.50\\0.50\\0.50"
    assert private_direction({siemens: [1.0, 0.0]}, named) == private_direction({siemens: ["x"] * 3}, named) == ""


def test_private_b_values_are_read_also_where_the_file_does_not_say_their_type() -> None:
    siemens, ge, philips, united = PRIVATE_B_VALUES
    for element, value, text in (
        (siemens, b"1000 ", "1000"), (ge, b"1000000800\\8\\0\\0", "800"), (philips, struct.pack("<f", 50.0), "50"),
        (united, struct.pack("<d", 1000.5), "1000"), (siemens, b"none", ""), (ge, [], ""), (siemens, -1, ""),
    ):  # fmt: skip
        assert private_b_value({element: value}, {element: PRIVATE_B_VALUES[element]}) == text
    assert private_b_value({siemens: 1000}, {siemens: "CANARY"}) == ""
    kinds = {(0x0043, 0x102F): b"\x00\x00", (0x0043, 0x1030): 2}
    assert private_image_kind(kinds, dict.fromkeys(kinds, "GEMS_PARM_01")) == "0 2"


def test_a_field_map_of_ge_and_its_magnitude_at_the_same_positions_are_two_volumes() -> None:
    """They differ in a maker's element alone (0043,1030), and were refused as repeated slices."""
    stacks = [
        series(slices=6, seed=n, uid=f"1.{n}", change=put(SeriesInstanceUID="1.2.826.0.1.1", MakersImageKind=2 * n))
        for n in range(2)
    ]
    found = candidates(files_of(*stacks))
    assert [(one.reason, len(one.slices)) for one in found] == [(None, 6), (None, 6)]


def test_equal_settings_are_equal_text() -> None:
    assert setting_text("SliceThickness", "1.25000") == setting_text("SliceThickness", 1.25)
    assert setting_text("ConvolutionKernel", " Soft  Tissue") == setting_text("ConvolutionKernel", "SOFT TISSUE")
    assert setting_text("DiffusionGradientOrientation", [0.7071, -1e-9, 0]) == "0.71\\0.00\\0.00"
    assert setting_text("KVP", None) == setting_text("KVP", float("nan")) == ""


ONE_STACK: dict[str, tuple[Change, str | None]] = {
    "an acquisition for each slice": (put(AcquisitionNumber=lambda k: k + 7), None),
    "step and shoot": (
        put(AcquisitionNumber=lambda k: k // 4, AcquisitionTime=lambda k: f"1000{5 * (k // 4):02d}"),
        "taken in 3 acquisitions that continue one another (AcquisitionNumber)",
    ),
    "step and shoot without times": (
        put(AcquisitionNumber=lambda k: 9 - k // 6, InstanceNumber=lambda k: 40 - k),
        "taken in 2 acquisitions that continue one another (AcquisitionNumber)",
    ),
    "a breath between rotations": (
        put(AcquisitionNumber=lambda k: k // 6, AcquisitionTime=lambda k: f"1000{20 * (k // 6):02d}"),
        "taken in 2 acquisitions that continue one another (AcquisitionNumber)",
    ),
    "a time for each slice": (put(AcquisitionTime=lambda k: f"1000{k:02d}", ContentTime=lambda k: f"11{k:02d}"), None),
    "a reconstruction that paused": (put(ContentTime=lambda k: f"11{k // 6:02d}00"), None),
    "beds of a PET": (
        put(Modality="PT", AcquisitionTime=lambda k: f"10{3 * (k // 4):02d}00", ActualFrameDuration=lambda k: 9 + k),
        None,
    ),
    "packages of an MR": (put(Modality="MR", AcquisitionTime=lambda k: f"100{k % 2}00"), None),
    "packages of an MR with numbers": (
        put(Modality="MR", AcquisitionNumber=lambda k: k % 2),
        "taken in 2 acquisitions that continue one another (AcquisitionNumber)",
    ),
    "slice timing of echo planar MR": (put(Modality="MR", TriggerTime=lambda k: 100 * (k % 6)), None),
    "a repetition time that follows the heart": (put(Modality="MR", RepetitionTime=lambda k: 800 + 37 * k % 50), None),
    "a ramped flip angle": (put(Modality="MR", FlipAngle=lambda k: 15 + k), None),
    "time points that count slices": (put(TemporalPositionIdentifier=lambda k: k + 1), None),
    "a thickness that is rounded": (put(SliceThickness=lambda k: ("1.25", "1.2500001")[k % 2]), None),
    "an agent that one header lacks": (put(ContrastBolusAgent=lambda k: "" if k == 3 else "given"), None),
    "one image number for all": (put(InstanceNumber=1), None),
    "midnight": (put(AcquisitionTime=lambda k: f"2359{50 + k}" if k < 6 else f"0000{k:02d}"), None),
}  # fmt: skip


@pytest.mark.parametrize("kind", ONE_STACK)
def test_one_stack_stays_one_although_its_clocks_and_settings_run_on(kind: str) -> None:
    change, note = ONE_STACK[kind]
    assert_one(series(slices=12, change=change), note)


def test_a_few_slices_of_another_reconstruction_among_a_stack_are_named_as_the_cause() -> None:
    odd = series(slices=9, change=put(ConvolutionKernel=lambda k: "B70f" if k == 4 else "B30f"))
    assert_mixed(files_of(odd), "which differ in ConvolutionKernel (8, 1 slices)")
    pairs = two_in_one_series(put(KVP="80"), put(KVP="140"), are_interleaved=True, slices=2)
    assert_mixed(files_of(*pairs), "which differ in KVP (2, 2 slices)")


def test_slices_of_another_reconstruction_beyond_a_gap_leave_the_stack_whole() -> None:
    def far(dataset: pydicom.Dataset, k: int) -> None:
        dataset.ConvolutionKernel = "B70f" if k > 6 else "B30f"
        if k > 6:
            dataset.ImagePositionPatient = [str(300 + 10 * k), "0", "0"]

    found = candidates(files_of(series(slices=9, change=far)))
    assert [(len(one.slices), one.reason) for one in found] == [(7, None), (2, "mixed_series")]


def test_of_two_phases_one_that_lost_a_slice_is_refused_and_the_other_used() -> None:
    files = files_of(*two_in_one_series(put(KVP="80"), put(KVP="140"), are_interleaved=True))
    del files[2]
    found = candidates(files)
    assert [(one.reason, len(one.slices)) for one in found] == [("missing_slice", 5), (None, 6)]


def test_interleaved_acquisitions_without_whole_stacks_are_refused() -> None:
    odd = series(
        slices=12, change=put(AcquisitionNumber=lambda k: 1 + (k % 3 == 0), InstanceNumber=lambda k: (5 * k) % 12)
    )
    assert_mixed(files_of(odd), "which differ in AcquisitionNumber")


def test_a_localizer_among_the_slices_is_refused_alone() -> None:
    """By its ImageType, by its description, or as two of three directions with too few slices."""
    across = [np.roll(np.eye(3), shift, axis=1) for shift in range(3)]

    def named(**tags: object) -> Change:
        return put(SeriesInstanceUID="1.2.826.0.1.1", **tags)

    def reasons(*others: Phantom) -> list[tuple[int, str | None]]:
        found = candidates(files_of(series(slices=8, directions=across[0]), *others))
        return [(len(one.slices), one.reason) for one in found]

    typed = series(
        slices=1, directions=across[1], uid="2", change=named(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    )
    described = series(slices=1, directions=across[2], uid="3", change=named(SeriesDescription="Scout"))
    assert reasons(typed) == reasons(described) == [(8, None), (1, "localizer")]
    planes = [series(slices=1, directions=across[n], uid=f"{n + 4}", change=named()) for n in (1, 2)]
    assert reasons(*planes) == [(8, None), (1, "localizer"), (1, "localizer")]
