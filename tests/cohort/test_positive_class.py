"""Which class is positive is told first, with the reason, and with a warning where it looks like the healthy one."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtl.cohort import ManifestSettings, read_manifest
from medtl.cohort.positive_class import alphabetical, looks_healthy, positive_class_findings
from medtl.findings import sentences

HEALTHY = (
    "normal Normal NORMAL healthy negative Negativ none no No 0 0.0 control controls Kontrolle benign absent gesund "
    "gesunde sano sain normale négatif negatif témoin gutartig 正常 阴性 良性 정상 well no_finding non-nodule "
    "healthy_control HC CN notumor kein_Tumor sin_lesión unaffected false здоровый سليم"
)
ILL = (
    "Tuberkulose pneumonia abnormal Abnormal unhealthy not_normal positive yes 1 malignant bösartig AD nodule "
    "well_differentiated sick clear_cell case present Nonne 阳性 病变"
)


@pytest.mark.parametrize("name", HEALTHY.split())
def test_names_of_the_healthy_are_known_in_many_languages(name: str) -> None:
    assert looks_healthy(name)
    assert looks_healthy(name.replace("_", " "))


@pytest.mark.parametrize("name", ILL.split())
def test_names_of_the_ill_are_not_taken_for_them(name: str) -> None:
    assert not looks_healthy(name)


def test_the_order_of_labels_has_no_regard_to_capitals_and_accents() -> None:
    labels = ["gesund", "Tuberkulose", "Ödem", "pneumonie", "Zyste", "10", "9"]
    assert sorted(labels, key=alphabetical) == ["9", "10", "gesund", "Ödem", "pneumonie", "Tuberkulose", "Zyste"]


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (("gesund", "Tuberkulose"), "Tuberkulose"),
        (("healthy", "Tuberculosis"), "Tuberculosis"),
        (("Normal", "pneumonia"), "pneumonia"),
        (("no", "YES"), "YES"),
        (("0", "1"), "1"),
        (("Écho", "fièvre"), "fièvre"),
    ],
)
def test_the_positive_class_is_the_last_and_the_first_note_says_so(
    tmp_path: Path, labels: tuple[str, str], positive: str
) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(
        "patient_id,image,label\n" + "".join(f"P{n},{n}.png,{labels[n % 2]}\n" for n in range(4)), encoding="utf-8"
    )
    cohort = read_manifest(path)
    assert cohort.positive_class == positive
    assert cohort.notes[0].startswith(f"The positive class is {positive}, the last label in ")
    assert not any("looks like the healthy one" in note for note in cohort.notes)
    other = next(label for label in labels if label != positive)
    turned = read_manifest(path, ManifestSettings(positive_class=other))
    assert turned.notes[0] == f"The positive class is {other}, as positive_class in the study says."


@pytest.mark.parametrize(
    ("ill", "healthy"), [("bacteria", "normal"), ("ill", "well"), ("krank", "negativ"), ("a", "正常")]
)
def test_a_positive_class_that_looks_healthy_is_warned_of(ill: str, healthy: str) -> None:
    first, warning = sentences(positive_class_findings((ill, healthy), reason="alphabet"))
    assert first.startswith(f"The positive class is {healthy}, ")
    assert f"The positive class {healthy} looks like the healthy one" in warning
    assert f"If {ill} is what is looked for, give positive_class: {ill!r} in the study." in warning
    assert len(sentences(positive_class_findings((healthy, ill), reason="alphabet"))) == 1
    assert "--positive" in sentences(positive_class_findings((ill, healthy), reason="columns"))[1]


def test_three_classes_have_no_positive_one() -> None:
    assert sentences(positive_class_findings(("a", "b", "normal"), reason="alphabet")) == ()
