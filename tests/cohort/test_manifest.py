"""Manifests, good and bad, and the messages about them."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from medtl.cohort import Cohort, ManifestSettings, read_manifest
from medtl.cohort.delimited import SIZE_LIMIT_BYTES
from medtl.cohort.manifest import LINES_SHOWN
from medtl.cohort.patient_ids import no_id
from medtl.errors import ConfigurationError, DataRefused

GOOD = """case_id,patient_id,image,label,site,sex,age_years
a,P1,x/1.png,sick,north,F,63
b,P1,x/2.png,sick,north,F,63
c,P2,x/3.png,well,south,M,
d,P3,x/4.png,well,south,M,41.5
"""


def manifest(folder: Path, text: str | bytes, name: str = "manifest.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(folder: Path, text: str | bytes, **named: object) -> str:
    with pytest.raises(DataRefused) as caught:
        read_manifest(manifest(folder, text), ManifestSettings(**named))
    return str(caught.value)


def test_a_good_manifest_becomes_a_cohort_in_its_order(tmp_path: Path) -> None:
    cohort = read_manifest(manifest(tmp_path, GOOD))
    assert [case.case_id for case in cohort.cases] == list("abcd")
    assert [case.line for case in cohort.cases] == [2, 3, 4, 5]
    assert cohort.patients == ("P1", "P2", "P3")
    assert (cohort.classes, cohort.positive_class) == (("sick", "well"), "well")
    assert cohort.covariates == ("site", "sex", "age_years")
    assert [case.covariates["age_years"] for case in cohort.cases] == [63.0, 63.0, None, 41.5]
    assert cohort.cases[0].image == tmp_path.resolve() / "x" / "1.png"
    assert "positive class is well" in cohort.notes[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_delimiter_byte_order_mark_and_line_ends_do_not_matter(
    tmp_path: Path, delimiter: str, start: bytes, end: str
) -> None:
    text = GOOD.replace(",", delimiter).replace("\n", end)
    assert read_manifest(manifest(tmp_path, start + text.encode())) == read_manifest(manifest(tmp_path, GOOD))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_text_as_excel_saves_it_is_read(tmp_path: Path, encoding: str) -> None:
    text = GOOD.replace(",", "\t") if encoding == "utf-16" else "\ufeff" + GOOD.replace(",", "\t")
    assert read_manifest(manifest(tmp_path, text.encode(encoding))) == read_manifest(manifest(tmp_path, GOOD))


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_excels_line_that_names_the_delimiter_is_no_row(tmp_path: Path, first: str) -> None:
    cohort = read_manifest(manifest(tmp_path, first + GOOD.replace(",", ";")))
    assert cohort.classes == ("sick", "well")
    assert [case.line for case in cohort.cases] == [3, 4, 5, 6], "lines are those of the file"


def test_a_delimiter_that_only_the_first_line_names_is_used(tmp_path: Path) -> None:
    assert len(read_manifest(manifest(tmp_path, "sep=!\n" + GOOD.replace(",", "!"))).cases) == 4


def test_empty_columns_and_cells_that_a_spreadsheet_adds_are_left_away(tmp_path: Path) -> None:
    plain = read_manifest(manifest(tmp_path, GOOD))
    trailing = "".join(f"{line},,,\n" for line in GOOD.splitlines()) + ",,,,,,,,,\n,,,\n"
    assert read_manifest(manifest(tmp_path, trailing)) == plain
    only_below = "\n".join([GOOD.splitlines()[0], *(f"{line},," for line in GOOD.splitlines()[1:])])
    assert read_manifest(manifest(tmp_path, only_below)) == plain
    between = "\n".join(",".join([*line.split(",")[:2], "", *line.split(",")[2:]]) for line in GOOD.splitlines())
    assert read_manifest(manifest(tmp_path, between)) == plain
    message = refused(tmp_path, GOOD.replace("sick,north,F,63\nb", "sick,north,F,63,9\nb"))
    assert "line 2: has 8 cells, the header has 7" in message


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"PK\x03\x04\x14\x00[Content_Types].xml", r"a spreadsheet \(.xlsx, .ods\)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an old Excel workbook \(.xls\)"),
        (b"\x1f\x8b\x08\x00", r"a compressed file \(gzip\)"),
        (b"<html><table>", "an HTML page"),
        (b"$FL2@(#) SPSS", r"an SPSS table \(.sav\)"),
        (b"PAR1\x15", "a Parquet table"),
    ],
)
def test_a_file_of_another_format_is_called_by_its_name(tmp_path: Path, start: bytes, name: str) -> None:
    with pytest.raises(DataRefused, match=rf"The manifest manifest\.csv is {name}.*not a CSV\. Save it as CSV UTF-8"):
        read_manifest(manifest(tmp_path, start + bytes(200)))


def test_quoted_cells_may_hold_delimiters_quotes_umlauts_and_tags(tmp_path: Path) -> None:
    text = 'patient_id,image,label\n"Müller, ""Ö""","a b/ä\'<script>.png",sick\nP2,2.png,well\n'
    case = read_manifest(manifest(tmp_path, text)).cases[0]
    assert case.patient_id == 'Müller, "Ö"'
    assert case.image.name == "ä'<script>.png"


def test_composed_and_decomposed_umlauts_are_one_patient(tmp_path: Path) -> None:
    text = "patient_id,image,label\nMu\u0308ller,1.png,sick\nM\u00fcller,2.png,well\n"
    assert read_manifest(manifest(tmp_path, text)).patients == ("M\u00fcller",)


def test_blank_lines_are_passed_over_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    text = '\npatient_id;image;label\n;;\nP1;"1.png";sick\n\nP2;2.png;well\n'
    assert [case.line for case in read_manifest(manifest(tmp_path, text)).cases] == [4, 6]


def test_missing_columns_are_named_with_what_exists_and_the_closest(tmp_path: Path) -> None:
    message = refused(tmp_path, "patientID,Image,diagnosis\nP1,1.png,sick\n")
    assert "lacks 3 columns" in message
    assert "'patient_id' for the patient; did you mean 'patientID'?" in message
    assert "'image' for the image; did you mean 'Image'?" in message
    assert "'label' for the label\n" in message
    assert "It has: patientID, Image, diagnosis" in message


def test_a_named_covariate_or_split_that_does_not_exist_is_a_missing_column(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD, covariates=("scanner",), split_column="fold")
    assert "'scanner' for the covariate" in message
    assert "'fold' for the split" in message


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "two columns named 'label'" in refused(tmp_path, "patient_id,image,label,label\nP,1.png,a,b\n")


def test_every_faulty_line_stands_in_one_message(tmp_path: Path) -> None:
    text = (
        "case_id,patient_id,image,label,age_years\n"
        "a,P1,1.png,sick,63\n"
        "a,P2,2.png,well,sixty\n"
        ",P3,3.png,well,63\n"
        "d,,4.png,well,63\n"
        "e,P5,,well,999\n"
        "f,P6,1.png,well,63\n"
        "g,P7,7.png,well\n"
        "h,P8,../8.png,well,\n"
    )
    message = refused(tmp_path, text)
    for expected in (
        "7 faulty lines",
        "line 3: column age_years is 'sixty', not a number",
        "line 4: column case_id is empty",
        "line 5: column patient_id is empty",
        "line 6: column image is empty",
        "line 6: column age_years is 999, not between 0 and 130 years",
        "line 7: the image in image is the same file as in line 2",
        "line 8: has 4 cells, the header has 5",
        "line 9: the image path in image leads out of the data root",
    ):
        assert expected in message


def test_a_repeated_case_id_is_refused_with_both_lines(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD.replace("\nb,", "\na,"))
    assert "line 3: the id in case_id is already used in line 2" in message


def test_a_long_list_of_faults_is_cut_and_counted_but_whole_in_the_facts(tmp_path: Path) -> None:
    text = "patient_id,image,label\n" + "".join(f",{n}.png,sick\n" for n in range(50))
    with pytest.raises(DataRefused, match=f"and {50 - LINES_SHOWN} more") as caught:
        read_manifest(manifest(tmp_path, text))
    assert len(caught.value.facts["faults"]) == 50
    assert str(caught.value).count("line ") <= LINES_SHOWN + 4


def test_unknown_labels_are_named_with_the_closest_class(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD.replace("4.png,well", "4.png,wel"), classes=("well", "sick"))
    assert "line 5: the label 'wel' is not one of well, sick; did you mean 'well'?" in message


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    assert "needs at least two classes" in refused(tmp_path, GOOD.replace("well", "sick"))


def test_a_named_class_without_a_case_is_refused(tmp_path: Path) -> None:
    assert "no case has the label 'dead'" in refused(tmp_path, GOOD, classes=("well", "sick", "dead"))


def test_labels_that_differ_in_capitals_only_are_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD.replace("4.png,well", "4.png,Well"))
    assert "differ only in capitals" in message


def test_a_missing_label_is_an_exclusion_by_name_and_not_an_error(tmp_path: Path) -> None:
    cohort = read_manifest(manifest(tmp_path, GOOD.replace("4.png,well", "4.png,")))
    assert [(gone.case_id, gone.line, gone.reason) for gone in cohort.exclusions] == [("d", 5, "no_label")]
    assert len(cohort.cases) == 3


def test_labels_left_out_are_exclusions_by_name(tmp_path: Path) -> None:
    text = GOOD + "e,P4,x/5.png,unsure,south,M,50\n"
    cohort = read_manifest(manifest(tmp_path, text), ManifestSettings(leave_out_labels=("unsure",)))
    assert cohort.classes == ("sick", "well")
    assert [(gone.case_id, gone.reason) for gone in cohort.exclusions] == [("e", "label_left_out")]
    assert "unsure" in cohort.exclusions[0].detail


def test_leaving_out_a_label_that_nobody_has_is_refused(tmp_path: Path) -> None:
    assert "leave_out_labels names 'unsur'" in refused(tmp_path, GOOD, leave_out_labels=("unsur",))


def test_the_positive_class_comes_last(tmp_path: Path) -> None:
    path = manifest(tmp_path, GOOD)
    assert read_manifest(path, ManifestSettings(positive_class="sick")).classes == ("well", "sick")
    chosen = read_manifest(path, ManifestSettings(classes=("well", "sick"), positive_class="well"))
    assert chosen.classes == ("sick", "well")
    assert chosen.notes[0] == "The positive class is well, as positive_class in the study says."


def test_a_positive_class_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    assert "positive_class is 'ill', but the classes are sick, well" in refused(tmp_path, GOOD, positive_class="ill")


def test_numbered_classes_are_in_numerical_order(tmp_path: Path) -> None:
    text = "patient_id,image,label\n" + "".join(f"P{n},{n}.png,{label}\n" for n, label in enumerate((10, 9, 2)))
    assert read_manifest(manifest(tmp_path, text)).classes == ("2", "9", "10")


def test_a_patient_with_two_labels_is_allowed_and_reported_without_naming_the_patient(tmp_path: Path) -> None:
    cohort = read_manifest(manifest(tmp_path, GOOD.replace("2.png,sick", "2.png,well")))
    assert any("1 patient has cases of more than one class (first seen in manifest line 2)" in n for n in cohort.notes)
    assert not any("P1" in note for note in cohort.notes)


def test_ids_derived_from_the_path_stay_when_rows_move(tmp_path: Path) -> None:
    lines = [f"P{n},{n}.png,{'ab'[n % 2]}\n" for n in range(20)]
    before = read_manifest(manifest(tmp_path, "patient_id,image,label\n" + "".join(lines)))
    random.Random(1).shuffle(lines)
    after = read_manifest(manifest(tmp_path, "patient_id,image,label\n" + "".join(lines)))
    assert {c.image: c.case_id for c in before.cases} == {c.image: c.case_id for c in after.cases}
    assert len({c.case_id for c in before.cases}) == 20


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("../out.png", "leads out of the data root"),
        ("a/../../out.png", "leads out of the data root"),
        ("/etc/passwd", "leads out of the data root"),
        ("/dev/zero", "leads out of the data root"),
        ("/proc/self/mem", "leads out of the data root"),
        ("link/out.png", "leads out of the data root"),
        ("link.png", "leads out of the data root"),
        ("..", "leads out of the data root"),
        ("series", "is a folder with a link that leads out of the data root: copy the file there or set data_root"),
        (".", "names the data root itself"),
        ("C:\\scans\\1.png", "Windows drive"),
        ("\\\\server\\1.png", "Windows drive"),
        ("a\x07.png", "control character"),
        ("x" * 256, "name longer than 255 bytes"),
        ("y/" * 2500 + "1.png", "longer than 4095 bytes"),
    ],
)
def test_a_path_that_leaves_the_data_root_is_refused_and_never_repeated(tmp_path: Path, cell: str, why: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "link.png").symlink_to("/etc/hostname")
    (root / "series").mkdir()
    (root / "series" / "2").symlink_to("/etc/passwd")
    message = refused(root, f"patient_id,image,label\nP1,{cell},a\nP2,2.png,b\n")
    assert "line 2: the image path in image" in message
    assert why in message
    assert "passwd" not in message


def test_absolute_paths_and_links_inside_the_data_root_are_allowed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "real").mkdir(parents=True)
    (root / "link").symlink_to(root / "real")
    (root / "real" / "1").symlink_to(root / "elsewhere")
    text = f"patient_id,image,label\nP1,{root}/1.png,a\nP2,link/2.png,b\nP3,real,b\n"
    cohort = read_manifest(manifest(tmp_path, text), ManifestSettings(data_root=root))
    assert cohort.cases[1].image == root.resolve() / "real" / "2.png"


def test_a_file_reached_over_a_link_counts_as_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "the same file as in line 2" in refused(
        tmp_path, "patient_id,image,label\nP1,real/1.png,a\nP2,link/1.png,b\n"
    )


def test_backslashes_are_read_as_folders_and_reported(tmp_path: Path) -> None:
    cohort = read_manifest(manifest(tmp_path, "patient_id,image,label\nP1,x\\1.png,a\nP2,x\\2.png,b\n"))
    assert cohort.cases[0].image == tmp_path.resolve() / "x" / "1.png"
    assert any("backslashes" in note for note in cohort.notes)


def test_a_data_root_that_is_no_folder_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="data root 'nowhere' is not a folder"):
        read_manifest(manifest(tmp_path, GOOD), ManifestSettings(data_root=Path("nowhere")))


def test_a_missing_manifest_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.csv does not exist"):
        read_manifest(tmp_path / "nothing.csv")
    with pytest.raises(ConfigurationError, match="is a folder"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        ("patient_id,image,label\nMüller,1.png,a\n".encode("latin-1"), r"not UTF-8 text \(line 2"),
        ("patient_id,image,label\n".encode("utf-16")[:-1], "not whole UTF-16 text"),
        (b"patient_id,image,label\nP\x00,1.png,a\n", "line 2 holds a zero byte"),
        (b"\x89PNG\r\n\x1a\n", r"is a picture, not a CSV\. Save it as CSV UTF-8"),
        (b'patient_id,image,label\nP1,"1.png,a\n', "cannot be split into cells from line 2"),
        (b"patient_id,image,label\n", "holds no labels"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DataRefused, match=why):
        read_manifest(manifest(tmp_path, content))


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.truncate(SIZE_LIMIT_BYTES + 1)
    with pytest.raises(DataRefused, match="more than 67,108,864 are not read"):
        read_manifest(path)


def test_ids_with_line_breaks_or_of_great_length_are_refused(tmp_path: Path) -> None:
    text = f'patient_id,image,label\n"P\n1",1.png,a\n{"P" * 201},2.png,b\n'
    message = refused(tmp_path, text)
    assert (
        "line 2: column patient_id holds a character that cannot be seen (a control character, a line break" in message
    )
    assert "line 4: column patient_id has 201 characters, more than 200" in message


def test_a_no_break_space_is_a_blank_and_other_invisible_characters_are_refused(tmp_path: Path) -> None:
    text = "patient_id,image,label\nP 1,1.png,ja\xa0da\nP 2,2.png,nein\n"
    assert read_manifest(manifest(tmp_path, text)).classes == ("ja da", "nein")
    for unseen in ("\u200b", "\u202e", "\u2009"):
        message = refused(tmp_path, f"patient_id,image,label\nP1,1.png,a\nP{unseen}2,2.png,b\n")
        assert "line 3: column patient_id holds a character that cannot be seen" in message


def test_covariates_are_numbers_only_when_every_cell_is(tmp_path: Path) -> None:
    text = "patient_id,image,label,dose,kv,site\nP1,1.png,a,1e2,90,1\nP2,2.png,b,1_000,,2\n"
    cohort = read_manifest(manifest(tmp_path, text), ManifestSettings(covariates=("dose", "kv", "site")))
    assert cohort.cases[0].covariates == {"dose": "1e2", "kv": 90.0, "site": "1"}
    assert cohort.cases[1].covariates == {"dose": "1_000", "kv": None, "site": "2"}


def test_the_label_column_is_never_a_covariate(tmp_path: Path) -> None:
    cohort = read_manifest(manifest(tmp_path, GOOD), ManifestSettings(label_column="sex"))
    assert cohort.covariates == ("site", "age_years")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"label_column": "image"}, "must differ"),
        ({"classes": ("a",)}, "two or more different names"),
        ({"classes": ("a", "b"), "leave_out_labels": ("b",)}, "named in classes and in leave_out_labels"),
        ({"positive_class": "b", "leave_out_labels": ("b",)}, "also in leave_out_labels"),
        ({"classes": ("a", "b", "c"), "positive_class": "c"}, "is for two classes"),
        ({"classes": ("a", "b"), "positive_class": "c"}, "is not one of classes"),
        ({"covariates": ("fold",)}, "column that medtl writes itself"),
        ({"covariates": ("p_sick",)}, "column that medtl writes itself"),
        ({"covariates": ("kv", "kv")}, "named twice"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(named: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ManifestSettings(**named)


def test_a_manifest_that_says_phantom_on_every_line_makes_a_phantom_cohort(tmp_path: Path) -> None:
    text = "patient_id,image,label,is_phantom\nP1,1.png,a,yes\nP2,2.png,b,{}\n"
    assert read_manifest(manifest(tmp_path, text.format("yes"))).is_phantom
    assert not read_manifest(manifest(tmp_path, text.format("no"))).is_phantom


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    lambda name: no_id(name) is None
)


@settings(max_examples=50, deadline=None)
@given(names=st.lists(NAMES, min_size=2, max_size=8, unique=True), delimiter=st.sampled_from(",;\t"))
def test_any_written_table_is_read_back_cell_for_cell(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], delimiter: str
) -> None:
    import unicodedata

    path = tmp_path_factory.mktemp("any") / "manifest.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(("patient_id", "image", "label"))
        writer.writerows((name, f"{n}.png", "ab"[n % 2]) for n, name in enumerate(names))
    cohort: Cohort = read_manifest(path, ManifestSettings(ids_as_written=True))
    assert [case.patient_id for case in cohort.cases] == [unicodedata.normalize("NFC", name) for name in names]


def test_reading_opens_no_image(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "x" / "1.png")
    assert len(read_manifest(manifest(tmp_path, GOOD)).cases) == 4
