"""Words of headers go out only as the defined terms that they are; a name in their place does not."""

from __future__ import annotations

import pytest

from medtl.imaging.dicom import header_text as words
from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.scan import undecodable

NAME = "CANARY^JANE"


@pytest.mark.parametrize("terms", [words.MODALITIES, words.PHOTOMETRIC, words.VOI_FUNCTIONS, words.RESCALE_TYPES,
    words.PET_UNITS, words.PRESENTATION_INTENTS, words.YES_OR_NO])  # fmt: skip
def test_each_defined_term_is_known_however_it_is_written_and_nothing_else(terms: frozenset[str]) -> None:
    for term in terms:
        assert words.known_word(f" {term.lower()}  ", terms) == term
        assert words.known_word(f"{term} {NAME}", terms) == words.ANOTHER_VALUE
    assert words.known_word("", terms) == ""


@pytest.mark.parametrize(
    ("text", "maker"),
    [("SIEMENS", "Siemens"), ("Siemens Healthineers", "Siemens"), ("GE MEDICAL SYSTEMS", "GE"), ("GE", "GE"),
     ("Philips Medical Systems", "Philips"), ("FUJIFILM Corporation", "Fujifilm"), ("TOSHIBA_MEC", "Toshiba"),
     ("UIH", "United Imaging"), ("Hologic, Inc.", "Hologic"), ("Gerald", "another value"), ("", ""),
     (NAME, "another value"), ("GEORGE SMITH", "another value")],
)  # fmt: skip
def test_a_maker_is_written_as_it_is_usually_called(text: str, maker: str) -> None:
    assert words.manufacturer_of(text) == maker


@pytest.mark.parametrize("text", ["Prisma_fit", "LightSpeed VCT", "SIGNA HDxt", "Brilliance 64", "Aquilion ONE",
    "Selenia Dimensions", "SOMATOM Definition AS+", "Achieva dStream", "DISCOVERY MR750w"])  # fmt: skip
def test_scanners_keep_their_names(text: str) -> None:
    assert words.model_of(text).casefold().replace(" ", "") == text.casefold().translate(str.maketrans("", "", " _+"))


@pytest.mark.parametrize("text", [NAME, "Signa Jane", "19610203", "8472", "MRN-8472"])
def test_a_model_that_is_no_known_scanner_is_not_repeated(text: str) -> None:
    assert words.model_of(text) == words.ANOTHER_VALUE


def test_numbers_keep_too_few_digits_to_be_an_identity() -> None:
    assert [words.short_number(value) for value in (84721234.0, 0.5, float("nan"), None)] == [
        "8.47e+07", "0.5", "not a number", "none",
    ]  # fmt: skip


def test_what_is_known_of_a_header_holds_no_word_of_its_own_where_a_term_belongs() -> None:
    header = ImageHeader(modality=NAME, photometric=NAME, burned_in=NAME, manufacturer=NAME, model=NAME)
    assert {header.modality, header.photometric, header.burned_in} == {words.ANOTHER_VALUE}
    assert NAME not in repr(header)
    assert ImageHeader(modality="ct ", photometric="monochrome2", burned_in="no").modality == "CT"


def test_the_words_of_a_fault_are_not_repeated() -> None:
    message = str(undecodable("DICOM", ValueError(f"could not convert string to float: {NAME!r}")))
    assert NAME not in message
    assert "cannot be decoded (ValueError)" in message
    assert undecodable("DICOM", ValueError(f"{NAME} is truncated")).reason == "truncated"
    assert words.kind_of_fault(KeyError(NAME)) == "KeyError"
    with pytest.raises(Exception, match="holds no image") as caught:
        dicom_header(bytes(128) + b"DICM" + NAME.encode())
    assert NAME not in str(caught.value)
