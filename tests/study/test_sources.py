"""`medtl sources`: from a study to its page, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score
from stored_weights import store_weights

from medtl.encoders import WeightStore
from medtl.record.sources import read_sources

pytestmark = pytest.mark.usefixtures("own_places")


@pytest.fixture(scope="module", autouse=True)
def two_sources(own_places: None) -> None:
    store_weights("first", seed=1, trained_on="ImageNet-1k: photographs")
    store_weights("second", seed=2, architecture="resnet18", trained_on="Scans: of a test", research_only=True)
    store_weights("volumes", seed=3, architecture="resnet10-3d")


def text_of(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))).split())


@pytest.mark.usefixtures("without_pages")
def test_the_store_is_compared_and_each_number_is_that_of_a_run(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any]
) -> None:
    study, folder = tiny.write(encoder="first"), tmp_path / "sources"
    done = medtl("sources", study, "--out", folder)
    assert done.code == 0, done.err
    assert "Not compared, volumes: The encoder volumes takes volumes, but the preparation gives pictures" in done.err
    assert done.out.splitlines()[-1] == str(folder / "sources.html")
    found = read_sources(folder)
    assert [one.name for one in found.candidates] == ["first", "second", "random weights"]
    assert [one.parameters > 1_000_000 for one in found.candidates] == [True] * 3
    assert found.imagenet == "first"
    assert len(found.pairs) == 3

    rows = pd.read_csv(folder / "predictions.csv")
    tested = rows[rows["role"] == "test"]
    for one in found.candidates:
        own = tested[tested["model"] == one.name]
        assert one.auroc.value == pytest.approx(roc_auc_score(own["truth"] == "ill", own["p_ill"]), abs=1e-12)
    assert medtl("run", study, "--out", tmp_path / "run").code == 0
    models = json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]
    (own,) = [one["patient"]["pooled"]["metrics"]["auroc"]["value"] for one in models if one["model"] == "probe"]
    assert found.of("first").auroc.value == pytest.approx(own, abs=1e-12)

    shown = text_of(folder / "sources.html")
    for sentence in (
        *done.out.splitlines()[:-1],
        "p values are corrected for all 3 pairs of 3 rows",
        "For research only, by licence: second.",
        "Not compared: volumes: The encoder volumes takes volumes",
        "What speaks against it. ",
        "3 forward passes a scan",
        "cannot be told apart by AUROC and were trained on other data. They call",
        "Agreement with the probe needs at least three sources.",
        "No LEEP, the weights come without a classifier of their source task that reads these features: first, second",
    ):
        assert sentence in shown, sentence
    assert "Meier" not in "".join(path.read_text("utf-8") for path in folder.glob("*.*"))
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', (folder / "sources.html").read_text("utf-8"))
    disputed = found.disagreement
    assert disputed is not None
    assert [(folder / "disputed" / one.picture).is_file() for one in disputed.cases] == [True] * len(disputed.cases)
    assert all(one.case_id in shown for one in disputed.cases)
    table = pd.read_csv(folder / "sources.csv")
    assert table["source"].tolist() == ["first", "second", "random weights"]


@pytest.mark.usefixtures("without_pages")
def test_the_numbers_are_the_same_again(tiny: Any, tmp_path: Path, medtl: Callable[..., Any]) -> None:
    study = tiny.write()
    for name in ("once", "again"):
        done = medtl("sources", study, "--candidates", "second,first", "--out", tmp_path / name)
        assert done.code == 0, done.err
    once, again = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("once", "again"))
    assert once == again
    first, second = (read_sources(tmp_path / name) for name in ("once", "again"))
    assert first.pairs == second.pairs
    assert first.choice == second.choice
    assert [one.name for one in first.candidates] == ["second", "first", "random weights"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--candidates", ","), "Expected names of encoders with commas"),
        (("--candidates", "first,first"), "--candidates names first more than once. Name each encoder once."),
        (
            ("--candidates", ",".join(f"e{n}" for n in range(13))),
            "names 13 encoders; expected at most 12.",
        ),
        (("--candidates", "frist"), "The encoder 'frist' is not known. Did you mean first?"),
        (
            ("--candidates", "resnet18-imagenet"),
            "The weights of the encoder resnet18-imagenet are not on this",
        ),
        (("--candidates", "volumes"), "The encoder volumes takes volumes, but the preparation gives pictures"),
        (("--candidates", "resnet10"), "resnet10 is an architecture without pretrained weights, and so no source"),
        (
            ("--candidates", "first", "--set", "preparation.size_px=[16,16]", "--set", "folds={foreign: true}"),
            "A comparison of sources draws its folds itself",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], words: tuple[str, ...], sentence: str
) -> None:
    done = medtl("sources", tiny.write(), *words, "--out", tmp_path / "sources")
    assert done.code == 2
    assert sentence in " ".join(done.err.split())
    assert not (tmp_path / "sources").exists()


def test_weights_that_are_damaged_or_of_another_network_are_refused_by_name_and_left_out_unnamed(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "weights"))
    for name in ("whole", "damaged", "other"):
        store_weights(name, seed=1)
    store = WeightStore.from_environment()
    path = store.path("damaged")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    card = tmp_path / "weights" / "other" / "card.json"
    card.write_text(card.read_text().replace('"resnet10"', '"resnet18"'))
    study = tiny.write()
    for name, sentence in (("damaged", "sha256"), ("other", "do not fit its card, a resnet18")):
        done = medtl("sources", study, "--candidates", name, "--out", tmp_path / "none")
        assert done.code == 7
        assert name in done.err
        assert sentence in " ".join(done.err.split())
    done = medtl("sources", study, "--out", tmp_path / "sources")
    assert done.code == 0, done.err
    found = read_sources(tmp_path / "sources")
    assert [one.name for one in found.candidates] == ["whole", "random weights"]
    assert [reason.partition(":")[0] for reason in found.left_out_candidates] == ["resnet10", "damaged", "other"]
    assert "whole is the only source that was compared" in done.out


def test_radimagenet_is_fed_in_both_ways_and_warned_of(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "weights"))
    fed = {"value_range": (-1.0, 1.0), "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    store_weights("rad", seed=1, trained_on="RadImageNet: scans", **fed)
    store_weights("witness", seed=1, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    done = medtl("sources", tiny.write(), "--candidates", "rad,witness", "--out", tmp_path / "sources")
    assert done.code == 0, done.err
    found = read_sources(tmp_path / "sources")
    rad, other, witness, _ = found.candidates
    assert other.name == "rad, ImageNet normalisation"
    assert (other.encoder, other.auroc, other.inner_losses) == ("rad", witness.auroc, witness.inner_losses)
    assert rad.inner_losses != other.inner_losses
    shown = text_of(tmp_path / "sources" / "sources.html")
    assert "rad and rad, ImageNet normalisation: with the encoder frozen first, weights of RadImageNet" in shown
    assert "The publishers of rad disagree on its normalisation, so it was fed in both ways" in shown


def test_a_store_without_weights_says_how_to_get_some(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "weights"))
    done = medtl("sources", tiny.write(), "--out", tmp_path / "sources")
    assert done.code == 2
    said = " ".join(done.err.split())
    assert "There is no encoder to compare: the weight store" in said
    assert "Get some by medtl weights fetch, unpack or import; medtl weights list says which ones to take." in said


def test_a_folder_with_other_files_is_left_alone(tiny: Any, tmp_path: Path, medtl: Callable[..., Any]) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "thesis.txt").write_text("all of it")
    done = medtl("sources", tiny.write(), "--out", tmp_path / "sources")
    assert done.code == 2
    assert "holds files that `medtl sources` did not write (thesis.txt)" in " ".join(done.err.split())


def grown(tiny: Any, patients: int) -> Any:
    """The tiny cohort with more patients of the same kind."""
    for number in range(len(tiny.rows), patients):
        image = f"scans/Aufnahme-{number:02d}.png"
        tiny.draw(image, number=number)
        label = ("well", "ill")[number % 2]
        tiny.rows.append(
            {"case_id": f"Befund-{number:02d}", "patient_id": f"Meier-{number:02d}", "image": image, "label": label}
        )
    return tiny


def test_an_encoder_pretrained_here_knows_its_source_and_how_far_the_target_is(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "weights"))
    few = medtl("pretrain", tiny.write(), "--as", "of-few")
    assert few.code == 0, few.err
    assert (
        "The card gets no statistics of the source's features. Statistics of a source need at least 40 images of"
        in (" ".join(few.err.split()))
    )
    study = grown(tiny, 90).write(folds={"count": 5, "seed": 7})
    assert medtl("pretrain", study, "--as", "of-these").code == 0
    store = WeightStore.from_environment()
    own = store.card("of-these").source_features
    assert own is not None
    assert (own.cases, own.held_out_cases, own.features) == (own.patients, 18, 512)
    assert store.card("of-few").source_features is None

    done = medtl("sources", study, "--candidates", "of-these,of-few", "--out", tmp_path / "sources")
    assert done.code == 0, done.err
    near, unknown = read_sources(tmp_path / "sources").distances
    assert near.found is not None
    assert (near.found.cases, near.found.patients, near.found.source_cases) == (90, 90, own.cases)
    assert near.found.frechet <= near.found.largest_of_draws
    assert (unknown.found, unknown.reason) == (None, "its card has no statistics of the source")
    shown = text_of(tmp_path / "sources" / "sources.html")
    for sentence in (
        "of-these: these images lie no farther from its source than samples of the source do from each other (Fréchet",
        "of 90 images lie outside of the source's domain, 5 % are expected of images of its own kind.",
        "How far these images lie from the source of of-few is not known: its card has no statistics of the source.",
        "Held-out outside: the same of images of the source that the encoder did not learn from",
    ):
        assert sentence in shown, sentence
    assert pd.read_csv(tmp_path / "sources" / "tables" / "distances.csv").iloc[:, 0].tolist() == ["of-these", "of-few"]

    for number, row in enumerate(tiny.rows):
        coarse = np.random.default_rng(number).integers(0, 255, (4, 4)).astype(np.uint8)
        Image.fromarray(np.kron(coarse, np.ones((8, 8), dtype=np.uint8))).save(study.parent / row["image"])
    assert medtl("sources", study, "--candidates", "of-these", "--out", tmp_path / "other").code == 0
    (far,) = read_sources(tmp_path / "other").distances
    assert far.found is not None
    assert far.found.frechet > 2 * far.found.largest_of_draws
    assert "of-these: these images lie farther from its source than" in text_of(tmp_path / "other" / "sources.html")

    beside = tmp_path / "weights" / "of-these" / "source_features.safetensors"
    beside.write_bytes(beside.read_bytes()[:-1] + b"x")
    assert medtl("sources", study, "--candidates", "of-these", "--out", tmp_path / "damaged").code == 0
    (lost,) = read_sources(tmp_path / "damaged").distances
    assert lost.reason is not None
    assert lost.reason.startswith("source_features.safetensors is damaged or was exchanged: expected sha256")


def test_an_encoder_of_the_store_is_described_by_images_of_its_source(
    tiny: Any, tmp_path: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTL_WEIGHTS", str(tmp_path / "weights"))
    store_weights("bare", seed=1)
    store = WeightStore.from_environment()
    before = store.read("bare")
    few = medtl("weights", "describe", "bare", tiny.write())
    assert few.code == 2
    assert "need at least 40 images of 10 patients; there are 24 of 24." in " ".join(few.err.split())
    study = grown(tiny, 60).write()
    done = medtl("weights", "describe", "bare", study)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "bare: its card has the features of 60 images of 60 patients"
    known = store.verify("bare").source_features
    assert known is not None
    assert (known.cases, known.held_out_cases) == (60, 0)
    assert store.read("bare") == before
    for name, words, sentence in (
        ("bare", (), "The card of bare has statistics of 60 images of its source. Replace them on purpose (--replace)"),
        ("resnet10", (), "resnet10 has no card of its own for these scans; expected a stored encoder that takes them"),
    ):
        again = medtl("weights", "describe", name, study, *words)
        assert again.code == 2
        assert sentence in " ".join(again.err.split())
    assert medtl("weights", "describe", "bare", study, "--replace").code == 0
    assert store.verify("bare").source_features == known
