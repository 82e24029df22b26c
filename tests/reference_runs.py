"""The safety net of a rebuilding: small studies of every kind, and whether they still give the same bytes and words.

    PYTHONPATH=. python tests/reference_runs.py write before/       on the commit before
    PYTHONPATH=. python tests/reference_runs.py compare before/     on each commit after: exits 1, shows what differs

A folder holds one text file per file of every run: tables and JSON as they are, pages as the words that stand on them.
What tells the day, the machine or the time taken is left out. The numbers depend on the processor and on PyTorch, so
both sides are made on one machine, and nothing of them is kept in the repository.
"""

from __future__ import annotations

import csv
import difflib
import html
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner
from volume_cohort import draw_volumes

from medtl.cli import app
from medtl.files import sha256_of_file

KEY = "5e" * 32
PICTURE: dict[str, Any] = {
    "manifest": "manifest.csv",
    "folds": {"count": 2, "seed": 7},
    "preparation": {"preset": "radiograph", "size_px": [32, 32]},
    "encoder": "resnet10",
    "recipe": {"epochs": 2, "batch_size": 8},
    "explanation": {"cases_of_each_kind": 1},
    "resamples": 100,
    "saliency": {"cases_per_fold": 2},
    "classes": ["well", "ill"],
}
KEPT = (".csv", ".json", ".jsonl", ".html", ".yaml", ".txt", ".md", ".bib")
LEFT_OUT = re.compile(r"environment\.json|events\.jsonl|DONE\.json|timings?\.json")
"""Files about the machine, the clock and hashes of the others."""

VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:seconds?|minutes?|hours?|s|min|h)\b(?: \d+ (?:s|min)\b)?"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:GB|GiB|MB|MiB)\b"), "<size>"),
    (re.compile(r'"made_from": "[0-9a-f]{64}"'), '"made_from": <hash of DONE.json>'),
)


def ask(*words: object, code: int = 0) -> str:
    """Give medtl a command in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, f"{words}: {done.exit_code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def draw_pictures(folder: Path, *, labels: tuple[str, ...], patients: int = 24, scans: int = 1) -> Path:
    """Noise of 32 x 32 px with a blob as bright as the class; sites, ages; the last eight are a sealed test."""
    (folder / "scans").mkdir(parents=True)
    rows = []
    for number in range(patients):
        for scan in range(scans):
            pixels = np.random.default_rng([number, scan]).integers(0, 120, (32, 32)).astype(np.uint8)
            pixels[8:20, 8:20] += np.uint8(100 / (len(labels) - 1) * (number % len(labels)))
            image = f"scans/{number:02d}-{scan}.png"
            Image.fromarray(pixels).save(folder / image)
            rows.append(
                {
                    "case_id": f"c{number:02d}-{scan}",
                    "patient_id": f"p{number:02d}",
                    "image": image,
                    "label": labels[number % len(labels)],
                    "site": ("north", "south")[number // 3 % 2],
                    "age_years": 40 + number,
                    "official": "test" if number >= patients - 8 else "train",
                }
            )
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def study(folder: Path, name: str, **settings: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(PICTURE | {"name": name} | settings, sort_keys=False), encoding="utf-8")
    return path


def table(path: Path, *, classes: tuple[str, ...], skill: float, seed: int) -> Path:
    """A table of predictions of another tool."""
    chance = np.random.default_rng(seed)
    truth = np.arange(90) % len(classes)
    logits = chance.normal(size=(90, len(classes))) + skill * np.eye(len(classes))[truth]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = {
        "case_id": [f"c{n}" for n in range(90)],
        "patient_id": [f"p{n // 2 * 2 if n % 6 == 0 else n}" for n in range(90)],
        "fold": np.arange(90) // 6 % 3,
        "truth": [classes[one] for one in truth],
    }
    rows |= {f"p_{name}": scores[:, column] for column, name in enumerate(classes)}
    pd.DataFrame(rows | {"site": np.where(np.arange(90) % 2, "north", "south")}).to_csv(path, index=False)
    return path


def binary(folder: Path) -> None:
    data = draw_pictures(folder / "data", labels=("well", "ill"))
    every = study(
        data, "binary", adaptation={"policy": ["lp_ft", "full", "scratch"]}, evaluation={"subgroups": ["site"]}
    )
    ask("run", every, "--out", folder / "run")
    ask(
        "compare",
        folder / "run",
        "--model",
        "probe",
        "--model",
        "full",
        "--out",
        folder / "compared",
        "--resamples",
        100,
    )
    (folder / "console.txt").write_text(ask("check", every))


def multiclass(folder: Path) -> None:
    data = draw_pictures(folder / "data", labels=("well", "ill", "worse"), patients=27, scans=2)
    three = study(
        data, "multiclass", classes=["well", "ill", "worse"], adaptation={"policy": "lp_ft"}, recipe={"epochs": 1}
    )
    ask("run", three, "--out", folder / "run")
    (folder / "console.txt").write_text(ask("check", three))


def sealed(folder: Path) -> None:
    data = draw_pictures(folder / "data", labels=("well", "ill"))
    chosen = study(
        data,
        "sealed",
        folds={"count": 2, "seed": 7, "sealed": "official"},
        adaptation={"policy": ["full", "scratch"]},
        selection={"learning_rates": [1e-4]},
        recipe={"epochs": 1, "batch_size": 8},
    )
    ask("run", chosen, "--out", folder / "run")
    shutil.copytree(folder / "run", folder / "closed")
    ask("unseal", folder / "run")


def volumes(folder: Path) -> None:
    cohort = draw_volumes(folder, patients=12, seed=3)
    for encoder, policy in (("resnet10-3d", "probe"), ("slices-resnet10", "lp_ft")):
        written = cohort.study(name=policy.replace("_", "-"), encoder=encoder, adaptation={"policy": policy})
        ask("run", written, "--out", folder / f"run-{policy}")


def tables(folder: Path) -> None:
    for count, classes in ((2, ("benign", "malignant")), (3, ("a", "b", "c"))):
        first, second = (
            table(folder / f"{name}-{count}.csv", classes=classes, skill=skill, seed=seed)
            for name, skill, seed in (("weak", 0.4, 1), ("strong", 1.8, 2))
        )
        ask("evaluate", first, "--out", folder / f"judged-{count}", "--resamples", 100, "--subgroup", "site")
        ask("compare", first, second, "--out", folder / f"compared-{count}", "--resamples", 100)


def audit(folder: Path) -> None:
    data = draw_pictures(folder / "data", labels=("well", "ill"), scans=2)
    shutil.copy(data / "scans" / "00-0.png", data / "scans" / "05-1.png")
    for number in range(1, 24, 2):
        path = data / "scans" / f"{number:02d}-0.png"
        pixels = np.array(Image.open(path))
        pixels[:4, :4] = 255
        Image.fromarray(pixels).save(path)
    (folder / "console.txt").write_text(ask("check", data / "manifest.csv", "--out", folder / "audit"))


RUNS: tuple[Callable[[Path], None], ...] = (tables, audit, binary, multiclass, sealed, volumes)


@contextmanager
def own_folders(folder: Path) -> Iterator[None]:
    """Cache, key and weights of their own; the same pseudonyms each time; one thread."""
    for name in ("CACHE", "HOME", "WEIGHTS"):
        os.environ[f"MEDTL_{name}"] = str(folder / name.lower())
    (folder / "home").mkdir(mode=0o700)
    (folder / "home" / "pseudonyms.key").touch(0o600)
    from medtl.cohort import pseudonyms

    (folder / "home" / "pseudonyms.key").rename(folder / "home" / pseudonyms.KEY_FILE)
    (folder / "home" / pseudonyms.KEY_FILE).write_text(KEY)
    torch.set_num_threads(1)
    yield


def words_of(path: Path) -> str:
    """What a file says, without what varies from day to day."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.S)
        text = "\n".join(line for part in re.split(r"<[^>]*>", text) if (line := " ".join(html.unescape(part).split())))
    if path.suffix == ".json" and isinstance(content := json.loads(text), dict):
        text = json.dumps(content, indent=1, ensure_ascii=False)
    if path.name == "history.csv":
        text = "\n".join(line.rpartition(",")[0] for line in text.splitlines())
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text + "\n"


def write(folder: Path, only: tuple[str, ...]) -> None:
    """Make the runs and keep what they say in `folder`."""
    with tempfile.TemporaryDirectory() as made, own_folders(Path(made)):
        for make in RUNS:
            if only and make.__name__ not in only:
                continue
            print(make.__name__, flush=True)
            there = Path(made) / make.__name__
            there.mkdir()
            make(there)
            for path in sorted(there.rglob("*")):
                if path.is_file() and "data" not in path.relative_to(there).parts and path.suffix in KEPT:
                    if not LEFT_OUT.search(path.name):
                        kept = folder / make.__name__ / path.relative_to(there)
                        kept = kept.with_name(kept.name + ".txt")
                        kept.parent.mkdir(parents=True, exist_ok=True)
                        kept.write_text(words_of(path).replace(str(made), "<folder>"), encoding="utf-8")
                elif path.suffix in (".safetensors", ".gz") and "run" in path.parts[-3:][0]:
                    kept = folder / make.__name__ / "hashes.txt"
                    with kept.open("a") as stream:
                        stream.write(f"{path.relative_to(there)} {sha256_of_file(path)}\n")


def compare(before: Path, after: Path, only: tuple[str, ...]) -> int:
    """Show what differs; the number of files that do."""
    files = {path.relative_to(side) for side in (before, after) for path in side.rglob("*.txt")}
    different = 0
    for file in sorted(files):
        if only and file.parts[0] not in only:
            continue
        old, new = (
            (side / file).read_text().splitlines() if (side / file).is_file() else [] for side in (before, after)
        )
        if old != new:
            different += 1
            shown = list(difflib.unified_diff(old, new, f"before/{file}", f"after/{file}", n=1, lineterm=""))
            print("\n".join(line[:300] for line in shown[:40]))
    print(f"{different} of {len(files)} files differ.")
    return different


def main() -> int:
    verb, folder, *only = sys.argv[1:]
    if verb == "write":
        write(Path(folder), tuple(only))
        return 0
    with tempfile.TemporaryDirectory() as made:
        write(Path(made), tuple(only))
        return min(compare(Path(folder), Path(made), tuple(only)), 1)


if __name__ == "__main__":
    sys.exit(main())
