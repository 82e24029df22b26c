"""A survey of pixels looks at whatever lies in a folder: no file may end the intake."""

from __future__ import annotations

from pathlib import Path

import pytest
from nibabel.wrapstruct import WrapStructError

from medtl.intake import mask_file, pixel_look
from medtl.intake.file_offer import _companions
from medtl.intake.pixel_look import PixelFacts, look_at


class OfItsOwnKind(BaseException):
    """A fault that derives from nothing a reader is expected to raise, as a decoder in another language may have."""


@pytest.mark.parametrize("fault", [WrapStructError("magic"), RecursionError(), OfItsOwnKind(), MemoryError()])
def test_a_file_whose_reader_fails_in_any_way_has_an_empty_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def read_scan(_path: Path) -> None:
        raise fault

    monkeypatch.setattr(pixel_look, "read_scan", read_scan)
    file = tmp_path / "a.mha"
    file.write_bytes(b"ObjectType = Image\n")
    assert look_at(file) == PixelFacts()


def test_a_damaged_gif_beside_the_scans_has_an_empty_look_and_is_no_mask(tmp_path: Path) -> None:
    file = tmp_path / "a_mask.gif"
    file.write_bytes(b"GIF89a" + bytes(40))
    assert look_at(file) == PixelFacts()
    with pytest.raises(mask_file.UnreadableScan, match="a GIF that cannot be decoded"):
        mask_file.read_mask(file)


def test_a_header_that_names_no_file_has_no_companions(tmp_path: Path) -> None:
    file = tmp_path / "a.mhd"
    file.write_bytes(bytes(range(256)))
    assert _companions(file) == ()
