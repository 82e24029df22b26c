"""A run folder as `medtl run` leaves it, made of chance alone, so that the pages can be tested without training."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser_tab import Tab, opened_tab
from matplotlib import colormaps
from PIL import Image

from medtl.encoders import EncoderCard
from medtl.files import fingerprint, write_csv, write_json
from medtl.predictions import PredictionTable
from medtl.study.settings import Study, write_study

SKILL = {"probe": 1.05, "centroid": 0.8, "lp_ft": 1.25, "full": 1.15, "scratch": 0.45}
"""How far apart the classes' scores lie, in standard deviations, for each model."""


CHROMIUM_SWITCHES = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "hide-scrollbars",
)


@dataclass(frozen=True)
class RunRecipe:
    """What kind of run folder to write; `mark` is put into every text that a user could have written."""

    name: str = "pneumonia-radiographs"
    classes: tuple[str, ...] = ("normal", "pneumonia")
    patients: int = 120
    fold_count: int = 5
    repeats: int = 1
    official: bool = False
    models: tuple[str, ...] = ("probe", "centroid", "lp_ft", "scratch")
    policies: tuple[str, ...] = ("lp_ft", "scratch")
    with_history: bool = True
    with_saliency: bool = True
    with_covariates: bool = True
    phantom: bool = False
    limited: str | None = None
    finished_folds: tuple[int, ...] | None = None
    signal: float = 1.0
    resamples: int = 200
    mark: str = ""
    images_per_patient: int = 3
    one_class_test_fold: bool = False


def write_run(folder: Path, recipe: RunRecipe = RunRecipe()) -> Path:
    """Write a whole run folder under `folder` and give back its path."""
    rng = np.random.default_rng(20)
    cases = _cases(recipe, rng)
    folds = _folds(cases, recipe, rng)
    settings = _settings(recipe)
    run = folder / f"{recipe.name}-{fingerprint(settings)}"
    run.mkdir(parents=True)
    write_study(Study.model_validate({**settings, "manifest": run / f"manifest{recipe.mark}.csv"}), run / "study.yaml")
    write_csv(run / "manifest.lock.csv", cases)
    write_csv(run / "folds.csv", folds)
    write_csv(run / "exclusions.csv", _exclusions(recipe))
    covariates = [name for name in ("site", "sex", "age_years") if name in cases]
    write_json(
        run / "cohort.json",
        {
            "files": len(cases) + 9,
            "cases": len(cases),
            "patients": int(cases.patient_id.nunique()),
            "classes": list(recipe.classes),
            "positive_class": recipe.classes[-1] if len(recipe.classes) == 2 else None,
            "notes": [f"3 patients appear with two labels; each counts once per label.{recipe.mark}"],
            "note_details": [
                {
                    "kind": "several labels",
                    "severity": "note",
                    "question": "What is the reference standard of a patient with two labels?",
                    "advice": "Say how the label of such a patient was decided, or leave the patient out.",
                    "cases": [],
                }
            ],
            "is_phantom": recipe.phantom,
            "limited": recipe.limited,
            "covariates": covariates,
        },
    )
    write_json(run / "environment.json", _environment(recipe, settings))
    predictions = _predictions(cases, folds, recipe, covariates, rng)
    every_fold = sorted(folds.fold.unique())
    finished = every_fold if recipe.finished_folds is None else list(recipe.finished_folds)
    for fold in finished:
        _write_fold(run / f"fold_{fold}", int(fold), predictions[predictions.fold == fold], cases, recipe, rng)
    if len(finished) == len(every_fold):
        write_csv(run / "predictions.csv", predictions)
    return run


def _cases(recipe: RunRecipe, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for patient in range(recipe.patients):
        label = recipe.classes[int(rng.choice(len(recipe.classes), p=_prevalence(len(recipe.classes))))]
        if patient < len(recipe.classes) * recipe.fold_count:
            label = recipe.classes[patient % len(recipe.classes)]
        facts = {
            "site": str(rng.choice(["North", "South"], p=[0.6, 0.4])) + recipe.mark,
            "sex": str(rng.choice(["female", "male"])),
            "age_years": float(np.clip(rng.normal(54, 16), 18, 92).round(1)) if rng.random() > 0.04 else None,
        }
        for image in range(int(rng.integers(1, recipe.images_per_patient + 1))):
            rows.append(
                {
                    "case_id": f"c{patient:04d}{image}{recipe.mark}",
                    "patient_id": f"p{patient:04d}{recipe.mark}",
                    "label": label,
                    "sha256": fingerprint([patient, image]) * 5,
                    "pixel_sha256": fingerprint([patient, image, "pixels"]) * 5,
                    "shape": "1024x880",
                    "channels": 1,
                    "spacing_mm": "0.2x0.2",
                    "reader": "png",
                    "notes": recipe.mark or None,
                    **(facts if recipe.with_covariates else {}),
                }
            )
    return pd.DataFrame(rows)


def _prevalence(count: int) -> list[float]:
    return [0.62, 0.38] if count == 2 else [1.0 / count] * count


def _folds(cases: pd.DataFrame, recipe: RunRecipe, rng: np.random.Generator) -> pd.DataFrame:
    patients = cases.drop_duplicates("patient_id")[["patient_id", "label"]]
    tables = []
    for repeat in range(recipe.repeats):
        home: dict[str, int] = {}
        for _, group in patients.groupby("label"):
            order = rng.permutation(group.patient_id.to_numpy())
            home.update({patient: place % recipe.fold_count for place, patient in enumerate(order)})
        if recipe.one_class_test_fold:
            positives = set(patients.patient_id[patients.label == recipe.classes[-1]])
            home = {p: (1 if f == 0 and p in positives else f) for p, f in home.items()}
        for fold in range(1 if recipe.official else recipe.fold_count):
            part = cases.patient_id.map(home)
            after = (fold + 1) % recipe.fold_count
            role = np.where(part == fold, "test", np.where(part == after, "validation", "training"))
            table = cases[["case_id", "patient_id", "label"]].copy()
            table["repeat"] = repeat
            table["fold"] = repeat * recipe.fold_count + fold
            table["role"] = role
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _settings(recipe: RunRecipe) -> dict[str, object]:
    folds: dict[str, object] = {"count": recipe.fold_count, "repeats": recipe.repeats, "seed": 7}
    return {
        "name": recipe.name,
        "manifest": f"manifest{recipe.mark}.csv",
        "folds": {"official": "split"} if recipe.official else folds,
        "preparation": {"preset": "radiograph", "size_px": [224, 224]},
        "encoder": "resnet18-imagenet",
        "adaptation": {"policy": list(recipe.policies)},
        "resamples": recipe.resamples,
        "recipe": {"epochs": 10, "batch_size": 16, "learning_rate": 1e-3},
        "label_column": "label",
    }


def _exclusions(recipe: RunRecipe) -> pd.DataFrame:
    reasons = [("unreadable", "The file ends before the picture does."), ("missing_label", "The label cell is empty.")]
    rows = [
        {"case_id": f"x{n}{recipe.mark}", "line": 300 + n, "reason": reasons[n % 3 > 0][0],
         "detail": reasons[n % 3 > 0][1] + recipe.mark}
        for n in range(9)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _environment(recipe: RunRecipe, settings: dict[str, object]) -> dict[str, object]:
    return {
        "versions": {"medtl": "0.1.0", "torch": "2.13.0", "monai": "1.6.1", "numpy": "2.4.6", "scikit-learn": "1.9.1"},
        "python": "3.11.2",
        "platform": "Linux x86_64",
        "device": "cpu",
        "cpu_count": 2,
        "seed": 7,
        "encoder": EncoderCard(
            name="resnet18-imagenet",
            architecture="resnet18",
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            trained_on="ImageNet-1k, 1.28 million natural photographs",
            source=f"timm resnet18 (ImageNet-1k){recipe.mark}",
            licence="Apache-2.0",
            citation="Russakovsky et al. (2015); He et al., Deep Residual Learning for Image Recognition, CVPR (2016)",
            sha256="ab12" * 16,
        ).model_dump(mode="json"),
        "started_utc": "2026-11-24T08:00:00Z",
        "finished_utc": "2026-11-24T08:12:31Z",
        "seconds": {"preparation": 31.5, "features": 120.2, "training": 580.0, "explanation": 14.0},
        "fingerprint": fingerprint(settings),
    }


def _predictions(
    cases: pd.DataFrame, folds: pd.DataFrame, recipe: RunRecipe, covariates: list[str], rng: np.random.Generator
) -> pd.DataFrame:
    nature = {patient: rng.normal(0, 0.8, len(recipe.classes)) for patient in cases.patient_id.unique()}
    facts = cases.set_index("case_id")
    tables = []
    for model in recipe.models:
        asked = folds[folds.role.isin(["validation", "test"])]
        truth = asked.label.map(recipe.classes.index).to_numpy()
        logits = np.stack([nature[patient] for patient in asked.patient_id])
        logits = logits + rng.normal(0, 0.5, logits.shape)
        logits[np.arange(len(asked)), truth] += SKILL[model] * recipe.signal
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        table = asked[["case_id", "patient_id", "fold", "role"]].copy()
        table["model"] = model
        table["truth"] = asked.label
        for place, name in enumerate(recipe.classes):
            table[f"p_{name}"] = chances[:, place]
        for name in covariates:
            table[name] = table.case_id.map(facts[name])
        tables.append(table)
    return pd.concat(tables, ignore_index=True).sort_values("fold", kind="stable")


def _write_fold(
    home: Path, fold: int, predictions: pd.DataFrame, cases: pd.DataFrame, recipe: RunRecipe, rng: np.random.Generator
) -> None:
    home.mkdir()
    write_csv(home / "predictions.csv", predictions)
    trained = [model for model in recipe.models if model in ("lp_ft", "full", "scratch")]
    if recipe.with_history and trained:
        write_csv(home / "history.csv", pd.concat([_history(model, rng) for model in trained], ignore_index=True))
    if "probe" in recipe.models:
        losses = [0.61, 0.55, 0.49, 0.47, 0.5, 0.58]
        grid = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
        write_json(
            home / "probe.json",
            {"C": 0.1, "C_grid": grid, "inner_log_loss": losses, "inner_folds": 4, "converged": True},
        )
    if recipe.with_saliency:
        _write_saliency(home / "saliency", predictions, cases, recipe, rng)
    write_json(home / "DONE.json", {"fold": fold, "sha256": {}})


def _history(model: str, rng: np.random.Generator) -> pd.DataFrame:
    epoch = np.arange(1, 11)
    pace, gap = (3.0, 0.16) if model != "scratch" else (9.0, 0.3)
    training = 0.68 * np.exp(-epoch / pace) + 0.12 + rng.normal(0, 0.01, 10)
    validation = training + gap * (epoch / 10) ** 1.3 + rng.normal(0, 0.02, 10)
    return pd.DataFrame(
        {
            "model": model,
            "epoch": epoch,
            "learning_rate": 1e-3 * 0.5 * (1 + np.cos(np.pi * epoch / 10)),
            "training_loss": training,
            "validation_loss": validation,
            "seconds": 2.0,
        }
    )


def _write_saliency(
    home: Path, predictions: pd.DataFrame, cases: pd.DataFrame, recipe: RunRecipe, rng: np.random.Generator
) -> None:
    home.mkdir()
    model = next(name for name in (*recipe.policies, "probe") if name in recipe.models)
    told = predictions[(predictions.role == "test") & (predictions.model == model)].reset_index(drop=True)
    said = told[[f"p_{name}" for name in recipe.classes]].to_numpy()
    told["probability"] = said.max(axis=1)
    told["called"] = [recipe.classes[place] for place in said.argmax(axis=1)]
    told["is_right"] = told.called == told.truth
    surest = told.sort_values("probability", ascending=False, kind="stable")
    chosen = surest.groupby(["called", "is_right"], sort=True).head(2)
    rows = []
    for place, case in enumerate(chosen.itertuples()):
        scan, overlay, strength = _pictures(case.called == recipe.classes[-1], rng)
        stem = f"{place:02d}"
        Image.fromarray(scan).save(home / f"{stem}_scan.png")
        Image.fromarray(overlay).save(home / f"{stem}_overlay.png")
        rows.append(
            {
                "case_id": case.case_id,
                "patient_id": case.patient_id,
                "model": model,
                "kind": f"{'right' if case.is_right else 'wrong'} {case.called}",
                "target_class": case.called,
                "truth": case.truth,
                "probability": case.probability,
                "strength": strength,
                "stage": "layer4",
                "positions": "7 x 7",
                "scan_png": f"{stem}_scan.png",
                "overlay_png": f"{stem}_overlay.png",
                "map_file": f"{stem}.npy",
                "window": f"full range of the file{recipe.mark}",
                "spacing_row_mm": 0.2,
                "spacing_column_mm": 0.2,
            }
        )
    write_csv(home / "saliency.csv", pd.DataFrame(rows))


def _pictures(is_target: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    height, width = 256, 220
    y, x = np.mgrid[0:height, 0:width]

    def blob(row: float, column: float, tall: float, wide: float) -> np.ndarray:
        return np.exp(-(((y - row) / tall) ** 2) - ((x - column) / wide) ** 2)

    chest = 0.75 * blob(140, 110, 160, 120) - 0.5 * blob(130, 65, 75, 32) - 0.5 * blob(130, 155, 75, 32)
    chest += 0.18 * blob(170, 120, 50, 38) + 0.06 * np.sin(y / 7.0) * blob(130, 110, 80, 90)
    row, column = rng.uniform(90, 170), rng.choice([65.0, 155.0]) + rng.normal(0, 8)
    if is_target:
        chest += 0.35 * blob(row, column, 22, 18)
    scan = (np.clip(chest, 0, 1) * 255 // 4 * 4).astype(np.uint8)
    strength = float(rng.gamma(3.0, 0.8)) * (1.0 if is_target else 0.3)
    heat = blob(row, column, 34, 30) * (0.9 if is_target else 0.6) + 0.2 * blob(rng.uniform(0, 256), 110, 40, 60)
    colour = colormaps["inferno"](heat.clip(0, 1))[..., :3] * 255
    grey = np.repeat(scan[..., None], 3, axis=2).astype(float)
    visible = (heat >= 0.2)[..., None] * 0.45
    return scan, (grey * (1 - visible) + colour * visible).astype(np.uint8), strength


COUNTED: dict[tuple[object, ...], object] = {}
"""The numbers of each table that was asked about, by what decides them."""


@pytest.fixture(scope="module", autouse=True)
def counted_once() -> Iterator[None]:
    """The numbers of a table are counted once: many tests ask about the same run, and counting is half of a page."""
    from medtl.report.results import judged

    def once(count: Callable[..., object]) -> Callable[..., object]:
        def counted(table: PredictionTable, *fold: int, **how: object) -> object:
            rows = pd.util.hash_pandas_object(table.rows, index=False).to_numpy().tobytes()
            key = (count.__name__, fold, tuple(table.rows), rows, repr(sorted(how.items())))
            if key not in COUNTED:
                COUNTED[key] = count(table, *fold, **how)
            return COUNTED[key]

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for name in ("evaluate", "evaluate_fold"):
            patch.setattr(judged, name, once(getattr(judged, name)))
        yield


@pytest.fixture(scope="session")
def run_writer() -> Callable[[Path, RunRecipe], Path]:
    """Writes a run folder of a kind."""
    return write_run


@pytest.fixture(scope="session")
def run_recipe() -> type[RunRecipe]:
    """The kinds of run folder that can be written."""
    return RunRecipe


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of 40 patients in three folds, two classes, four models, with curves and maps."""
    return write_run(tmp_path_factory.mktemp("small"), RunRecipe(patients=40, fold_count=3))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., str]]:
    """Runs headless Chromium with the given switches and gives back what it printed."""
    binary = os.environ.get("MEDTL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not binary:
        pytest.skip("no Chromium on this machine; set MEDTL_CHROMIUM to its path")
    with tempfile.TemporaryDirectory() as profile:
        switches = [f"--{name}" for name in CHROMIUM_SWITCHES]

        def browse(*more: str) -> str:
            done = subprocess.run(
                [binary, *switches, f"--user-data-dir={profile}", *more],
                capture_output=True, text=True, timeout=1200, check=True,
            )  # fmt: skip
            return done.stdout + done.stderr

        yield browse


PHONE_PX = 390
WITHOUT_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture
def on_a_phone(chromium: Callable[..., str], tmp_path: Path) -> Callable[[Path], tuple[int, int, int]]:
    """Of a page on a phone: the window's width, the page's, and how many parts reach beyond, in pixels."""

    def measured(page: Path) -> tuple[int, int, int]:
        measure = (
            "<script>addEventListener('load',()=>{const w=innerWidth;parent.postMessage([w,"
            "document.documentElement.scrollWidth,[...document.querySelectorAll('body *')].filter(e=>"
            "e.getBoundingClientRect().right>w+1&&!e.closest('.scroll,.canvas')).length].join('|'),'*')})"
            "</script></body>"
        )
        html = WITHOUT_POLICY.sub("", page.read_text(encoding="utf-8")).replace("</body>", measure)
        html = html.replace("<details", "<details open")
        (tmp_path / "page.html").write_text(html, encoding="utf-8")
        phone = tmp_path / "phone.html"
        phone.write_text(
            "<!doctype html><title>waiting</title><script>addEventListener('message',e=>document.title=e.data)"
            f'</script><iframe src="page.html" style="width:{PHONE_PX}px;height:800px;border:0"></iframe>'
        )
        dom = chromium("--window-size=800,900", "--virtual-time-budget=5000", "--dump-dom", phone.as_uri())
        found = re.search(r"<title>(\d+)\|(\d+)\|(\d+)</title>", dom)
        assert found is not None, "the page in the frame was not measured"
        width, wide, beyond = map(int, found.groups())
        return width, wide, beyond

    return measured


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """A tab of headless Chromium."""
    yield from opened_tab()
