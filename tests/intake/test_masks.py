"""A mask is the mask of its image or refused by name, never a case: collections as they are published, in small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from medtl.imaging.for_intake import UnreadableScan
from medtl.intake.mask_file import read_mask
from medtl.intake.masks import Parted, parted
from medtl.intake.name_parts import is_mask_part, parts_of, role_of_folder, without_words
from medtl.intake.pixel_look import look_at

Intake = Callable[..., Any]
PICTURES = (".png", ".jpg", ".jpeg", ".tif")


def put_image(path: Path, seed: int) -> None:
    """Noise on a slope, so that no two are alike and many values occur."""
    chance = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in PICTURES:
        Image.fromarray(chance.integers(0, 256, (40, 48)).astype(np.uint8)).save(path)
    else:
        nibabel.save(nibabel.Nifti1Image(chance.integers(0, 900, (12, 10, 8)).astype(np.int16), np.eye(4)), path)


def put_mask(path: Path, *, empty: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in PICTURES:
        drawn = np.zeros((40, 48), np.uint8)
        drawn[10:30, 8:33] = 0 if empty else 255
        Image.fromarray(drawn).save(path)
    else:
        drawn = np.zeros((12, 10, 8), np.uint8)
        drawn[3:9, 2:8, 1:6] = 0 if empty else 1
        nibabel.save(nibabel.Nifti1Image(drawn, np.eye(4)), path)


def sorted_out(root: Path, images: list[str], masks: list[str], *, pattern: str | None = None) -> Parted:
    for number, name in enumerate(images):
        put_image(root / name, number)
    for name in masks:
        put_mask(root / name)
    paths = sorted(root / name for name in [*images, *masks])
    volumes = paths[0].suffix not in PICTURES
    return parted(paths, root, workers=2, pattern=pattern, volumes=volumes)


LAYOUTS = {
    "busi": [("benign/benign (1).png", "benign/benign (1)_mask.png"), ("normal/normal (1).png",
             "normal/normal (1)_mask.png")],
    "folders": [("images/p01.png", "masks/p01.png"), ("images/p02.png", "masks/p02.png")],
    "split above": [("train/images/1.jpg", "train/masks/1.png"), ("test/images/1.jpg", "test/masks/1.png")],
    "split below": [("images/train/1.jpg", "masks/train/1.png"), ("images/test/1.jpg", "masks/test/1.png")],
    "ground truth in jpeg": [("Original/7.png", "Ground Truth/7.jpg"), ("Original/8.png", "Ground Truth/8.jpg")],
    "images and GT": [("Images/7.tif", "GT/7.png"), ("Images/8.tif", "GT/8.png")],
    "decathlon": [("imagesTr/a.nii.gz", "labelsTr/a.nii.gz"), ("imagesTr/b.nii.gz", "labelsTr/b.nii.gz")],
    "isic": [("ISIC_Training_Input/ISIC_0001.jpg", "ISIC_Training_GroundTruth/ISIC_0001_segmentation.png")],
    "chase, one reader": [("Image_01L.jpg", "Image_01L_1stHO.png"), ("Image_01R.jpg", "Image_01R_1stHO.png")],
    "drive": [("images/21_training.tif", "1st_manual/21_manual1.png"), ("images/22_training.tif",
              "1st_manual/22_manual1.png")],
    "lits": [("volume-0.nii", "segmentation-0.nii"), ("volume-10.nii", "segmentation-10.nii")],
    "kits": [("case_00/imaging.nii.gz", "case_00/segmentation.nii.gz")],
    "mmwhs": [("ct_train_1_image.nii.gz", "ct_train_1_label.nii.gz")],
    "acdc": [("p1/patient001_frame01.nii.gz", "p1/patient001_frame01_gt.nii.gz"),
             ("p1/patient001_frame12.nii.gz", "p1/patient001_frame12_gt.nii.gz")],
    "slicer": [("P1/ct.nii.gz", "P1/ct-label.nii.gz"), ("P2/ct.nii.gz", "P2/ct-label.nii.gz")],
    "nucleus": [("id1/images/id1.png", "id1/masks/cell.png"), ("id2/images/id2.png", "id2/masks/cell.png")],
    "folder of masks below": [("a/one.png", "a/mask/one.png"), ("b/one.png", "b/mask/one.png")],
    "lung fields": [("CXR_png/M_0001_0.png", "mask/M_0001_0_mask.png")],
    "nested name": [("Kvasir-SEG/images/x.jpg", "Kvasir-SEG/masks/x.jpg"), ("other/images/y.jpg",
                    "other/masks/y.jpg")],
    "no word at all": [("P1/IM1.png", "P1/IM1_lesion.png"), ("P2/IM2.png", "P2/IM2_lesion.png")],
    "organ by name": [("P1/ct.nii.gz", "P1/liver.nii.gz"), ("P2/ct.nii.gz", "P2/liver.nii.gz")],
    "sibling without a word": [(f"scans_a/{n}.png", f"drawn/{n}.png") for n in range(4)],
    "prefix": [("x/a.png", "x/mask_a.png"), ("x/b.png", "x/mask_b.png")],
    "glued numbers": [("images/image001.nii.gz", "masks/mask001.nii.gz"), ("images/image002.nii.gz",
                      "masks/mask002.nii.gz")],
    "splits in the names of folders": [(f"{part}_images/1.png", f"{part}_masks/1.png") for part in ("train", "test")],
    "nnu-net splits": [(f"images{part}/1.nii.gz", f"labels{part}/1.nii.gz") for part in ("Tr", "Ts")],
    "words before": [("d/img_1.png", "d/gt_1.png"), ("d/img_2.png", "d/gt_2.png")],
    "german": [("Bilder/a.png", "Masken/a.png"), ("Bilder/b.png", "Masken/b.png")],
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_mask_finds_its_image(layout: str, tmp_path: Path) -> None:
    pairs = LAYOUTS[layout]
    found = sorted_out(tmp_path, [image for image, _ in pairs], [mask for _, mask in pairs])
    assert {(str(i.relative_to(tmp_path)), str(m.relative_to(tmp_path))) for i, m in found.mask_of.items()} == set(
        pairs
    )
    assert len(found.images) == len(pairs)
    assert not found.refusals
    assert any(f"{len(pairs)} masks were found" in note for note in found.notes)


@pytest.mark.parametrize("stem", ["{0}/{0}_", "{0}/", "{0}-"])
def test_the_sequences_of_a_patient_share_their_mask(stem: str, tmp_path: Path) -> None:
    images = [f"{stem.format(p)}{s}.nii.gz" for p in ("B20_001", "B20_002") for s in ("t1", "t1ce", "t2", "flair")]
    masks = [f"{stem.format(p)}seg.nii.gz" for p in ("B20_001", "B20_002")]
    found = sorted_out(tmp_path, images, masks)
    assert {str(path.relative_to(tmp_path)) for path in found.images} == set(images)
    for image, mask in found.mask_of.items():
        assert mask.name.endswith("seg.nii.gz")
        assert str(mask.relative_to(tmp_path))[:7] == str(image.relative_to(tmp_path))[:7]
    assert len(found.mask_of) == 8


@pytest.mark.parametrize("masks", ["seg", "tumor"])
def test_sequences_in_folders_of_their_own_share_the_mask_of_their_name(masks: str, tmp_path: Path) -> None:
    images = [f"{s}/{p:03d}.nii.gz" for s in ("t1", "FLAIR") for p in range(3)]
    found = sorted_out(tmp_path, images, [f"{masks}/{p:03d}.nii.gz" for p in range(3)])
    assert len(found.images) == len(found.mask_of) == 6
    assert all(image.name == mask.name for image, mask in found.mask_of.items())


def test_a_mask_without_an_image_is_refused_and_never_a_case(tmp_path: Path) -> None:
    found = sorted_out(tmp_path, ["a.png", "b_left.png", "b_right.png"], ["a_mask.png", "b_mask.png", "z_seg.png"])
    assert {(str(one.files[0].relative_to(tmp_path)), one.reason) for one in found.refusals} == {
        ("b_mask.png", "mask_of_several"), ("z_seg.png", "mask_without_image"),
    }  # fmt: skip
    sentences = {one.reason: one.sentence for one in found.refusals}
    assert "no image here has a name that goes with it. Put it beside its image" in sentences["mask_without_image"]
    assert "several images could be meant. Give it the name of its image" in sentences["mask_of_several"]
    assert [path.name for path in found.images] == ["a.png", "b_left.png", "b_right.png"]


def test_several_masks_are_not_united_but_one_can_be_chosen(tmp_path: Path) -> None:
    images = ["Image_01L.jpg", "Image_01R.jpg"]
    masks = [f"{name[:-4]}_{reader}HO.png" for name in images for reader in ("1st", "2nd")]
    found = sorted_out(tmp_path, images, masks)
    assert {one.reason for one in found.refusals} == {"several_masks"}
    assert (len(found.refusals), len(found.images), found.mask_of) == (4, 2, {})
    assert "they are not united, as they may be of several readers or organs: choose with --mask PATTERN." in (
        found.refusals[0].sentence
    )
    assert any("4 masks are of images that have several" in note for note in found.notes)
    for pattern in ("*_1stHO*", "*1STHO.png"):
        chosen = sorted_out(tmp_path, images, masks, pattern=pattern)
        assert {mask.name for mask in chosen.mask_of.values()} == {"Image_01L_1stHO.png", "Image_01R_1stHO.png"}
        assert {one.reason for one in chosen.refusals} == {"other_mask"}


@pytest.mark.parametrize("second", ["benign (1)_mask_1.png", "benign (1)_mask_2.png"])
def test_a_numbered_second_mask_is_of_the_same_image(second: str, tmp_path: Path) -> None:
    found = sorted_out(tmp_path, ["benign (1).png", "benign (11).png"], ["benign (1)_mask.png", second])
    assert [one.reason for one in found.refusals] == ["several_masks"] * 2


def test_few_values_without_a_partner_stay_a_case_with_a_note(tmp_path: Path) -> None:
    found = sorted_out(tmp_path, ["a.png", "b.png"], ["shape.png"])
    assert [path.name for path in found.images] == ["a.png", "b.png", "shape.png"]
    assert any("1 of 3 images take few values, as masks do" in note for note in found.notes)


def test_a_collection_of_drawn_shapes_stays_one_of_images(tmp_path: Path) -> None:
    found = sorted_out(tmp_path, [], [f"{label}/{n}.png" for label in ("a", "b") for n in range(3)])
    assert (len(found.images), found.mask_of, found.refusals) == (6, {}, ())


def test_a_name_alone_makes_no_mask(tmp_path: Path) -> None:
    """Folders and files that are called so, but hold images of many values."""
    found = sorted_out(tmp_path, ["label_0/1.png", "label_0/2.png", "label_1/3.png", "roi_7.png"], [])
    assert len(found.images) == 4
    assert not found.refusals
    assert any("4 files are called as masks are" in note for note in found.notes)


def test_a_picture_of_many_values_beside_its_image_is_neither(tmp_path: Path) -> None:
    found = sorted_out(tmp_path, ["a.png", "a_seg.png", "b.png", "b_mask.png"], [])
    assert [path.name for path in found.images] == ["a.png", "b.png"]
    assert {one.reason for one in found.refusals} == {"not_a_mask"}
    assert "its pixels take many values: neither a mask that could be used" in found.refusals[0].sentence


def test_a_damaged_mask_is_refused_alone(tmp_path: Path) -> None:
    put_image(tmp_path / "a.png", 1)
    put_mask(tmp_path / "a_mask.png")
    (tmp_path / "a_mask.png").write_bytes((tmp_path / "a_mask.png").read_bytes()[:60])
    found = parted(sorted(tmp_path.iterdir()), tmp_path, workers=1, pattern=None, volumes=False)
    assert [one.reason for one in found.refusals] == ["mask_unreadable"]
    assert "cannot be read" in found.refusals[0].sentence
    assert [path.name for path in found.images] == ["a.png"]


def test_a_sibling_of_another_size_is_no_mask_without_a_name(tmp_path: Path) -> None:
    put_image(tmp_path / "a.png", 1)
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(tmp_path / "a_x.png")
    found = parted(sorted(tmp_path.iterdir()), tmp_path, workers=1, pattern=None, volumes=False)
    assert len(found.images) == 2


def test_labels_do_not_make_a_mask_a_case(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "set"
    for number in range(4):
        put_image(folder / "images" / f"p{number}.png", number)
        put_mask(folder / "masks" / f"p{number}.png", empty=number == 3)
    labels = tmp_path / "labels.csv"
    labels.write_text("case,patient_id,label\n" + "".join(f"p{n},P{n},{'ab'[n % 2]}\n" for n in range(4)))
    taken = intake(folder, "--labels", labels)
    assert taken.counts == (8, 8, 0)
    assert [row["label"] for row in taken.cases] == ["a", "b", "a", "b"]
    drawn = [np.asarray(Image.open(taken.manifest.parent / row["mask"])).sum() for row in taken.cases]
    assert drawn == [255 * 20 * 25] * 3 + [0]


@pytest.mark.parametrize(
    ("values", "few"),
    [
        (np.zeros((30, 30)), True), (np.eye(30), True), (np.arange(900).reshape(30, 30) % 256, False),
        (np.kron(np.arange(25).reshape(5, 5), np.ones((12, 12))), True),
        (np.kron(np.arange(225).reshape(15, 15), np.ones((9, 9))), True),
        (np.random.default_rng(0).normal(100, 20, (60, 60)).clip(0, 255), False),
        (np.tile(np.linspace(0, 255, 64), (64, 1)), False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", [".png", ".tif", ".nii", ".nii.gz"])
def test_few_values_are_seen_in_every_format(values: np.ndarray, few: bool, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    small = values.astype(np.uint8)
    if ending in PICTURES:
        Image.fromarray(small).save(path)
    else:
        nibabel.save(nibabel.Nifti1Image(np.repeat(small[..., None], 3, 2), np.eye(4)), path)
    assert look_at(path).is_few == few


def test_a_large_scan_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    Image.fromarray(chance.integers(0, 256, (400, 400)).astype(np.uint8)).save(tmp_path / "a.png")
    nibabel.save(
        nibabel.Nifti1Image(chance.integers(0, 900, (50, 50, 50)).astype(np.int16), np.eye(4)), tmp_path / "b.nii.gz"
    )

    def unpacked(*_: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr("medtl.intake.pixel_look._judged", unpacked)
    assert look_at(tmp_path / "a.png").shape == (400, 400)
    assert look_at(tmp_path / "b.nii.gz").shape == (50, 50, 50)


@pytest.mark.parametrize("offset", [40, 42, 70, 72, 76, 108])
def test_a_header_that_cannot_be_believed_gives_no_look_and_states_nothing(
    offset: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Dimensions, data type, bits, voxel sizes and offset of a NIfTI header, overwritten."""
    put_mask(tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    for value in (b"\xff\x7f", b"\x00\x00", b"\xff\xff", b"\xfe\x41"):
        content[offset : offset + 2] = value
        (tmp_path / "a.nii").write_bytes(content)
        look_at(tmp_path / "a.nii")
    assert capfd.readouterr() == ("", "")


def test_a_mask_saved_as_jpeg_is_kept_as_two_values(tmp_path: Path) -> None:
    drawn = np.zeros((200, 240), np.uint8)
    drawn[50:150, 60:180] = 255
    Image.fromarray(drawn).save(tmp_path / "a.jpg", quality=75)
    assert len(np.unique(np.asarray(Image.open(tmp_path / "a.jpg")))) > 2
    assert look_at(tmp_path / "a.jpg").is_soft
    np.testing.assert_array_equal(read_mask(tmp_path / "a.jpg").pixels[0], drawn)
    Image.fromarray(np.repeat(drawn[..., None], 3, 2)).save(tmp_path / "b.png")
    assert read_mask(tmp_path / "b.png").pixels.shape == (1, 200, 240)


def test_ground_truth_in_gif_is_a_mask_and_a_gif_alone_is_no_image(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "DRIVE"
    for number in (21, 22):
        put_image(folder / "images" / f"{number}_training.tif", number)
        for parent, name in (("1st_manual", f"{number}_manual1"), ("mask", f"{number}_training_mask")):
            put_mask(folder / parent / f"{name}.png")
            Image.open(folder / parent / f"{name}.png").save(folder / parent / f"{name}.gif")
            (folder / parent / f"{name}.png").unlink()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48)).astype(np.uint8)).save(folder / "logo.gif")
    taken = intake(folder, "--patients-from", "file", "--mask", "*manual1*")
    assert taken.counts == (7, 4, 3)
    assert sorted(row["reason"] for row in taken.refusals) == ["other_mask", "other_mask", "unsupported_format"]
    drawn = np.asarray(Image.open(taken.manifest.parent / taken.cases[0]["mask"]))
    assert (drawn.sum(), drawn.max()) == (255 * 20 * 25, 255)
    frames = [Image.fromarray(np.full((40, 48), value, np.uint8)) for value in (0, 200)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableScan, match="a GIF of several frames, or larger than any picture"):
        read_mask(tmp_path / "two.gif")
    (tmp_path / "cut.gif").write_bytes(b"GIF89a")
    with pytest.raises(UnreadableScan, match="a GIF that cannot be decoded"):
        read_mask(tmp_path / "cut.gif")


def test_a_volume_of_another_format_is_looked_at_too(tmp_path: Path) -> None:
    header = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 6 5 4\nspacings: 1 1 1\nencoding: raw\n\n"
    (tmp_path / "a.nrrd").write_bytes(header + bytes(60) + bytes([1]) * 60)
    look = look_at(tmp_path / "a.nrrd")
    assert (look.shape, look.is_few) == ((6, 5, 4), True)


def test_names_in_parts_and_the_words_in_them() -> None:
    assert parts_of("benign (1)_mask-2.x") == ("benign", "1", "mask", "2", "x")
    assert [word for word in ("leftMask", "labelsTr", "GroundTruth", "1stHO", "unmasked", "segment", "ground", "maps",
            "lung", "seg", "manual1", "roi") if is_mask_part(word)] == ["leftMask", "labelsTr", "GroundTruth", "1stHO",
            "seg", "manual1", "roi"]  # fmt: skip
    assert [role_of_folder(name) for name in ("Ground Truth", "2. All Segmentation Groundtruths", "1. Original Images",
            "CXR_png", "imagesTs")] == ["mask", "mask", "image", "", "image"]  # fmt: skip
    assert without_words(parts_of("ct_train_1_image")) == ("ct", "train", "1")
