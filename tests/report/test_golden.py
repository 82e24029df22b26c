"""One picture per kind of page that a person has looked at: a page that comes to look otherwise is noticed.

The pictures are small and grey, and fonts may differ between machines, so that only what moves, vanishes or overflows
counts. After a change that is meant, run with MEDTL_GOLDEN=write, look at the pages, and commit the new pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from medtl.cli.command import app
from medtl.cohort.pseudonyms import KEY_BYTES, KEY_FILE, private_folder
from medtl.report import write_reports
from medtl.report.pages.intake_page import Contact, IntakeContent, write_intake_page

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).parent / "golden"
WIDTH, HEIGHT, SCALE = 960, 2400, 8
MOST_DIFFERENCE = 6.0
"""Mean difference in grey levels of 255; a figure of a page that is gone makes 10 and more."""


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


def ask(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def table(path: Path, *, skill: float, seed: int) -> Path:
    chance = np.random.default_rng(seed)
    ill = np.arange(80) % 3 == 0
    risk = 1 / (1 + np.exp(-chance.normal(np.where(ill, skill, -skill))))
    rows = {
        "case_id": [f"c{n}" for n in range(80)],
        "patient_id": [f"p{n}" for n in range(80)],
        "fold": np.arange(80) // 3 % 4,
        "truth": np.where(ill, "malignant", "benign"),
        "p_benign": 1 - risk,
        "p_malignant": risk,
        "site": np.where(np.arange(80) % 2, "north", "south"),
    }
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def audit(folder: Path) -> Path:
    chance, rows = np.random.default_rng(4), []
    (folder / "images").mkdir(parents=True)
    for number in range(40):
        pixels = chance.integers(30, 120, (64, 64)).astype(np.uint8)
        pixels[20:40, 20:40] += np.uint8(60 * (number % 2))
        if number == 39:
            pixels = np.asarray(Image.open(folder / "images" / "0.png"))
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        rows.append((f"c{number}", f"p{number}", f"images/{number}.png", ("well", "ill")[number % 2]))
    pd.DataFrame(rows, columns=["case_id", "patient_id", "image", "label"]).to_csv(folder / "m.csv", index=False)
    ask("check", folder / "m.csv", "--out", folder / "audit")
    return folder / "audit" / "audit.html"


def intake(folder: Path) -> Path:
    shown = [Contact(case_id=f"case-{number}", lines=("MR, 64 x 64 x 20", "1 x 1 x 2 mm")) for number in range(6)]
    refused = [Contact(case_id="series-7", lines=("2 files",), reason="too few slices")]
    told = IntakeContent(
        name="ward", kind="DICOM", date="2026-01-01", version="0", fingerprint="f" * 12,
        file_outcomes=["used"] * 120 + ["not DICOM"] * 3, labels=["well"] * 4 + ["ill"] * 2, patients=6,
        accepted=shown, refused=refused, refused_reasons=["too few slices"], notes=("One series was tilted.",),
        links=("manifest.csv",),
    )  # fmt: skip
    write_intake_page(folder / "intake.html", told)
    return folder / "intake.html"


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, run_writer: Callable[..., Path], run_recipe: Callable[..., object]
) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "HOME", "WEIGHTS"):
            patch.setenv(f"MEDTL_{name}", str(folder / name.lower()))
        private_folder(folder / "home")
        (folder / "home" / KEY_FILE).write_text("5e" * KEY_BYTES)
        (folder / "home" / KEY_FILE).chmod(0o600)  # the same pseudonyms each time, so that no line breaks otherwise
        run = run_writer(folder / "study", run_recipe(patients=40, fold_count=3))
        study, fold, *_ = write_reports(run)
        first, second = (table(folder / f"{name}.csv", skill=skill, seed=seed)
                         for name, skill, seed in (("first", 0.4, 1), ("second", 1.2, 2)))  # fmt: skip
        ask("evaluate", first, "--out", folder / "judged", "--resamples", 100)
        ask("compare", first, second, "--out", folder / "compared", "--resamples", 100)
        return {
            "study": study,
            "fold": fold,
            "evaluation": folder / "judged" / "report.html",
            "comparison": folder / "compared" / "report.html",
            "audit": audit(folder / "cohort"),
            "intake": intake(folder),
        }


@pytest.mark.parametrize("kind", ["study", "fold", "evaluation", "comparison", "audit", "intake"])
def test_a_page_looks_as_the_one_that_was_looked_at(
    pages: dict[str, Path], chromium: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    shot = tmp_path / "shot.png"
    said = chromium(f"--screenshot={shot}", f"--window-size={WIDTH},{HEIGHT}", pages[kind].resolve().as_uri())
    assert "Refused to" not in said
    small = Image.open(shot).convert("L").resize((WIDTH // SCALE, HEIGHT // SCALE), Image.Resampling.BOX)
    golden = GOLDEN / f"{kind}.png"
    if os.environ.get("MEDTL_GOLDEN") == "write":
        small.save(golden, optimize=True)
    seen, expected = (np.asarray(picture, dtype=float) for picture in (small, Image.open(golden)))
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).mean() < MOST_DIFFERENCE, f"the {kind} page looks otherwise than {golden.name}"


@pytest.mark.parametrize("kind", ["study", "evaluation", "comparison"])
def test_a_page_without_its_figures_would_be_noticed(
    pages: dict[str, Path], chromium: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    bare = tmp_path / "bare.html"
    bare.write_text(pages[kind].read_text().replace("<svg", '<svg hidden style="display:none"'))
    shot = tmp_path / "shot.png"
    chromium(f"--screenshot={shot}", f"--window-size={WIDTH},{HEIGHT}", bare.resolve().as_uri())
    small = Image.open(shot).convert("L").resize((WIDTH // SCALE, HEIGHT // SCALE), Image.Resampling.BOX)
    difference = np.abs(np.asarray(small, dtype=float) - np.asarray(Image.open(GOLDEN / f"{kind}.png"), dtype=float))
    assert difference.mean() > MOST_DIFFERENCE


@pytest.mark.parametrize("kind", ["evaluation", "comparison", "audit", "intake"])
def test_nothing_is_wider_than_a_phone(
    pages: dict[str, Path], on_a_phone: Callable[[Path], tuple[int, int, int]], kind: str
) -> None:
    assert on_a_phone(pages[kind]) == (390, 390, 0)
